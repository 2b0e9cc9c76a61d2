#include "backend/cpu/kernels/x86/lanes_avx512vnni.h"

#define PANEL_TABLE matmul_panel_supers_avx512vnni
#include "backend/cpu/kernels/x86/panel_supers_vnni.h"
