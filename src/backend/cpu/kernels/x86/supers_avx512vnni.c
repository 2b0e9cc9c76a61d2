/* Few columns in groups of 256 with weights of IQ4_XS. */
#include "backend/cpu/kernels/x86/chunks_avx512.h"
#include "backend/cpu/kernels/x86/kernels_x86.h"
#include "backend/cpu/kernels/x86/supers_avx512vnni.h"

DEFINE_SUPER(iq4_xs, true, NULL)
