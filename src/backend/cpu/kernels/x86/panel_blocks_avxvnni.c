#include "backend/cpu/kernels/x86/lanes_avxvnni.h"

#define PANEL_TABLE matmul_panel_blocks_avxvnni
#include "backend/cpu/kernels/x86/panel_blocks_vnni.h"
