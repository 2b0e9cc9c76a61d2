/* Inner layout of quantised columns, shared by every instruction set. A value is scale * q with q
 * in -127..127. The parts lie one after the other, each beginning at a multiple of 64 bytes. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { COLUMN_ALIGN = 64 };

static inline size_t column_part(size_t n_bytes)
{
    return (n_bytes + COLUMN_ALIGN - 1) / COLUMN_ALIGN * COLUMN_ALIGN;
}

/* k values, completed to eight groups of 32. */
static inline size_t column_completed(int k)
{
    return ((size_t)k + 255) / 256 * 256;
}

/* Groups of 32, with room for eight groups at a time. `bias` is -128 times the sum of a group: a
 * kernel that multiplies with w + 128 instead of w, because its instruction wants unsigned bytes,
 * starts its sum there. */
struct column_q8_32 {
    int8_t *q;     /* [k] */
    float *scale;  /* [k / 32] */
    int32_t *bias; /* [k / 32] */
};

static inline struct column_q8_32 column_q8_32(const void *column, int k)
{
    char *bytes = (char *)column;
    size_t groups = column_part((size_t)k / 32 * 4);
    float *scale = (float *)(bytes + column_completed(k));
    return (struct column_q8_32){(int8_t *)bytes, scale, (int32_t *)((char *)scale + groups)};
}

/* Groups of 256, and the sums of every 16 values for weights with a minimum or an offset. */
struct column_q8_256 {
    int8_t *q;     /* [k] */
    int16_t *sums; /* [k / 16] */
    float *scale;  /* [k / 256] */
};

static inline struct column_q8_256 column_q8_256(const void *column, int k)
{
    char *bytes = (char *)column;
    size_t sums = column_part((size_t)k / 16 * 2);
    int16_t *first_sum = (int16_t *)(bytes + column_part((size_t)k));
    return (struct column_q8_256){(int8_t *)bytes, first_sum, (float *)((char *)first_sum + sums)};
}

/* Groups of 256 in the order of lanes, for instructions that add four neighbouring products. A
 * group, which has 16 parts of 16 values, is four runs of 64: lane i of runs 0 and 1, and so of 2
 * and 3, holds values of the same part. `starts` are -32 times the sums of these eight values, for
 * weights with an offset; `sums` those of every part, times the scale, for weights with a
 * minimum. */
struct column_q8_lanes {
    int8_t *q;       /* [k] */
    int32_t *starts; /* [k / 8] the 16 lanes of runs 0 and 1, those of runs 2 and 3 */
    float *sums;     /* [k / 16] in an order of their own */
    float *scale;    /* [k / 256] */
};

static inline struct column_q8_lanes column_q8_lanes(const void *column, int k)
{
    int8_t *q = (int8_t *)column;
    int32_t *starts = (int32_t *)(q + column_part((size_t)k));
    float *sums = (float *)((char *)starts + column_part((size_t)k / 8 * 4));
    float *scale = (float *)((char *)sums + column_part((size_t)k / 16 * 4));
    return (struct column_q8_lanes){q, starts, sums, scale};
}

static inline size_t column_q8_lanes_bytes(int k)
{
    size_t n = (size_t)k;
    return column_part(n) + column_part(n / 8 * 4) + column_part(n / 16 * 4) +
           column_part(n / 256 * 4);
}

/* Where value i of a group lies. Pairs of parts take turns: even ones are in runs 0 and 1, odd ones
 * in 2 and 3. Of two even pairs of a half the first is in the even eights of a run, the second in
 * the odd ones; so a byte that holds values of both is shifted where it lies. */
static inline int column_q8_lane(int i)
{
    int half = i / 128, pair = i / 32 % 4, second = pair / 2, eight = i / 8 % 4;
    int run = pair % 2 * 2 + (eight % 2 != second);
    return run * 64 + half * 32 + (eight / 2 * 2 + second) * 8 + i % 8;
}

/* Where the sum of a part lies: the order in which one shift brings out numbers that lie four to a
 * dword, as the mins of Q2_K do. */
static inline int column_q8_lanes_sum(int part)
{
    return part % 4 * 4 + part / 4;
}

/* Eight groups of 32 at a time, in lanes too: a run of 64 values holds eight of each group, its
 * first ones, its second ones ... k is completed to whole eights by zeros. What belongs to a
 * group is there twice, for two lanes of 32 bits. */
struct column_q8_eights {
    int8_t *q;    /* [k] */
    float *scale; /* [k / 16] */
    float *sums;  /* [k / 16] scale times half the sum of the group's values */
};

static inline struct column_q8_eights column_q8_eights(const void *column, int k)
{
    size_t n = column_completed(k);
    float *scale = (float *)((char *)column + n);
    return (struct column_q8_eights){(int8_t *)column, scale, scale + n / 16};
}

/* Where value i of eight groups lies. */
static inline int column_q8_eight(int i)
{
    return i % 32 / 8 * 64 + i / 32 * 8 + i % 8;
}
