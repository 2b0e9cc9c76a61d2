#include "backend/cpu/kernels/x86/lanes_avx512vnni.h"

#define PANEL_TABLE matmul_panel_blocks_avx512vnni
#include "backend/cpu/kernels/x86/panel_blocks_vnni.h"
