#include "backend/cpu/kernels/x86/lanes_512.h"

#define PANEL_TABLE matmul_panel_supers_avx512
#include "backend/cpu/kernels/x86/panel_supers_pairs.h"
