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
 * group is four runs of 64 values: the first halves of the pairs 0, 2, 4 and 6 of its 16 parts of
 * 16 values, their second halves, and the same of the pairs 1, 3, 5 and 7. */
struct column_q8_lanes {
    int8_t *q;    /* [k] */
    float *sums;  /* [k / 16] in the order of the values */
    float *scale; /* [k / 256] */
};

static inline struct column_q8_lanes column_q8_lanes(const void *column, int k)
{
    char *bytes = (char *)column;
    float *sums = (float *)(bytes + column_part((size_t)k));
    size_t n_bytes = column_part((size_t)k / 16 * 4);
    return (struct column_q8_lanes){(int8_t *)bytes, sums, (float *)((char *)sums + n_bytes)};
}

/* Where value i of a group lies. */
static inline int column_q8_lane(int i)
{
    int part = i / 16, half = i / 8 % 2, pair = part / 2;
    return (pair % 2 * 2 + half) * 64 + pair / 2 * 16 + part % 2 * 8 + i % 8;
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
