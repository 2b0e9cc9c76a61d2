#include "backend/cpu/kernels.h"

#include <string.h>

#include "backend/cpu/kernels/c/kernels_c.h"
#include "backend/cpu/kernels/column.h"

/* 16 columns then begin at other places of the caches than their neighbours do, whatever k is. */
enum { PAIRS_GAP = 512 };

bool kernels_init(struct kernels *kernels, const char *mask)
{
    kernels_fill_c(kernels);
    if (mask && strcmp(mask, "c") == 0) return true;
    return kernels_init_arch(kernels, mask);
}

size_t kernels_column_bytes(enum column_format format, int k)
{
    size_t n = (size_t)k;
    switch (format) {
    case COLUMN_Q8_32:
        return column_completed(k) + 2 * column_part(n / 32 * 4);
    case COLUMN_Q8_256:
        return column_part(n) + column_part(n / 16 * 2) + column_part(n / 256 * 4);
    case COLUMN_Q8_LANES:
        return column_q8_lanes_bytes(k);
    case COLUMN_Q8_EIGHTS:
        return column_completed(k) + column_completed(k) / 16 * 2 * 4;
    case COLUMN_BF16:
        return column_part(n * 2);
    case COLUMN_BF16_PAIRS:
        return column_part(n * 2) + PAIRS_GAP;
    case COLUMN_SPLIT_PAIRS:
        return 2 * column_part(n * 2) + PAIRS_GAP;
    default:
        return column_part(n * sizeof(float));
    }
}

size_t kernels_columns_bytes(enum column_format format, int64_t n, int k)
{
    if (column_is_paired(format)) n = (n + COLUMNS_PAIRED - 1) / COLUMNS_PAIRED * COLUMNS_PAIRED;
    return (size_t)n * kernels_column_bytes(format, k);
}

size_t kernels_attend_bytes(const struct kernels *kernels, const struct attend *a)
{
    size_t most = 0;
    for (int dtype = 0; dtype < DTYPE_LIMIT; dtype++) {
        size_t bytes = kernels->attend_bytes[dtype] ? kernels->attend_bytes[dtype](a) : 0;
        if (bytes > most) most = bytes;
    }
    return most;
}
