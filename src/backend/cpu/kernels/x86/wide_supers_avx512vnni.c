/* Many columns in groups of 256 with weights in super-blocks. A panel holds unsigned bytes, four
 * consecutive values of each of 16 rows in a vector; signed types carry their offset as a minimum.
 */
#include "backend/cpu/kernels/column.h"
#include "backend/cpu/kernels/x86/chunks_codes_avx512.h"
#include "backend/cpu/kernels/x86/kernels_x86.h"
#include "backend/cpu/kernels/x86/open_supers.h"
#include "backend/cpu/kernels/x86/panel_avx512.h"
#include "backend/cpu/kernels/x86/transpose_avx512.h"

struct packed_super {
    uint8_t q[64][GROUP_ROWS][4];
    float scales[16][GROUP_ROWS]; /* d times the scale of 16 values */
    int16_t mins[8][GROUP_ROWS][2];
    float dmin[GROUP_ROWS];
};

enum { GROUP_BYTES = sizeof(struct packed_super) * (BYTE_PANEL_K / 256) };
static_assert(GROUP_BYTES * (PANEL_ROWS / GROUP_ROWS) <= PANEL_SCRATCH_BYTES,
              "the panel fits the scratch");

struct super_type {
    size_t block_bytes;
    open_head *head;
    open_chunk *chunk;
    bool is_signed;
    open_codes *codes; /* NULL: the values are in the block itself */
};

ALWAYS_INLINE void pack_heads(struct super_type type, const char *const blocks[GROUP_ROWS],
                              struct packed_super *out)
{
    __m512i scales[GROUP_ROWS], mins[GROUP_ROWS];
    for (int r = 0; r < GROUP_ROWS; r++) {
        struct super_head head = type.head(blocks[r]);
        __m512 wide = _mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(head.scales));
        scales[r] = _mm512_castps_si512(_mm512_mul_ps(wide, _mm512_set1_ps(head.d)));
        if (type.is_signed) head.mins = _mm256_slli_epi16(head.scales, 7);
        mins[r] = _mm512_zextsi256_si512(head.mins);
        out->dmin[r] = type.is_signed ? head.d : head.dmin;
    }
    transpose_16(scales);
    memcpy(out->scales, scales, sizeof out->scales);
    transpose_16(mins);
    memcpy(out->mins, mins, sizeof out->mins);
}

ALWAYS_INLINE __m512i open_bytes(struct chunk chunk, bool is_signed)
{
    if (!is_signed) return chunk.w;
    __m512i offset = _mm512_set1_epi8((char)0x80);
    return _mm512_mask_sub_epi8(_mm512_add_epi8(offset, chunk.w), chunk.minus, offset, chunk.w);
}

ALWAYS_INLINE void pack_values(struct super_type type, const char *const blocks[GROUP_ROWS],
                               struct packed_super *out)
{
    struct codes codes[GROUP_ROWS];
    const void *sources[GROUP_ROWS];
    for (int r = 0; r < GROUP_ROWS; r++) {
        if (type.codes) type.codes(blocks[r], &codes[r]);
        sources[r] = type.codes ? (const void *)&codes[r] : blocks[r];
    }
    UNROLL
    for (int j = 0; j < 4; j++) {
        __m512i v[GROUP_ROWS];
        for (int r = 0; r < GROUP_ROWS; r++)
            v[r] = open_bytes(type.chunk(sources[r], j), type.is_signed);
        transpose_16(v);
        memcpy(out->q[16 * j], v, sizeof v);
    }
}

ALWAYS_INLINE void pack_supers(struct super_type type, const void *const rows[GROUP_ROWS], int k0,
                               int k, char *group)
{
    struct packed_super *out = (struct packed_super *)group;
    for (int b = k0 / 256; b < (k0 + k) / 256; b++, out++) {
        const char *blocks[GROUP_ROWS];
        for (int r = 0; r < GROUP_ROWS; r++)
            blocks[r] = (const char *)rows[r] + type.block_bytes * (size_t)b;
        pack_heads(type, blocks, out);
        pack_values(type, blocks, out);
    }
}

/* Sums of scale * q * x over a super-block: 4 * n_quads values share a scale. */
ALWAYS_INLINE void add_values(const struct packed_super *w, const int8_t *const *x, int n_columns,
                              int n_quads, __m512 *sums)
{
    for (int first = 0; first < 64; first += n_quads) {
        __m512i dots[MAX_TILE];
        UNROLL
        for (int c = 0; c < n_columns; c++) dots[c] = _mm512_setzero_si512();
        UNROLL
        for (int i = 0; i < n_quads; i++) {
            __m512i q = _mm512_load_si512(w->q[first + i]);
            UNROLL
            for (int c = 0; c < n_columns; c++)
                dots[c] = _mm512_dpbusd_epi32(dots[c], q, broadcast_four(x[c] + 4 * (first + i)));
        }
        __m512 scales = _mm512_load_ps(w->scales[first / 4]);
        UNROLL
        for (int c = 0; c < n_columns; c++)
            sums[c] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[c]), scales, sums[c]);
    }
}

ALWAYS_INLINE void subtract_mins(const struct packed_super *w, const int16_t *const *x_sums,
                                 int n_columns, __m512 *sums)
{
    __m512i mins[MAX_TILE];
    UNROLL
    for (int c = 0; c < n_columns; c++) mins[c] = _mm512_setzero_si512();
    UNROLL
    for (int j = 0; j < 8; j++) {
        __m512i pairs = _mm512_load_si512(w->mins[j]);
        UNROLL
        for (int c = 0; c < n_columns; c++)
            mins[c] = _mm512_dpwssd_epi32(mins[c], pairs, broadcast_four(x_sums[c] + 2 * j));
    }
    __m512 dmin = _mm512_load_ps(w->dmin);
    UNROLL
    for (int c = 0; c < n_columns; c++)
        sums[c] = _mm512_fnmadd_ps(_mm512_cvtepi32_ps(mins[c]), dmin, sums[c]);
}

ALWAYS_INLINE void multiply_supers(const char *group, const struct matmul *m, int column,
                                   int n_columns, int k0, int k, __m512 *out, int n_quads)
{
    const struct packed_super *w = (const struct packed_super *)group;
    const int8_t *x[MAX_TILE];
    const int16_t *x_sums[MAX_TILE];
    const float *scales[MAX_TILE];
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        struct column_q8_256 view = column_q8_256(matmul_column(m, column + c), m->k);
        x[c] = view.q + k0;
        x_sums[c] = view.sums + k0 / 16;
        scales[c] = view.scale + k0 / 256;
    }
    __m512 sums[MAX_TILE]; /* in registers, which `out` could not be */
    UNROLL
    for (int c = 0; c < n_columns; c++) sums[c] = _mm512_setzero_ps();
    for (int b = 0; b < k / 256; b++, w++) {
        __m512 block[MAX_TILE];
        UNROLL
        for (int c = 0; c < n_columns; c++) block[c] = _mm512_setzero_ps();
        add_values(w, x, n_columns, n_quads, block);
        subtract_mins(w, x_sums, n_columns, block);
        UNROLL
        for (int c = 0; c < n_columns; c++) {
            sums[c] = _mm512_fmadd_ps(block[c], _mm512_set1_ps(scales[c][b]), sums[c]);
            x[c] += 256;
            x_sums[c] += 16;
        }
    }
    UNROLL
    for (int c = 0; c < n_columns; c++) out[c] = sums[c];
}

DEFINE_MULTIPLY(groups_of_16, multiply_supers, 4)
DEFINE_MULTIPLY(groups_of_32, multiply_supers, 8)

#define DEFINE(NAME, SIGNED, CODES, MULTIPLY)                                                      \
    static void pack_##NAME(const void *const rows[GROUP_ROWS], int k0, int k, char *group)        \
    {                                                                                              \
        struct super_type type = {sizeof(struct block_##NAME), head_##NAME, chunk_##NAME, SIGNED,  \
                                  CODES};                                                          \
        pack_supers(type, rows, k0, k, group);                                                     \
    }                                                                                              \
    void matmul_wide_##NAME##_avx512vnni(const struct matmul *m, int first_row, int n_rows,        \
                                         void *scratch)                                            \
    {                                                                                              \
        struct panel_type type = {pack_##NAME, MULTIPLY, GROUP_BYTES};                             \
        multiply_panels(&type, m, first_row, n_rows, scratch);                                     \
    }
DEFINE(q2_k, false, NULL, groups_of_16)
DEFINE(q3_k, false, NULL, groups_of_16)
DEFINE(q4_k, false, NULL, groups_of_32)
DEFINE(q5_k, false, NULL, groups_of_32)
DEFINE(q6_k, false, NULL, groups_of_16)
DEFINE(iq4_xs, true, NULL, groups_of_32)
DEFINE(iq2_xxs, true, codes_iq2_xxs, groups_of_32)
DEFINE(iq2_xs, true, codes_iq2_xs, groups_of_16)
DEFINE(iq2_s, true, codes_iq2_s, groups_of_16)
DEFINE(iq3_xxs, true, codes_iq3_xxs, groups_of_32)
DEFINE(iq3_s, true, codes_iq3_s, groups_of_32)
DEFINE(iq1_s, false, codes_iq1_s, groups_of_32)
DEFINE(iq1_m, false, codes_iq1_m, groups_of_16)
DEFINE(tq1_0, false, NULL, groups_of_32)
DEFINE(tq2_0, false, NULL, groups_of_32)
