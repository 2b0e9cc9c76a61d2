#include "backend/cpu/kernels/x86/floats_avx512.h"
#include "backend/cpu/kernels/x86/kernels_x86.h"

enum { TILE_VECTORS = 4 };

#define MIX_OF(type) mix_##type##_avx512
#include "backend/cpu/kernels/mix.h"
