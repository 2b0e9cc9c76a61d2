/* What the twins of the kernels for super-blocks share. */
#pragma once

#include "backend/cpu/kernels.h"

/* w = d * scale * q - dmin * min, with a scale and a min for every 16 values */
struct integers {
    int q[256];
    int scale[16], min[16];
    float d, dmin;
};

typedef void open_super(const void *row, int block, struct integers *out);

void matmul_supers_c(const struct matmul *m, int first_row, int n_rows, open_super *open);

static inline void no_mins(struct integers *out)
{
    for (int j = 0; j < 16; j++) out->min[j] = 0;
    out->dmin = 0;
}
