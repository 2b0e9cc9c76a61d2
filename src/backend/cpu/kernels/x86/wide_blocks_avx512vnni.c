/* Many columns in groups of 32 with weights in blocks of 32. A panel holds bytes q + 128, four
 * consecutive values of each of 16 rows in a vector; the sum of a column's group takes the 128
 * away. */
#include "backend/cpu/kernels/column.h"
#include "backend/cpu/kernels/x86/kernels_x86.h"
#include "backend/cpu/kernels/x86/open_blocks.h"
#include "backend/cpu/kernels/x86/panel_avx512.h"
#include "backend/cpu/kernels/x86/transpose_avx512.h"

struct packed_block {
    uint8_t q[8][GROUP_ROWS][4];
    float d[GROUP_ROWS], m[GROUP_ROWS];
};

enum { GROUP_BYTES = sizeof(struct packed_block) * (BYTE_PANEL_K / 32) };
static_assert(GROUP_BYTES * (PANEL_ROWS / GROUP_ROWS) <= PANEL_SCRATCH_BYTES,
              "the panel fits the scratch");

/* The upper half of each vector stays empty. */
ALWAYS_INLINE void pack_blocks(open_block *open, size_t block_bytes,
                               const void *const rows[GROUP_ROWS], int k0, int k, char *group)
{
    struct packed_block *out = (struct packed_block *)group;
    for (int b = k0 / 32; b < (k0 + k) / 32; b++, out++) {
        __m512i v[GROUP_ROWS];
        for (int r = 0; r < GROUP_ROWS; r++) {
            struct open_block w = open((const char *)rows[r] + block_bytes * (size_t)b);
            v[r] = _mm512_zextsi256_si512(_mm256_xor_si256(w.q, _mm256_set1_epi8((char)0x80)));
            out->d[r] = w.d;
            out->m[r] = w.m;
        }
        transpose_16(v);
        memcpy(out->q, v, sizeof out->q);
    }
}

ALWAYS_INLINE void multiply_blocks(const char *group, const struct matmul *m, int column,
                                   int n_columns, int k0, int k, __m512 *out, bool has_min)
{
    const struct packed_block *w = (const struct packed_block *)group;
    struct column_q8_32 x[MAX_TILE];
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        x[c] = column_q8_32(matmul_column(m, column + c), m->k);
        x[c].q += k0;
        x[c].scale += k0 / 32;
        x[c].bias += k0 / 32;
    }
    __m512 sums[MAX_TILE]; /* in registers, which `out` could not be */
    UNROLL
    for (int c = 0; c < n_columns; c++) sums[c] = _mm512_setzero_ps();
    for (int b = 0; b < k / 32; b++, w++) {
        __m512i dots[MAX_TILE];
        UNROLL
        for (int c = 0; c < n_columns; c++) dots[c] = _mm512_set1_epi32(x[c].bias[b]);
        UNROLL
        for (int i = 0; i < 8; i++) {
            __m512i q = _mm512_load_si512(w->q[i]);
            UNROLL
            for (int c = 0; c < n_columns; c++)
                dots[c] = _mm512_dpbusd_epi32(dots[c], q,
                                              broadcast_four(x[c].q + 32 * (size_t)b + 4 * i));
        }
        __m512 d = _mm512_load_ps(w->d), min = _mm512_load_ps(w->m);
        UNROLL
        for (int c = 0; c < n_columns; c++) {
            __m512 scale = _mm512_set1_ps(x[c].scale[b]);
            sums[c] =
                _mm512_fmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(dots[c]), scale), d, sums[c]);
            if (!has_min) continue;
            float sum = (float)x[c].bias[b] * (-1.0f / 128) * x[c].scale[b];
            sums[c] = _mm512_fmadd_ps(_mm512_set1_ps(sum), min, sums[c]);
        }
    }
    UNROLL
    for (int c = 0; c < n_columns; c++) out[c] = sums[c];
}

DEFINE_MULTIPLY(without_min, multiply_blocks, false)
DEFINE_MULTIPLY(with_min, multiply_blocks, true)

#define DEFINE(NAME, MULTIPLY)                                                                     \
    static void pack_##NAME(const void *const rows[GROUP_ROWS], int k0, int k, char *group)        \
    {                                                                                              \
        pack_blocks(open_##NAME, sizeof(struct block_##NAME), rows, k0, k, group);                 \
    }                                                                                              \
    void matmul_wide_##NAME##_avx512vnni(const struct matmul *m, int first_row, int n_rows,        \
                                         void *scratch)                                            \
    {                                                                                              \
        struct panel_type type = {pack_##NAME, MULTIPLY, GROUP_BYTES};                             \
        multiply_panels(&type, m, first_row, n_rows, scratch);                                     \
    }
DEFINE(q4_0, without_min)
DEFINE(q4_1, with_min)
DEFINE(q5_0, without_min)
DEFINE(q5_1, with_min)
DEFINE(q8_0, without_min)
DEFINE(iq4_nl, without_min)
DEFINE(mxfp4, without_min)
