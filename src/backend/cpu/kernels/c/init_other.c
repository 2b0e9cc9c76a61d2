/* For machines without kernels of their own. Built instead of x86/ and arm/. */
#include <stddef.h>

#include "backend/cpu/kernels/c/kernels_c.h"

bool kernels_init_arch(struct kernels *kernels, const char *mask)
{
    (void)kernels;
    return mask == NULL;
}

const char *const *kernels_tiers(void)
{
    static const char *const names[] = {"c", NULL};
    return names;
}
