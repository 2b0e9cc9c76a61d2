#include "backend/cpu/kernels/x86/lanes_256.h"

#define PANEL_TABLE matmul_panel_blocks_avx2
#include "backend/cpu/kernels/x86/panel_blocks_pairs.h"
