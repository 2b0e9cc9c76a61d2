/* Few columns with weights of codebook rows or in base 3. */
#include "backend/cpu/kernels/x86/chunks_codes_avx2.h"
#include "backend/cpu/kernels/x86/kernels_x86.h"
#include "backend/cpu/kernels/x86/supers_avx2.h"

FOR_EACH_CODED_SUPER(DEFINE_SUPER)
