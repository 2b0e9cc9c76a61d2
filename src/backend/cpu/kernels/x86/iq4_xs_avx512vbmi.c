/* Few columns with weights of IQ4_XS: four groups of 32 to a register, a lane of 128 bits for each.
 */
#include <string.h>

#include "backend/cpu/kernels/x86/kernels_x86.h"
#include "backend/cpu/kernels/x86/lanes_avx512vbmi.h"
#include "tensor/block.h"
#include "tensor/codebook.h"

enum { OFFSET = 128 };

/* The first and the second 16 values of groups 0-3, then of groups 4-7. */
static void arrange_groups(const int8_t *q, __m512i *vectors)
{
    for (int i = 0; i < 4; i += 2) {
        __m512i low = _mm512_loadu_si512(q + 64 * i), high = _mm512_loadu_si512(q + 64 * i + 64);
        vectors[i] = _mm512_shuffle_i32x4(low, high, 0x88);
        vectors[i + 1] = _mm512_shuffle_i32x4(low, high, 0xdd);
    }
}

ALWAYS_INLINE __m512i vector_iq4_xs(const struct opened *opened, int v)
{
    __m512i table = _mm512_broadcast_i32x4(_mm_loadu_si128((const void *)iq4_values));
    table = _mm512_add_epi8(table, _mm512_set1_epi8((char)OFFSET));
    __m512i packed = opened->rows[v / 2];
    __m512i q = v % 2 ? _mm512_srli_epi16(packed, 4) : packed;
    return _mm512_shuffle_epi8(table, _mm512_and_si512(q, _mm512_set1_epi8(15)));
}

/* Bit 0-3 of the scale of a group, and 4-5, in two bytes; in each lane those of its group. */
ALWAYS_INLINE __m512i pick_scales(__m512i head, int first_group)
{
    const int step = 4 + (2 << 8);
    __m512i groups = _mm512_setr_epi32(0, 0, 0, 0, step, step, step, step, 2 * step, 2 * step,
                                       2 * step, 2 * step, 3 * step, 3 * step, 3 * step, 3 * step);
    __m512i first = _mm512_set1_epi32(32 + (16 << 8) + first_group * step);
    __m512i fields = _mm512_multishift_epi64_epi8(_mm512_add_epi32(groups, first), head);
    return _mm512_and_si512(fields, _mm512_set1_epi32(0x030f));
}

ALWAYS_INLINE void open_one_iq4_xs(const struct block_iq4_xs *b, struct opened *out)
{
    int64_t head; /* d, scales_h and scales_l */
    memcpy(&head, b, sizeof head);
    __m512 d = spread_half(b->d);
    UNROLL
    for (int i = 0; i < 2; i++) {
        out->rows[i] = _mm512_loadu_si512(b->qs[4 * i]);
        __m512i scales = pick_scales(_mm512_set1_epi64(head), 4 * i);
        scales = _mm512_maddubs_epi16(scales, _mm512_set1_epi16(0x1001));
        scales = _mm512_sub_epi32(scales, _mm512_set1_epi32(32));
        out->scales[i] = _mm512_mul_ps(_mm512_cvtepi32_ps(scales), d);
    }
}
DEFINE_OPEN(iq4_xs)

DEFINE_LANES(iq4_xs, .vector = vector_iq4_xs, .n_vectors = 4, .n_sums = 2, .offset = OFFSET,
             .factor = 1, .arrange = arrange_groups)
