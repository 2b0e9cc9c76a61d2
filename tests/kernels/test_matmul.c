/* Products of every type against sums in double of the unpacked weight and the very columns that
 * the kernel reads, and the columns against what they were made of. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../report.h"
#include "backend/cpu/kernels/column.h"
#include "check.h"
#include "tensor/half.h"

enum {
    MAX_ROWS = 40,
    MANY_ROWS = 150,
    MAX_COLUMNS = 20,
    SOME_COLUMNS = 70,
    MANY_COLUMNS = 600, /* kernels may take so many in parts */
};

enum shape { NARROW, WIDE, MANY };
static const char *const shape_names[] = {"narrow", "wide", "many"};

struct product {
    struct weight weight;
    enum column_format format;
    int n_given, n_columns; /* columns there are, columns asked for */
    float *x;               /* [n_given, k] as the kernel sees them */
    char *columns;
    size_t column_bytes;
    int32_t column_index[MANY_COLUMNS], output_index[MANY_COLUMNS];
    bool indexed;
};

/* Ordinary values, and groups of what goes wrong first: zeros, outliers, full scale, tiny and huge.
 */
static void random_values(struct check *check, float *x, int k)
{
    static const float sizes[] = {1, 1, 1, 1e-3f, 1e4f, 1e-33f, 1e-12f, 0};
    float size = 1;
    bool full = false;
    for (int i = 0; i < k; i++) {
        if (i % 32 == 0) {
            size = sizes[check_int(check, 0, 7)];
            full = check_int(check, 0, 7) == 0;
        }
        float value = check_float(check);
        x[i] = size * (full ? copysignf(1, value) : value);
    }
}

static bool is_bf16(enum column_format format)
{
    return format == COLUMN_BF16 || format == COLUMN_BF16_PAIRS;
}

/* The values of a quantised column. */
static void unpack_column(enum column_format format, const void *column, float *x, int k)
{
    if (format == COLUMN_BF16) {
        dtype_unpack(DTYPE_BF16, column, x, k);
        return;
    }
    struct column_q8_lanes lanes = column_q8_lanes(column, k);
    for (int i = 0; i < k && format == COLUMN_Q8_LANES; i++)
        x[i] = lanes.scale[i / 256] * (float)lanes.q[i / 256 * 256 + column_q8_lane(i % 256)];
    if (format == COLUMN_Q8_LANES) return;
    struct column_q8_eights eights = column_q8_eights(column, k);
    for (int i = 0; i < k && format == COLUMN_Q8_EIGHTS; i++)
        x[i] = eights.scale[i / 32 * 2] * (float)eights.q[i / 256 * 256 + column_q8_eight(i % 256)];
    if (format == COLUMN_Q8_EIGHTS) return;
    struct column_q8_32 small = column_q8_32(column, k);
    struct column_q8_256 large = column_q8_256(column, k);
    for (int i = 0; i < k; i++)
        x[i] = format == COLUMN_Q8_32 ? small.scale[i / 32] * (float)small.q[i]
                                      : large.scale[i / 256] * (float)large.q[i];
}

static void check_column(struct check *check, const struct kernels *kernels,
                         enum column_format format, const float *x, const void *column, int k)
{
    bool is_small = format == COLUMN_Q8_32 || format == COLUMN_Q8_EIGHTS;
    int group = format == COLUMN_BF16 ? 1 : is_small ? 32 : 256;
    float step = format == COLUMN_BF16 ? 1 / 128.0f : 1 / 127.0f;
    float *back = check_alloc((size_t)k * sizeof *back);
    unpack_column(format, column, back, k);
    bool close = true;
    for (int g = 0; g < k; g += group) {
        float max = 0;
        for (int i = g; i < g + group; i++) max = fmaxf(max, fabsf(x[i]));
        for (int i = g; i < g + group; i++)
            close &= fabsf(back[i] - x[i]) <= max * step * 0.501f + 1e-30f;
    }
    check_that(check, close, "%s: columns of format %d are off", kernels->name, (int)format);
    free(back);

    struct kernels plain;
    kernels_init(&plain, "c");
    size_t n_bytes = kernels_column_bytes(format, k);
    void *twin = check_alloc(n_bytes);
    memcpy(twin, column, n_bytes); /* what lies between the parts */
    plain.quantize[format](x, twin, k);
    check_that(check, memcmp(twin, column, n_bytes) == 0,
               "%s: columns of format %d differ from plain C", kernels->name, (int)format);
    free(twin);
}

/* A group of columns is what its columns are one by one, in the order of pairs; and as plain C
 * makes it. Returns what the kernel sees in x. */
static void make_group(struct check *check, const struct kernels *kernels, float *x, int n,
                       void *group, int k)
{
    size_t n_bytes = kernels_column_bytes(COLUMN_BF16_PAIRS, k) * COLUMNS_PAIRED;
    uint16_t *pairs = group, *twin = check_alloc(n_bytes),
             *column = check_alloc(kernels_column_bytes(COLUMN_BF16, k));
    struct kernels plain;
    kernels_init(&plain, "c");
    kernels->pair(x, (size_t)k, n, group, k);
    plain.pair(x, (size_t)k, n, twin, k);
    check_that(check, memcmp(twin, group, (size_t)((k + 31) / 32 * 32) * COLUMNS_PAIRED * 2) == 0,
               "%s: pairs of columns differ from plain C", kernels->name);
    bool same = true;
    for (int c = 0; c < n; c++) {
        kernels->quantize[COLUMN_BF16](x + (size_t)c * (size_t)k, column, k);
        for (int i = 0; i < k; i++)
            same &= pairs[(i / 2 * COLUMNS_PAIRED + c) * 2 + i % 2] == column[i];
        unpack_column(COLUMN_BF16, column, x + (size_t)c * (size_t)k, k);
    }
    check_that(check, same, "%s: pairs of columns differ from single columns", kernels->name);
    free(column);
    free(twin);
}

static void make_columns(struct check *check, const struct kernels *kernels, struct product *p)
{
    int k = p->weight.k;
    size_t n_values = (size_t)k * (size_t)p->n_given;
    p->x = malloc(n_values * sizeof *p->x);
    p->column_bytes =
        p->format == COLUMN_F32 ? (size_t)k * sizeof(float) : kernels_column_bytes(p->format, k);
    size_t room = (size_t)(p->n_given + COLUMNS_PAIRED - 1) / COLUMNS_PAIRED * COLUMNS_PAIRED;
    p->columns = p->format == COLUMN_F32 ? (char *)p->x : check_alloc(p->column_bytes * room);
    for (int c = 0; c < p->n_given; c++) {
        float *x = p->x + (size_t)k * (size_t)c;
        char *column = p->columns + p->column_bytes * (size_t)c;
        random_values(check, x, k);
        if (p->format == COLUMN_F32 || p->format == COLUMN_BF16_PAIRS) continue;
        kernels->quantize[p->format](x, column, k);
        check_column(check, kernels, p->format, x, column, k);
        unpack_column(p->format, column, x, k);
    }
    for (int c = 0; c < p->n_given && p->format == COLUMN_BF16_PAIRS; c += COLUMNS_PAIRED)
        make_group(check, kernels, p->x + (size_t)k * (size_t)c,
                   p->n_given - c < COLUMNS_PAIRED ? p->n_given - c : COLUMNS_PAIRED,
                   p->columns + p->column_bytes * (size_t)c, k);
}

static struct product product_random(struct check *check, const struct kernels *kernels,
                                     enum dtype dtype, enum column_format format, int n_columns,
                                     bool indexed)
{
    int block = dtype_info(dtype)->block_values;
    bool is_long = check_int(check, 0, 39) == 0; /* kernels may take such rows in pieces */
    int k = is_long      ? 36864
            : block == 1 ? check_int(check, 1, 2500)
                         : block * check_int(check, 1, 2304 / block);
    struct product p = {.format = format, .n_columns = n_columns, .n_given = n_columns};
    bool is_tall = is_bf16(format) || check_int(check, 0, 9) == 0; /* more than a panel */
    p.weight = weight_random(check, dtype, check_int(check, 1, is_tall ? MANY_ROWS : MAX_ROWS), k);
    p.indexed = indexed;
    if (p.indexed) p.n_given = check_int(check, 1, MAX_COLUMNS);
    for (int c = 0; c < n_columns; c++) {
        p.column_index[c] = p.indexed ? check_int(check, 0, p.n_given - 1) : c;
        p.output_index[c] = p.indexed ? n_columns - 1 - c : c;
    }
    make_columns(check, kernels, &p);
    return p;
}

static void product_free(struct product *p)
{
    weight_free(&p->weight);
    if (p->columns != (char *)p->x) free(p->columns);
    free(p->x);
}

/* Rounding may cost a few parts of 10^7 of each term. The terms of a weight with a minimum are
 * larger than their difference, which the greatest weight of the row makes up for. Weights rounded
 * to bfloat16 are off by up to 1/256 each, this way or that: the errors add up like a random walk.
 */
static void check_outputs(struct check *check, const struct kernels *kernels,
                          const struct product *p, const char *width, const float *y,
                          size_t y_stride)
{
    int k = p->weight.k;
    float *w = malloc((size_t)k * sizeof *w);
    double worst = 0;
    for (int r = 0; r < p->weight.n_rows; r++) {
        dtype_unpack(p->weight.dtype, p->weight.rows + p->weight.row_bytes * (size_t)r, w, k);
        double max = 0;
        for (int i = 0; i < k; i++) max = fmax(max, fabs((double)w[i]));
        for (int c = 0; c < p->n_columns; c++) {
            const float *x = p->x + (size_t)k * (size_t)p->column_index[c];
            double sum = 0, terms = 0, magnitude = 0, squares = 0;
            for (int i = 0; i < k; i++) {
                sum += (double)w[i] * (double)x[i];
                terms += fabs((double)w[i] * (double)x[i]);
                magnitude += fabs((double)x[i]);
                squares += (double)w[i] * (double)x[i] * (double)w[i] * (double)x[i];
            }
            double slack =
                1e-6 * terms + (p->weight.dtype > DTYPE_F16 ? 1e-6 * max * magnitude : 0) + 1e-37;
            if (is_bf16(p->format)) slack += 8 / 256.0 * sqrt(squares);
            double error =
                fabs((double)y[y_stride * (size_t)p->output_index[c] + (size_t)r] - sum) / slack;
            if (!(error <= worst)) worst = error;
        }
    }
    check_that(check, worst <= 1,
               "%s: %s %s, %d rows, k = %d, %d columns: %.1f times the error allowed",
               kernels->name, width, dtype_name(p->weight.dtype), p->weight.n_rows, k, p->n_columns,
               worst);
    free(w);
}

static void check_product(struct check *check, const struct kernels *kernels, enum dtype dtype,
                          enum shape shape, int n_columns)
{
    bool indexed = check_int(check, 0, 1);
    struct matmul_choice choice = shape == WIDE ? kernels->wide[dtype] : kernels->narrow[dtype];
    if (shape == MANY)
        choice =
            (struct matmul_choice){kernels->many[dtype], indexed ? COLUMN_BF16 : COLUMN_BF16_PAIRS};
    struct product p = product_random(check, kernels, dtype, choice.format, n_columns, indexed);
    size_t y_stride = (size_t)p.weight.n_rows + 2;
    float *y = malloc(y_stride * (size_t)n_columns * sizeof *y);
    for (size_t i = 0; i < y_stride * (size_t)n_columns; i++) y[i] = 12345;
    struct matmul m = {
        .rows = p.weight.rows,
        .row_bytes = p.weight.row_bytes,
        .k = p.weight.k,
        .columns = p.columns,
        .column_bytes = p.column_bytes,
        .column_index = p.indexed ? p.column_index : NULL,
        .output_index = p.indexed ? p.output_index : NULL,
        .n_columns = n_columns,
        .y = y,
        .y_stride = y_stride,
    };
    void *scratch = aligned_alloc(64, (kernels->scratch_bytes + 63) / 64 * 64);
    int first = check_int(check, 0, p.weight.n_rows) / kernels->row_tile * kernels->row_tile;
    choice.run(&m, 0, first, scratch);
    choice.run(&m, first, p.weight.n_rows - first, scratch);
    free(scratch);
    check_outputs(check, kernels, &p, shape_names[shape], y, y_stride);
    bool inside = true;
    for (int c = 0; c < n_columns; c++)
        inside &= y[y_stride * (size_t)(c + 1) - 1] == 12345 &&
                  y[y_stride * (size_t)(c + 1) - 2] == 12345;
    check_that(check, inside, "%s: %s writes beyond its rows", kernels->name, dtype_name(dtype));
    free(y);
    product_free(&p);
}

/* What is not finite must come out, or be lost, but never crash. */
static void check_infinite(struct check *check, const struct kernels *kernels)
{
    enum { K = 512 };
    float x[K];
    static const float bad[] = {INFINITY, -INFINITY, NAN};
    for (int format = 0; format < COLUMN_FORMATS; format++) {
        if (!kernels->quantize[format]) continue;
        void *column = check_alloc(kernels_column_bytes((enum column_format)format, K));
        for (int i = 0; i < K; i++) x[i] = check_float(check);
        x[check_int(check, 256, K - 1)] = bad[check_int(check, 0, 2)];
        kernels->quantize[format](x, column, K);
        float back[K];
        unpack_column((enum column_format)format, column, back, K);
        bool first = true, second = false;
        for (int i = 0; i < 256; i++) first &= isfinite(back[i]) != 0;
        for (int i = 256; i < K; i++) second |= !isfinite(back[i]);
        check_that(check, first && second,
                   "%s: a fault in a column of format %d does not show where it is", kernels->name,
                   format);
        free(column);
    }
}

void test_matmul(struct check *check, const struct kernels *kernels)
{
    for (int dtype = 0; dtype < DTYPE_LIMIT; dtype++) {
        const struct dtype_info *info = dtype_info(dtype);
        bool runs = info && info->runs;
        check_that(check, runs == (kernels->narrow[dtype].run != NULL), "%s: type %d",
                   kernels->name, dtype);
        check_that(check, runs == (kernels->wide[dtype].run != NULL), "%s: type %d", kernels->name,
                   dtype);
        if (!runs) continue;
        int n_failed = check->n_failed;
        check_that(check, info->block_values == 1 || kernels->narrow[dtype].format != COLUMN_F32,
                   "%s: %s has no integer kernel", kernels->name, info->name);
        for (int n_columns = 1; n_columns <= MAX_COLUMNS; n_columns++) {
            check_product(check, kernels, (enum dtype)dtype, NARROW, n_columns);
            check_product(check, kernels, (enum dtype)dtype, WIDE, n_columns);
        }
        for (int i = 0; kernels->many[dtype] && i < 20; i++)
            check_product(check, kernels, (enum dtype)dtype, MANY,
                          check_int(check, 1, i == 0 ? MANY_COLUMNS : SOME_COLUMNS));
        report("kernel\t%s\t%s\t%s", kernels->name, info->name,
               check->n_failed == n_failed ? "passed" : "failed");
    }
    for (int i = 0; i < 20; i++) check_infinite(check, kernels);
}
