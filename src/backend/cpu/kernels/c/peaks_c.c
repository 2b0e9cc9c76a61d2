#include <string.h>

#include "backend/cpu/kernels/peak_kernels.h"

enum { LANES = 64 };

static uint64_t read_c(const uint8_t *data, size_t n_bytes)
{
    uint64_t sums[8] = {0}, words[8];
    for (size_t i = 0; i + sizeof words <= n_bytes; i += sizeof words) {
        memcpy(words, data + i, sizeof words);
        for (int j = 0; j < 8; j++) sums[j] += words[j];
    }
    uint64_t sum = 0;
    for (int j = 0; j < 8; j++) sum += sums[j];
    return sum;
}

static double f32_c(int64_t n_rounds, void *sink)
{
    float x[LANES] = {0};
    for (int64_t i = 0; i < n_rounds; i++)
        for (int j = 0; j < LANES; j++) x[j] = x[j] * 0.999f + 0.5f;
    memcpy(sink, x, sizeof x);
    return 2.0 * LANES * (double)n_rounds;
}

/* The factor changes, or the products could be computed once. */
static double int8_c(int64_t n_rounds, void *sink)
{
    uint32_t sums[LANES] = {0};
    for (int64_t i = 0; i < n_rounds; i++) {
        int8_t factor = (int8_t)i;
        for (int j = 0; j < LANES; j++) sums[j] += (uint32_t)((int8_t)(j + i) * factor);
    }
    memcpy(sink, sums, sizeof sums);
    return 2.0 * LANES * (double)n_rounds;
}

void peak_kernels_fill_c(struct peak_kernels *kernels)
{
    *kernels = (struct peak_kernels){.read = read_c, .f32 = f32_c, .int8 = int8_c};
}
