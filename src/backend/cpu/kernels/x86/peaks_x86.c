#include <string.h>

#include "backend/cpu/kernels/x86/peaks_x86.h"

void peak_kernels_fill_arch(struct peak_kernels *kernels, const char *tier)
{
    if (strcmp(tier, "c") == 0) return;
    *kernels = (struct peak_kernels){peak_read_avx2, peak_f32_avx2, peak_int8_avx2, NULL};
    if (strcmp(tier, "avx2") == 0) return;
    if (strcmp(tier, "avxvnni") == 0) {
        kernels->int8 = peak_int8_avxvnni;
        return;
    }
    kernels->int8 = peak_int8_avx512;
    kernels->read = peak_read_avx512;
    kernels->f32 = peak_f32_avx512;
    if (strcmp(tier, "avx512") == 0) return;
    kernels->int8 = peak_int8_avx512vnni;
    if (strcmp(tier, "amx") == 0) kernels->bf16 = peak_bf16_amx;
}
