/* The weighted sum of value rows, tiles of output rows times a range of values at a time. The file
 * that includes this has defined vec, LANES, TILE_VECTORS   how many vectors of one output row are
 * summed at a time vec_load(x), vec_store(x, v), vec_set(x), vec_fma(a, b, sum) mix_load_f32(row,
 * i), mix_load_f16, mix_load_q8_0   LANES values from number i on MIX_OF(type)               the
 * name of the kernel of a type */
#pragma once

#include "backend/cpu/kernels.h"
#include "backend/cpu/kernels/inline.h"
#include "tensor/block.h"
#include "tensor/half.h"

enum { TILE_OUTPUTS = 4, AHEAD = 8 };

typedef vec load_values(const void *row, int i);

struct mix {
    float *out;
    size_t out_stride;
    const float *p;
    size_t p_stride;
    const char *v;
    size_t v_bytes;
    int n_kv;
};

/* The first tile reads a piece of each row: it asks for all of the row that comes a few later. */
ALWAYS_INLINE void ask_for_row(const char *row, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i += 64) __builtin_prefetch(row + i);
}

/* out[0 .. n_rows) [i .. i + n_vectors * LANES) */
ALWAYS_INLINE void mix_tile(const struct mix *m, load_values *load, int row, int n_rows, int i,
                            int n_vectors)
{
    vec sums[TILE_OUTPUTS][TILE_VECTORS];
    float *out = m->out + (size_t)row * m->out_stride + i;
    const float *p = m->p + (size_t)row * m->p_stride;
    UNROLL
    for (int r = 0; r < n_rows; r++) {
        UNROLL
        for (int s = 0; s < n_vectors; s++)
            sums[r][s] = vec_load(out + (size_t)r * m->out_stride + s * LANES);
    }
    const char *v = m->v;
    for (int j = 0; j < m->n_kv; j++, v += m->v_bytes) {
        if (i == 0 && row == 0) ask_for_row(v + AHEAD * m->v_bytes, m->v_bytes);
        vec weights[TILE_OUTPUTS];
        UNROLL
        for (int r = 0; r < n_rows; r++)
            weights[r] = vec_set(p[(size_t)r * m->p_stride + (size_t)j]);
        UNROLL
        for (int s = 0; s < n_vectors; s++) {
            vec values = load(v, i + s * LANES);
            UNROLL
            for (int r = 0; r < n_rows; r++) sums[r][s] = vec_fma(weights[r], values, sums[r][s]);
        }
    }
    UNROLL
    for (int r = 0; r < n_rows; r++) {
        UNROLL
        for (int s = 0; s < n_vectors; s++)
            vec_store(out + (size_t)r * m->out_stride + s * LANES, sums[r][s]);
    }
}

/* Returns how many values of every row it has done: all but what fills no vector. */
ALWAYS_INLINE int mix_rows(const struct mix *m, load_values *load, int row, int n_rows, int d)
{
    int i = 0;
    for (; i + TILE_VECTORS * LANES <= d; i += TILE_VECTORS * LANES)
        mix_tile(m, load, row, n_rows, i, TILE_VECTORS);
    for (; i + LANES <= d; i += LANES) mix_tile(m, load, row, n_rows, i, 1);
    return i;
}

ALWAYS_INLINE int mix_all(const struct mix *m, load_values *load, int n_rows, int d)
{
    int done = 0, row = 0;
    for (; row + TILE_OUTPUTS <= n_rows; row += TILE_OUTPUTS)
        done = mix_rows(m, load, row, TILE_OUTPUTS, d);
    for (; row < n_rows; row++) done = mix_rows(m, load, row, 1, d);
    return done;
}

/* The values from `from` on, one by one. */
ALWAYS_INLINE void mix_rest(const struct mix *m, int n_rows, int from, int d, bool half)
{
    for (int r = 0; r < n_rows; r++)
        for (int j = 0; j < m->n_kv; j++) {
            const char *row = m->v + (size_t)j * m->v_bytes;
            for (int i = from; i < d; i++) {
                float value =
                    half ? f16_to_f32(((const uint16_t *)row)[i]) : ((const float *)row)[i];
                m->out[(size_t)r * m->out_stride + (size_t)i] +=
                    m->p[(size_t)r * m->p_stride + (size_t)j] * value;
            }
        }
}

#define DEFINE_MIX(NAME, HALF)                                                                     \
    void MIX_OF(NAME)(float *out, size_t out_stride, const float *p, size_t p_stride, int n_rows,  \
                      const void *v, size_t v_bytes, int n_kv, int d)                              \
    {                                                                                              \
        struct mix m = {out, out_stride, p, p_stride, v, v_bytes, n_kv};                           \
        int done = mix_all(&m, mix_load_##NAME, n_rows, d);                                        \
        if (done < d && n_rows > 0) mix_rest(&m, n_rows, done, d, HALF);                           \
    }
DEFINE_MIX(f32, false)
DEFINE_MIX(f16, true)
DEFINE_MIX(q8_0, false)
