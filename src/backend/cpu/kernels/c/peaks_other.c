/* For machines without kernels of their own. Built instead of x86/ and arm/. */
#include "backend/cpu/kernels/peak_kernels.h"

void peak_kernels_fill_arch(struct peak_kernels *kernels, const char *tier)
{
    (void)kernels, (void)tier;
}
