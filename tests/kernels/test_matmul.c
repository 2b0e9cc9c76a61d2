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
    MANY_ROWS = 450, /* kernels may take so many in parts */
    MAX_COLUMNS = 20,
    SOME_COLUMNS = 70,
    MANY_COLUMNS = 600, /* and so many */
};

enum shape { NARROW, WIDE, MANY };
static const char *const shape_names[] = {"narrow", "wide", "many"};

struct product {
    struct weight weight;
    enum shape shape;
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

/* A group of columns as the kernel and plain C make it. */
static void make_group(struct check *check, const struct kernels *kernels,
                       enum column_format format, const float *x, int n, void *group, int k)
{
    void *twin = check_alloc(kernels_column_bytes(format, k) * COLUMNS_PAIRED);
    size_t n_bytes = (size_t)((k + 31) / 32 * 32) * COLUMNS_PAIRED * 2;
    struct kernels plain;
    kernels_init(&plain, "c");
    kernels->pair[format](x, (size_t)k, n, group, k);
    plain.pair[format](x, (size_t)k, n, twin, k);
    if (format == COLUMN_SPLIT_PAIRS) n_bytes *= 2;
    check_that(check, memcmp(twin, group, n_bytes) == 0,
               "%s: groups of format %d differ from plain C", kernels->name, (int)format);
    free(twin);
}

/* A group is what its columns are one by one, in the order of pairs. Returns what the kernel sees
 * in x. */
static void check_pairs(struct check *check, const struct kernels *kernels, float *x, int n,
                        const uint16_t *pairs, int k)
{
    uint16_t *column = check_alloc(kernels_column_bytes(COLUMN_BF16, k));
    bool same = true;
    for (int c = 0; c < n; c++) {
        kernels->quantize[COLUMN_BF16](x + (size_t)c * (size_t)k, column, k);
        for (int i = 0; i < k; i++)
            same &= pairs[(i / 2 * COLUMNS_PAIRED + c) * 2 + i % 2] == column[i];
        unpack_column(COLUMN_BF16, column, x + (size_t)c * (size_t)k, k);
    }
    check_that(check, same, "%s: pairs of columns differ from single columns", kernels->name);
    free(column);
}

/* The parts of a split column add up to it, but for one in 2^17. */
static void check_split(struct check *check, const struct kernels *kernels, const float *x, int n,
                        const uint16_t *pairs, int k)
{
    bool close = true;
    for (int c = 0; c < n; c++)
        for (int i = 0; i < k; i++) {
            const uint16_t *tile = pairs + i / 32 * 32 * COLUMNS_PAIRED * 2;
            int at = (i % 32 / 2 * COLUMNS_PAIRED + c) * 2 + i % 2;
            float value = x[(size_t)c * (size_t)k + (size_t)i];
            float found = bf16_to_f32(tile[at]) + bf16_to_f32(tile[32 * COLUMNS_PAIRED + at]);
            close &= fabsf(found - value) <= 0x1p-17f * fabsf(value) + 1e-37f;
        }
    check_that(check, close, "%s: split columns are off", kernels->name);
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
        if (p->format == COLUMN_F32 || column_is_paired(p->format)) continue;
        kernels->quantize[p->format](x, column, k);
        check_column(check, kernels, p->format, x, column, k);
        unpack_column(p->format, column, x, k);
    }
    for (int c = 0; c < p->n_given && column_is_paired(p->format); c += COLUMNS_PAIRED) {
        int n = p->n_given - c < COLUMNS_PAIRED ? p->n_given - c : COLUMNS_PAIRED;
        float *x = p->x + (size_t)k * (size_t)c;
        void *group = p->columns + p->column_bytes * (size_t)c;
        make_group(check, kernels, p->format, x, n, group, k);
        if (p->format == COLUMN_SPLIT_PAIRS)
            check_split(check, kernels, x, n, group, k);
        else
            check_pairs(check, kernels, x, n, group, k);
    }
}

static struct product product_random(struct check *check, const struct kernels *kernels,
                                     enum dtype dtype, enum shape shape, enum column_format format,
                                     int n_columns, bool indexed)
{
    int block = dtype_info(dtype)->block_values;
    bool is_long = check_int(check, 0, 39) == 0; /* kernels may take such rows in pieces */
    int k = is_long      ? 36864
            : block == 1 ? check_int(check, 1, 2500)
                         : block * check_int(check, 1, 2304 / block);
    struct product p = {
        .shape = shape, .format = format, .n_columns = n_columns, .n_given = n_columns};
    bool is_tall = shape == MANY || check_int(check, 0, 9) == 0; /* more than a panel */
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

/* Weights rounded to bfloat16 are off by up to 1/256 each, this way or that: the errors add up like
 * a random walk. Those of halves, which are sums of two, are up to one in 2^17 of a column and one
 * in 2^16 of a product of low parts. What is below the smallest normal number counts as zero, of
 * products and of columns, which the weights then lack. */
static double rounded_to_bf16(enum dtype dtype, double root_of_squares, int k, double weights)
{
    double tiny = 0x1p-126 * (k + weights);
    return (dtype == DTYPE_F16 ? 0x3p-17 : 8 / 256.0) * root_of_squares + tiny;
}

/* Rounding may cost a few parts of 10^7 of each term. The terms of a weight with a minimum are
 * larger than their difference, which the greatest weight of the row makes up for. */
static void check_outputs(struct check *check, const struct kernels *kernels,
                          const struct product *p, const float *y, size_t y_stride)
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
            double sum = 0, terms = 0, magnitude = 0, squares = 0, weights = 0;
            for (int i = 0; i < k; i++) {
                sum += (double)w[i] * (double)x[i];
                terms += fabs((double)w[i] * (double)x[i]);
                magnitude += fabs((double)x[i]);
                weights += fabs((double)w[i]);
                squares += (double)w[i] * (double)x[i] * (double)w[i] * (double)x[i];
            }
            double slack =
                1e-6 * terms + (p->weight.dtype > DTYPE_F16 ? 1e-6 * max * magnitude : 0) + 1e-37;
            if (p->shape == MANY)
                slack += rounded_to_bf16(p->weight.dtype, sqrt(squares), k, weights);
            double error =
                fabs((double)y[y_stride * (size_t)p->output_index[c] + (size_t)r] - sum) / slack;
            if (!(error <= worst)) worst = error;
        }
    }
    check_that(check, worst <= 1,
               "%s: %s %s, %d rows, k = %d, %d columns: %.1f times the error allowed",
               kernels->name, shape_names[p->shape], dtype_name(p->weight.dtype), p->weight.n_rows,
               k, p->n_columns, worst);
    free(w);
}

static void check_product(struct check *check, const struct kernels *kernels, enum dtype dtype,
                          enum shape shape, int n_columns)
{
    bool indexed = check_int(check, 0, 1);
    struct matmul_choice choice = shape == WIDE ? kernels->wide[dtype] : kernels->narrow[dtype];
    if (shape == MANY)
        choice = (struct matmul_choice){kernels->many[dtype], kernels_many_format(dtype, indexed)};
    struct product p =
        product_random(check, kernels, dtype, shape, choice.format, n_columns, indexed);
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
    int first = check_int(check, 0, p.weight.n_rows);
    choice.run(&m, 0, first, scratch);
    choice.run(&m, first, p.weight.n_rows - first, scratch);
    free(scratch);
    check_outputs(check, kernels, &p, y, y_stride);
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

/* Products of halves are sums of parts: a great value times a small one stays what it is, and what
 * is not finite does not become a number, nor a fault of other columns. */
static void check_split_limits(struct check *check, const struct kernels *kernels, bool listed)
{
    enum { K = 40, N = 4 };
    static const float values[N] = {0x1.fffffep127f, -INFINITY, NAN, 3};
    static const int32_t list[N] = {0, 1, 2, 3};
    uint16_t row[K];
    float x[N * K] = {0}, y[N];
    for (int i = 0; i < K; i++) row[i] = f32_to_f16(0x1p-9f);
    for (int c = 0; c < N; c++) x[c * K + K - 1] = values[c];
    enum column_format format = kernels_many_format(DTYPE_F16, listed);
    size_t column_bytes = listed ? K * sizeof *x : kernels_column_bytes(format, K);
    void *group = check_alloc(kernels_columns_bytes(format, N, K));
    void *scratch = aligned_alloc(64, (kernels->scratch_bytes + 63) / 64 * 64);
    if (!listed) kernels->pair[format](x, K, N, group, K);
    struct matmul m = {
        .rows = row,
        .row_bytes = sizeof row,
        .k = K,
        .columns = listed ? (void *)x : group,
        .column_bytes = column_bytes,
        .column_index = listed ? list : NULL,
        .n_columns = N,
        .y = y,
        .y_stride = 1,
    };
    kernels->many[DTYPE_F16](&m, 0, 1, scratch);
    check_that(check, fabsf(y[0] / 0x1.fffffep118f - 1) < 1e-5f, "%s: %g is off", kernels->name,
               (double)y[0]);
    check_that(check, y[1] == -INFINITY && isnan(y[2]), "%s: faults come out as %g and %g",
               kernels->name, (double)y[1], (double)y[2]);
    check_that(check, y[3] == 0x3p-9f, "%s: %g beside a fault", kernels->name, (double)y[3]);
    free(scratch);
    free(group);
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
    for (int listed = 0; kernels->many[DTYPE_F16] && listed < 2; listed++)
        check_split_limits(check, kernels, listed);
}
