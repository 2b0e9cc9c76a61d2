#include "backend/cpu/kernels/x86/lanes_512.h"

#define PANEL_TABLE matmul_panel_blocks_avx512
#include "backend/cpu/kernels/x86/panel_blocks_pairs.h"
