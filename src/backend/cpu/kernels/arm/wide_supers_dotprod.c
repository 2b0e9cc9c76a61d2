#include "backend/cpu/kernels/arm/tile_dotprod.h"

#define WIDE_OF(type) matmul_wide_##type##_dotprod
#include "backend/cpu/kernels/arm/wide_supers.h"
