#include "backend/cpu/kernels/arm/tile_i8mm.h"

#define WIDE_OF(type) matmul_wide_##type##_i8mm
#include "backend/cpu/kernels/arm/wide_supers.h"
