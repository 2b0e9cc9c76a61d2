/* Few columns in eights with weights in groups of 32, eight groups at a time: blocks of 32 or a
 * super-block of IQ4_XS. Bytes of all groups are brought together first: then a lane of 32 bits
 * belongs to one group, the products of all values add up in the lanes, and eight scales are
 * multiplied once. */
#include <immintrin.h>
#include <string.h>

#include "backend/cpu/kernels/column.h"
#include "backend/cpu/kernels/inline.h"
#include "backend/cpu/kernels/row_tiles.h"
#include "backend/cpu/kernels/x86/kernels_x86.h"
#include "backend/cpu/kernels/x86/reduce.h"
#include "tensor/block.h"
#include "tensor/codebook.h"

enum { BLOCKS = 8, MOST_BYTES = BLOCKS * sizeof(struct block_q5_1) };

/* w = d * q + m, with q in the order of the columns and two lanes for the d and m of a group. */
struct opened {
    __m512i q[4]; /* without sign */
    __m512 d, m;
};

typedef struct opened open_eight(const char *blocks);

struct super_type {
    size_t n_bytes; /* of eight groups */
    open_eight *open;
};

/* ---- fields of eight blocks ---- */

/* Blocks whose fields a register of 64 bytes surely holds. */
ALWAYS_INLINE int blocks_in_register(size_t stride)
{
    return (int)((64 - sizeof(int64_t)) / stride) + 1;
}

/* Where the field of block i begins, in the register that holds it. */
ALWAYS_INLINE int field_begin(size_t stride, int i)
{
    return (int)stride * (i % blocks_in_register(stride));
}

/* `width` bytes of each block, where `index` counts from the beginning of the field. No byte after
 * the last block is read: the last register begins earlier instead, and its bytes lie further back.
 */
ALWAYS_INLINE __m512i gather(const char *blocks, size_t stride, size_t field, __m512i index,
                             int width)
{
    __m512i out = _mm512_setzero_si512();
    UNROLL
    for (int first = 0; first < BLOCKS; first += blocks_in_register(stride)) {
        size_t begin = field + stride * (size_t)first, last = BLOCKS * stride - 64;
        size_t back = begin > last ? begin - last : 0;
        __m512i bytes = _mm512_loadu_si512(blocks + begin - back);
        __m512i shifted = _mm512_add_epi8(index, _mm512_set1_epi8((char)back));
        out = _mm512_mask_permutexvar_epi8(out, UINT64_MAX << width * first, shifted, bytes);
    }
    return out;
}

/* The 8 bytes of each block whose places in the field are the bytes of `places`. */
ALWAYS_INLINE __m512i gather_eights(const char *blocks, size_t stride, size_t field, int64_t places)
{
    const int64_t ones = 0x0101010101010101;
    __m512i begins = _mm512_setr_epi64(
        ones * field_begin(stride, 0), ones * field_begin(stride, 1), ones * field_begin(stride, 2),
        ones * field_begin(stride, 3), ones * field_begin(stride, 4), ones * field_begin(stride, 5),
        ones * field_begin(stride, 6), ones * field_begin(stride, 7));
    return gather(blocks, stride, field, _mm512_add_epi8(begins, _mm512_set1_epi64(places)), 8);
}

/* A number of 16 bits of each block, twice. */
ALWAYS_INLINE __m512 gather_halves(const char *blocks, size_t stride, size_t field)
{
    const int ones = 0x01010101;
    __m256i begins = _mm256_setr_epi32(
        ones * field_begin(stride, 0), ones * field_begin(stride, 1), ones * field_begin(stride, 2),
        ones * field_begin(stride, 3), ones * field_begin(stride, 4), ones * field_begin(stride, 5),
        ones * field_begin(stride, 6), ones * field_begin(stride, 7));
    __m256i places = _mm256_add_epi8(begins, _mm256_set1_epi32(0x01000100));
    __m512i halves = gather(blocks, stride, field, _mm512_castsi256_si512(places), 4);
    return _mm512_cvtph_ps(_mm512_castsi512_si256(halves));
}

/* The lower nibbles of 16 bytes are the values 0-15 of a group, the upper ones 16-31. */
ALWAYS_INLINE void open_nibbles(__m512i first, __m512i second, __m512i q[4])
{
    const __m512i low = _mm512_set1_epi8(15);
    q[0] = _mm512_and_si512(first, low);
    q[1] = _mm512_and_si512(second, low);
    q[2] = _mm512_and_si512(_mm512_srli_epi16(first, 4), low);
    q[3] = _mm512_and_si512(_mm512_srli_epi16(second, 4), low);
}

ALWAYS_INLINE void gather_nibbles(const char *blocks, size_t stride, size_t field, __m512i q[4])
{
    const int64_t in_order = 0x0706050403020100;
    open_nibbles(gather_eights(blocks, stride, field, in_order),
                 gather_eights(blocks, stride, field + 8, in_order), q);
}

/* Adds 16 to the values whose bit of a word of 32 bits is set. */
ALWAYS_INLINE void gather_fifth_bits(const char *blocks, size_t stride, size_t field, __m512i q[4])
{
    enum { Q_OR_BITS_AND_MASK = 0xf8 };
    __m512i words = gather_eights(blocks, stride, field, 0x0302010003020100);
    UNROLL
    for (int i = 0; i < 4; i++) {
        /* byte j gets bit 8i + j of the word as its bit 4; bits are counted modulo 64 */
        __m512i begins = _mm512_set1_epi64(0x030201003f3e3d3c + 0x0808080808080808 * i);
        __m512i bits = _mm512_multishift_epi64_epi8(begins, words);
        q[i] = _mm512_ternarylogic_epi64(q[i], bits, _mm512_set1_epi8(16), Q_OR_BITS_AND_MASK);
    }
}

/* The signed table with `offset` added. */
ALWAYS_INLINE void look_up(const int8_t table[16], int offset, __m512i q[4])
{
    __m512i values = _mm512_broadcast_i32x4(_mm_loadu_si128((const void *)table));
    values = _mm512_add_epi8(values, _mm512_set1_epi8((char)offset));
    UNROLL
    for (int i = 0; i < 4; i++) q[i] = _mm512_shuffle_epi8(values, q[i]);
}

/* 2^(e - 127) / 2, as the values of E2M1 are stored doubled; e = 0 and 1 give numbers without a
 * leading bit. */
ALWAYS_INLINE __m512 powers_of_two(__m512i e)
{
    __m512i normal = _mm512_slli_epi32(_mm512_sub_epi32(e, _mm512_set1_epi32(1)), 23);
    __mmask16 is_tiny = _mm512_cmplt_epi32_mask(e, _mm512_set1_epi32(2));
    __m512i powers = _mm512_mask_sllv_epi32(normal, is_tiny, _mm512_set1_epi32(0x00200000), e);
    return _mm512_castsi512_ps(powers);
}

/* ---- the types ---- */

ALWAYS_INLINE __m512 times(__m512 d, int factor)
{
    return _mm512_mul_ps(d, _mm512_set1_ps((float)factor));
}

ALWAYS_INLINE struct opened open_q4_0(const char *blocks)
{
    enum { STRIDE = sizeof(struct block_q4_0) };
    struct opened out;
    gather_nibbles(blocks, STRIDE, offsetof(struct block_q4_0, qs), out.q);
    out.d = gather_halves(blocks, STRIDE, offsetof(struct block_q4_0, d));
    out.m = times(out.d, -8);
    return out;
}

ALWAYS_INLINE struct opened open_q4_1(const char *blocks)
{
    enum { STRIDE = sizeof(struct block_q4_1) };
    struct opened out;
    gather_nibbles(blocks, STRIDE, offsetof(struct block_q4_1, qs), out.q);
    out.d = gather_halves(blocks, STRIDE, offsetof(struct block_q4_1, d));
    out.m = gather_halves(blocks, STRIDE, offsetof(struct block_q4_1, m));
    return out;
}

ALWAYS_INLINE struct opened open_q5_0(const char *blocks)
{
    enum { STRIDE = sizeof(struct block_q5_0) };
    struct opened out;
    gather_nibbles(blocks, STRIDE, offsetof(struct block_q5_0, qs), out.q);
    gather_fifth_bits(blocks, STRIDE, offsetof(struct block_q5_0, qh), out.q);
    out.d = gather_halves(blocks, STRIDE, offsetof(struct block_q5_0, d));
    out.m = times(out.d, -16);
    return out;
}

ALWAYS_INLINE struct opened open_q5_1(const char *blocks)
{
    enum { STRIDE = sizeof(struct block_q5_1) };
    struct opened out;
    gather_nibbles(blocks, STRIDE, offsetof(struct block_q5_1, qs), out.q);
    gather_fifth_bits(blocks, STRIDE, offsetof(struct block_q5_1, qh), out.q);
    out.d = gather_halves(blocks, STRIDE, offsetof(struct block_q5_1, d));
    out.m = gather_halves(blocks, STRIDE, offsetof(struct block_q5_1, m));
    return out;
}

ALWAYS_INLINE struct opened open_iq4_nl(const char *blocks)
{
    enum { STRIDE = sizeof(struct block_iq4_nl) };
    struct opened out;
    gather_nibbles(blocks, STRIDE, offsetof(struct block_iq4_nl, qs), out.q);
    look_up(iq4_values, 128, out.q);
    out.d = gather_halves(blocks, STRIDE, offsetof(struct block_iq4_nl, d));
    out.m = times(out.d, -128);
    return out;
}

ALWAYS_INLINE struct opened open_mxfp4(const char *blocks)
{
    enum { STRIDE = sizeof(struct block_mxfp4) };
    struct opened out;
    gather_nibbles(blocks, STRIDE, offsetof(struct block_mxfp4, qs), out.q);
    look_up(e2m1_values, 12, out.q);
    __m512i e = gather_eights(blocks, STRIDE, offsetof(struct block_mxfp4, e), 0);
    out.d = powers_of_two(_mm512_and_si512(e, _mm512_set1_epi32(255)));
    out.m = times(out.d, -12);
    return out;
}

/* Six bits for the scale of a group, in two places of the first 64 bits. */
ALWAYS_INLINE __m512 scales_iq4_xs(const struct block_iq4_xs *b)
{
    int64_t head; /* d, scales_h and scales_l */
    memcpy(&head, b, sizeof head);
    const int64_t first = 0x0000102000001020, step = 0x0000020400000204; /* bits of a group */
    __m512i begins =
        _mm512_setr_epi64(first, first + step, first + 2 * step, first + 3 * step, first + 4 * step,
                          first + 5 * step, first + 6 * step, first + 7 * step);
    __m512i fields = _mm512_multishift_epi64_epi8(begins, _mm512_set1_epi64(head));
    fields = _mm512_and_si512(fields, _mm512_set1_epi32(0x030f));
    __m512i scales = _mm512_maddubs_epi16(fields, _mm512_set1_epi32(0x1001));
    return _mm512_cvtepi32_ps(_mm512_sub_epi32(scales, _mm512_set1_epi32(32)));
}

ALWAYS_INLINE struct opened open_iq4_xs(const char *block)
{
    const struct block_iq4_xs *b = (const struct block_iq4_xs *)block;
    __m512i low = _mm512_loadu_si512(b->qs[0]), high = _mm512_loadu_si512(b->qs[4]);
    __m512i even = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14);
    __m512i odd = _mm512_add_epi64(even, _mm512_set1_epi64(1));
    struct opened out;
    open_nibbles(_mm512_permutex2var_epi64(low, even, high),
                 _mm512_permutex2var_epi64(low, odd, high), out.q);
    look_up(iq4_values, 128, out.q);
    out.d = _mm512_mul_ps(scales_iq4_xs(b), _mm512_cvtph_ps(_mm256_set1_epi16((short)b->d)));
    out.m = times(out.d, -128);
    return out;
}

/* ---- products ---- */

ALWAYS_INLINE void add_eight(struct super_type type, const char *blocks, int b, int n_columns,
                             const struct column_q8_eights *x, __m512 *sums)
{
    struct opened w = type.open(blocks);
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        const int8_t *q = x[c].q + 256 * (size_t)b;
        __m512i dots = _mm512_setzero_si512();
        UNROLL
        for (int i = 0; i < 4; i++)
            dots = _mm512_dpbusd_epi32(dots, w.q[i], _mm512_loadu_si512(q + 64 * i));
        __m512 scales = _mm512_mul_ps(w.d, _mm512_loadu_ps(x[c].scale + 16 * (size_t)b));
        sums[c] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots), scales, sums[c]);
        sums[c] = _mm512_fmadd_ps(w.m, _mm512_loadu_ps(x[c].sums + 16 * (size_t)b), sums[c]);
    }
}

/* The last blocks of a row, less than eight. */
ALWAYS_INLINE void add_rest(struct super_type type, const char *blocks, int k, int n_columns,
                            const struct column_q8_eights *x, __m512 *sums)
{
    char eight[MOST_BYTES] = {0};
    memcpy(eight, blocks, (size_t)(k % 256 / BLOCK_VALUES) * (type.n_bytes / BLOCKS));
    add_eight(type, eight, k / 256, n_columns, x, sums);
}

ALWAYS_INLINE void add_rows(struct super_type type, int k, const char *const rows[STREAMS],
                            int n_columns, const struct column_q8_eights *x,
                            __m512 sums[STREAMS][MAX_COLUMNS])
{
    for (int b = 0; b < k / 256; b++) {
        UNROLL
        for (int i = 0; i < STREAMS; i++) {
            const char *blocks = rows[i] + type.n_bytes * (size_t)b;
            prefetch_block(blocks, type.n_bytes);
            add_eight(type, blocks, b, n_columns, x, sums[i]);
        }
    }
    for (int i = 0; i < STREAMS && k % 256 != 0; i++)
        add_rest(type, rows[i] + type.n_bytes * (size_t)(k / 256), k, n_columns, x, sums[i]);
}

#define SUPER_COLUMN column_q8_eights
#include "backend/cpu/kernels/x86/super_rows_avx512vnni.h"

#define DEFINE(NAME, N_BLOCKS)                                                                     \
    static_assert(N_BLOCKS * sizeof(struct block_##NAME) <= MOST_BYTES, "they fit a copy");        \
    void matmul_##NAME##_avx512vbmi(const struct matmul *m, int first_row, int n_rows,             \
                                    void *scratch)                                                 \
    {                                                                                              \
        (void)scratch;                                                                             \
        struct super_type type = {N_BLOCKS * sizeof(struct block_##NAME), open_##NAME};            \
        multiply_tiles(multiply_rows, &type, m, first_row, n_rows);                                \
    }
DEFINE(q4_0, BLOCKS)
DEFINE(q4_1, BLOCKS)
DEFINE(q5_0, BLOCKS)
DEFINE(q5_1, BLOCKS)
DEFINE(iq4_nl, BLOCKS)
DEFINE(mxfp4, BLOCKS)
DEFINE(iq4_xs, 1)
