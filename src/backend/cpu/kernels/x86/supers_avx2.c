/* Few columns with weights of the K types and IQ4_XS. */
#include "backend/cpu/kernels/x86/chunks_avx2.h"
#include "backend/cpu/kernels/x86/kernels_x86.h"
#include "backend/cpu/kernels/x86/supers_avx2.h"

FOR_EACH_K_SUPER(DEFINE_SUPER)
