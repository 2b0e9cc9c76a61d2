/* Floats to rows of codebooks: for a few scales of each group the nearest rows are searched for,
 * and least squares gives the best scale for those. All rows are tried, so this takes its time. */
#include "tensor/pack.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "tensor/block.h"
#include "tensor/codebook.h"
#include "tensor/half.h"

/* What the types have in common: w = d * unit * (2 * number + 1) * value. */
struct shape {
    const void *rows; /* [n_rows][width] bytes */
    int n_rows, width;
    int group;     /* values that share a scale */
    int n_numbers; /* of scales */
    float unit;
    int least, greatest; /* values of the codebook */
    bool even_signs;     /* the number of minus signs of 8 values is even */
    int delta_group;     /* values that share the sign of delta; 0: values have signs instead */
};

struct rows {
    uint16_t row[64];
    uint8_t signs[32];   /* bits */
    bool minus[32];      /* sign of delta of 8 values */
    uint8_t numbers[16]; /* of the groups' scales */
    uint16_t d;
};

static int value_of(const struct shape *shape, int row, int i)
{
    return ((const uint8_t *)shape->rows)[row * shape->width + i];
}

/* The row nearest to t / scale - offset, in the sense of squares. */
static int nearest_row(const struct shape *shape, const float *t, float scale, int offset,
                       double *least)
{
    int best = 0;
    *least = INFINITY;
    for (int row = 0; row < shape->n_rows; row++) {
        float error = 0;
        for (int i = 0; i < shape->width; i++) {
            float lost = t[i] - scale * (float)(value_of(shape, row, i) + offset);
            error += lost * lost;
        }
        if (!((double)error < *least)) continue;
        *least = (double)error;
        best = row;
    }
    return best;
}

/* Rows for n values from number `first` on that share their offset. */
static double choose_rows(const struct shape *shape, const float *t, int first, int n, float scale,
                          int offset, uint16_t *rows)
{
    double sum = 0, error;
    for (int i = first; i < first + n; i += shape->width) {
        rows[i / shape->width] = (uint16_t)nearest_row(shape, t + i, scale, offset, &error);
        sum += error;
    }
    return sum;
}

/* The rows are 8 * value + 8, and delta is 1. */
static int delta_offset(bool minus)
{
    return minus ? -9 : -7;
}

/* Rows, and the sign of delta, for a group with a given scale. */
static void choose_group(const struct shape *shape, const float *t, int first, float scale,
                         struct rows *out)
{
    if (shape->delta_group == 0) {
        choose_rows(shape, t, first, shape->group, scale, 0, out->row);
        return;
    }
    for (int i = first; i < first + shape->group; i += shape->delta_group) {
        double plus =
            choose_rows(shape, t, i, shape->delta_group, scale, delta_offset(false), out->row);
        double minus =
            choose_rows(shape, t, i, shape->delta_group, scale, delta_offset(true), out->row);
        bool is_minus = minus < plus;
        if (!is_minus)
            choose_rows(shape, t, i, shape->delta_group, scale, delta_offset(false), out->row);
        for (int j = i; j < i + shape->delta_group; j += 8) out->minus[j / 8] = is_minus;
    }
}

/* Least squares for the rows that a scale leads to; its error is sum(t * t) - gain. */
static float refine(const struct shape *shape, const float *t, int first, const struct rows *rows,
                    double *gain)
{
    double sum_qq = 0, sum_qt = 0;
    for (int i = first; i < first + shape->group; i++) {
        int offset = shape->delta_group ? delta_offset(rows->minus[i / 8]) : 0;
        double q = value_of(shape, rows->row[i / shape->width], i % shape->width) + offset;
        sum_qq += q * q;
        sum_qt += q * (double)t[i];
    }
    *gain = sum_qt > 0 ? sum_qt * sum_qt / sum_qq : 0;
    return sum_qt > 0 ? (float)(sum_qt / sum_qq) : 0;
}

/* The greatest value of the group becomes the greatest there is, or some more than that; where all
 * are alike, the least. */
static float fit_scale(const struct shape *shape, const float *t, int first, struct rows *rows)
{
    static const float factors[] = {0.8f, 0.9f, 0.95f, 1, 1.05f, 1.1f, 1.2f, 1.35f};
    enum { N_FACTORS = sizeof factors / sizeof *factors };
    float max = 0, best = 0;
    for (int i = first; i < first + shape->group; i++) max = fmaxf(max, fabsf(t[i]));
    double most = 0, gain;
    for (int i = 0; i <= N_FACTORS && max > 0; i++) {
        float scale =
            i < N_FACTORS ? max / (float)shape->greatest * factors[i] : max / (float)shape->least;
        choose_group(shape, t, first, scale, rows);
        scale = refine(shape, t, first, rows, &gain);
        if (!(gain > most)) continue;
        most = gain;
        best = scale;
    }
    return best;
}

/* Magnitudes and signs. Where the number of minus signs must be even, the value nearest to zero
 * takes the wrong one. */
static void split_signs(const struct shape *shape, const float *x, float *t, uint8_t signs[32])
{
    for (int g = 0; g < 32; g++) {
        int smallest = 0;
        signs[g] = 0;
        for (int i = 0; i < 8; i++) {
            t[8 * g + i] = fabsf(x[8 * g + i]);
            signs[g] |= (uint8_t)((x[8 * g + i] < 0) << i);
            if (t[8 * g + i] < t[8 * g + smallest]) smallest = i;
        }
        if (!shape->even_signs || !__builtin_parity(signs[g])) continue;
        signs[g] ^= (uint8_t)(1 << smallest);
        t[8 * g + smallest] = -t[8 * g + smallest];
    }
}

static void choose(const struct shape *shape, const float *x, struct rows *out)
{
    float t[256], scales[16], max = 0;
    int n_groups = 256 / shape->group;
    *out = (struct rows){0};
    if (shape->delta_group == 0)
        split_signs(shape, x, t, out->signs);
    else
        memcpy(t, x, sizeof t);
    for (int j = 0; j < n_groups; j++) {
        scales[j] = fit_scale(shape, t, shape->group * j, out);
        max = fmaxf(max, scales[j]);
    }
    out->d = f32_to_f16(max / (shape->unit * (float)(2 * shape->n_numbers - 1)));
    float d = f16_to_f32(out->d) * shape->unit;
    for (int j = 0; j < n_groups; j++) {
        int number = d > 0 ? nearest((scales[j] / d - 1) / 2, 0, shape->n_numbers - 1) : 0;
        out->numbers[j] = (uint8_t)number;
        choose_group(shape, t, shape->group * j, d * (float)(2 * number + 1), out);
    }
}

/* Four patterns of 7 signs and the number of the scale. */
static void put_word(const struct rows *rows, int j, uint8_t out[4])
{
    uint32_t word = (uint32_t)rows->numbers[j] << 28;
    for (int i = 0; i < 4; i++) word |= (uint32_t)(rows->signs[4 * j + i] & 127) << 7 * i;
    memcpy(out, &word, sizeof word);
}

static void put_nibbles(const uint8_t *numbers, int n, uint8_t *out)
{
    for (int i = 0; i < n; i += 2) out[i / 2] = (uint8_t)(numbers[i] | numbers[i + 1] << 4);
}

void pack_iq2_xxs(const float *x, void *destination, int64_t n_blocks)
{
    static const struct shape shape = {iq2_xxs_rows, 256, 8, 32, 16, 0.125f, 8, 43, true, 0};
    struct block_iq2_xxs *block = destination;
    for (; n_blocks > 0; n_blocks--, block++, x += 256) {
        struct rows rows;
        choose(&shape, x, &rows);
        block->d = rows.d;
        for (int g = 0; g < 32; g++) block->qs[g / 4][g % 4] = (uint8_t)rows.row[g];
        for (int j = 0; j < 8; j++) put_word(&rows, j, block->qs[j] + 4);
    }
}

void pack_iq2_xs(const float *x, void *destination, int64_t n_blocks)
{
    static const struct shape shape = {iq2_xs_rows, 512, 8, 16, 16, 0.125f, 8, 43, true, 0};
    struct block_iq2_xs *block = destination;
    for (; n_blocks > 0; n_blocks--, block++, x += 256) {
        struct rows rows;
        choose(&shape, x, &rows);
        block->d = rows.d;
        for (int g = 0; g < 32; g++)
            block->qs[g] = (uint16_t)(rows.row[g] | (rows.signs[g] & 127) << 9);
        put_nibbles(rows.numbers, 16, block->scales);
    }
}

void pack_iq2_s(const float *x, void *destination, int64_t n_blocks)
{
    static const struct shape shape = {iq2_s_rows, 1024, 8, 16, 16, 0.125f, 8, 43, false, 0};
    struct block_iq2_s *block = destination;
    for (; n_blocks > 0; n_blocks--, block++, x += 256) {
        struct rows rows;
        choose(&shape, x, &rows);
        memset(block, 0, sizeof *block);
        block->d = rows.d;
        memcpy(block->signs, rows.signs, sizeof block->signs);
        for (int g = 0; g < 32; g++) {
            block->qs[g] = (uint8_t)rows.row[g];
            block->qh[g / 4] |= (uint8_t)(rows.row[g] >> 8 << 2 * (g % 4));
        }
        put_nibbles(rows.numbers, 16, block->scales);
    }
}

void pack_iq3_xxs(const float *x, void *destination, int64_t n_blocks)
{
    static const struct shape shape = {iq3_xxs_rows, 256, 4, 32, 16, 0.25f, 4, 62, true, 0};
    struct block_iq3_xxs *block = destination;
    for (; n_blocks > 0; n_blocks--, block++, x += 256) {
        struct rows rows;
        choose(&shape, x, &rows);
        block->d = rows.d;
        for (int g = 0; g < 64; g++) block->qs[g] = (uint8_t)rows.row[g];
        for (int j = 0; j < 8; j++) put_word(&rows, j, block->signs_scales[j]);
    }
}

void pack_iq3_s(const float *x, void *destination, int64_t n_blocks)
{
    static const struct shape shape = {iq3_s_rows, 512, 4, 32, 16, 1, 1, 15, false, 0};
    struct block_iq3_s *block = destination;
    for (; n_blocks > 0; n_blocks--, block++, x += 256) {
        struct rows rows;
        choose(&shape, x, &rows);
        memset(block, 0, sizeof *block);
        block->d = rows.d;
        memcpy(block->signs, rows.signs, sizeof block->signs);
        for (int g = 0; g < 64; g++) {
            block->qs[g] = (uint8_t)rows.row[g];
            block->qh[g / 8] |= (uint8_t)(rows.row[g] >> 8 << g % 8);
        }
        put_nibbles(rows.numbers, 8, block->scales);
    }
}

void pack_iq1_s(const float *x, void *destination, int64_t n_blocks)
{
    static const struct shape shape = {iq1_s_rows, 2048, 8, 32, 8, 0.125f, 1, 9, false, 32};
    struct block_iq1_s *block = destination;
    for (; n_blocks > 0; n_blocks--, block++, x += 256) {
        struct rows rows;
        choose(&shape, x, &rows);
        memset(block, 0, sizeof *block);
        block->d = rows.d;
        for (int g = 0; g < 32; g++) {
            block->qs[g] = (uint8_t)rows.row[g];
            block->qh[g / 4] |= (uint16_t)(rows.row[g] >> 8 << 3 * (g % 4));
        }
        for (int j = 0; j < 8; j++)
            block->qh[j] |= (uint16_t)(rows.numbers[j] << 12 | rows.minus[4 * j] << 15);
    }
}

void pack_iq1_m(const float *x, void *destination, int64_t n_blocks)
{
    static const struct shape shape = {iq1_s_rows, 2048, 8, 16, 8, 0.125f, 1, 9, false, 8};
    struct block_iq1_m *block = destination;
    for (; n_blocks > 0; n_blocks--, block++, x += 256) {
        struct rows rows;
        choose(&shape, x, &rows);
        memset(block, 0, sizeof *block);
        for (int g = 0; g < 32; g++) {
            int high = rows.row[g] >> 8 | rows.minus[g] << 3;
            block->qs[g] = (uint8_t)rows.row[g];
            block->qh[g / 2] |= (uint8_t)(high << 4 * (g % 2));
        }
        for (int k = 0; k < 4; k++) {
            const uint8_t *n = rows.numbers + 4 * k;
            int word = n[0] | n[1] << 3 | n[2] << 6 | n[3] << 9 | (rows.d >> 4 * k & 15) << 12;
            block->scales[2 * k] = (uint8_t)word;
            block->scales[2 * k + 1] = (uint8_t)(word >> 8);
        }
    }
}
