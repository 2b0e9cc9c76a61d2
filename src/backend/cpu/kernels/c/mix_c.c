/* Key-value caches: the weighted sum of value rows, and the way into the cache. */
#include <math.h>
#include <string.h>

#include "backend/cpu/kernels/c/kernels_c.h"
#include "tensor/block.h"
#include "tensor/half.h"

void mix_f32_c(float *out, size_t out_stride, const float *p, size_t p_stride, int n_rows,
               const void *v, size_t v_bytes, int n_kv, int d)
{
    for (int r = 0; r < n_rows; r++)
        for (int j = 0; j < n_kv; j++) {
            const float *value = (const float *)((const char *)v + (size_t)j * v_bytes);
            float weight = p[(size_t)r * p_stride + (size_t)j];
            for (int i = 0; i < d; i++)
                out[(size_t)r * out_stride + (size_t)i] += weight * value[i];
        }
}

void mix_f16_c(float *out, size_t out_stride, const float *p, size_t p_stride, int n_rows,
               const void *v, size_t v_bytes, int n_kv, int d)
{
    for (int r = 0; r < n_rows; r++)
        for (int j = 0; j < n_kv; j++) {
            const uint16_t *value = (const uint16_t *)((const char *)v + (size_t)j * v_bytes);
            float weight = p[(size_t)r * p_stride + (size_t)j];
            for (int i = 0; i < d; i++)
                out[(size_t)r * out_stride + (size_t)i] += weight * f16_to_f32(value[i]);
        }
}

void mix_q8_0_c(float *out, size_t out_stride, const float *p, size_t p_stride, int n_rows,
                const void *v, size_t v_bytes, int n_kv, int d)
{
    for (int r = 0; r < n_rows; r++)
        for (int j = 0; j < n_kv; j++) {
            const struct block_q8_0 *blocks =
                (const struct block_q8_0 *)((const char *)v + (size_t)j * v_bytes);
            float weight = p[(size_t)r * p_stride + (size_t)j];
            for (int i = 0; i < d; i++)
                out[(size_t)r * out_stride + (size_t)i] +=
                    weight * f16_to_f32(blocks[i / 32].d) * (float)blocks[i / 32].qs[i % 32];
        }
}

void store_f32_c(const float *x, void *destination, int n)
{
    memcpy(destination, x, (size_t)n * sizeof *x);
}

void store_f16_c(const float *x, void *destination, int n)
{
    uint16_t *y = destination;
    for (int i = 0; i < n; i++) y[i] = f32_to_f16(x[i]);
}

/* A block whose largest value is not finite, or beyond what its scale can hold, gets a scale that
 * is not finite either: the fault shows in the result. */
void store_q8_0_c(const float *x, void *destination, int n)
{
    struct block_q8_0 *block = destination;
    for (; n > 0; n -= 32, x += 32, block++) {
        float max = 0;
        for (int i = 0; i < 32; i++)
            if (!(fabsf(x[i]) <= max)) max = fabsf(x[i]);
        float inverse = max > 1e-30f && isfinite(max) ? 127 / max : 0;
        block->d = f32_to_f16(max / 127);
        for (int i = 0; i < 32; i++)
            block->qs[i] = inverse > 0 ? (int8_t)lrintf(x[i] * inverse) : 0;
    }
}
