#include <string.h>

#include "backend/cpu/kernels/arm/peaks_arm.h"

void peak_kernels_fill_arch(struct peak_kernels *kernels, const char *tier)
{
    if (strcmp(tier, "c") == 0) return;
    *kernels =
        (struct peak_kernels){.read = peak_read_neon, .f32 = peak_f32_neon, .int8 = peak_int8_neon};
    if (strcmp(tier, "dotprod") == 0) kernels->int8 = peak_int8_dotprod;
    if (strcmp(tier, "i8mm") == 0) kernels->int8 = peak_int8_i8mm;
}
