/* The kernels of the CPU: one table of function pointers, filled with plain C first and then upward
 * with whatever the machine offers. Kernels never wait, allocate or fail. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/dtype.h"

/* How a kernel wants the activations it multiplies with ("columns", k values each). Quantised
 * columns are made once per stage and shared by all rows of the weight. */
enum column_format {
    COLUMN_F32,       /* k floats */
    COLUMN_Q8_32,     /* int8 in groups of 32 values, for weights in blocks of 32 */
    COLUMN_Q8_256,    /* int8 in groups of 256 values, for weights in super-blocks of 256 */
    COLUMN_Q8_LANES,  /* the same in the order of lanes: see column.h */
    COLUMN_Q8_EIGHTS, /* COLUMN_Q8_32 in eights of eight groups: see column.h */
    COLUMN_BF16,      /* k bfloat16 */
    /* The same in groups of 16 columns: the first two values of each column, the next two ... A
     * group takes as much as 16 columns, and has room for them all. */
    COLUMN_BF16_PAIRS,
    /* Groups again, of sums of two bfloat16, for weights of F16: of 32 values of the 16 columns
     * first the high parts and then the low ones, both in pairs. */
    COLUMN_SPLIT_PAIRS,
    COLUMN_FORMATS
};

enum {
    COLUMNS_PAIRED = 16, /* of a group */
    /* Rows that the kernels of many columns unpack at once, and the most of a task for all columns
     * of a pass; where columns are fewer it may have more. */
    MANY_PANEL_ROWS = 48,
    MANY_TASK_ROWS = 192,
    NARROW_TASK_ROWS = 128, /* the most of a task for few columns: memory is read on that far */
    WIDE_TASK_ROWS = 64,    /* ... for more, which unpack that many at once */
    LEAST_TASK_ROWS = 16,   /* ... of either, however many threads there are */
};

static inline bool column_is_paired(enum column_format format)
{
    return format == COLUMN_BF16_PAIRS || format == COLUMN_SPLIT_PAIRS;
}

/* y[c][r] = sum over i < k of w[r][i] * x[c][i], for the columns c of a product and a range of rows
 * r. */
struct matmul {
    const void *rows; /* first row of the weight matrix */
    size_t row_bytes;
    int k;                       /* a multiple of the weight's block */
    const void *columns;         /* in the format the kernel asked for */
    size_t column_bytes;         /* from one column to the next */
    const int32_t *column_index; /* [n_columns] which column; NULL: 0, 1, 2 ... */
    const int32_t *output_index; /* [n_columns] which y; NULL: 0, 1, 2 ... */
    int n_columns;
    float *y;
    size_t y_stride; /* floats from one y to the next */
};

/* A row of `rank` latent values and d_k - d_nope rotated ones stands for the key [latent * k_b |
 * rotated] and the value latent * v_b of a head. */
struct attend_latent {
    int rank, d_nope;
    const void *k_b, *v_b; /* [rank, d_nope], or [d_nope, rank] if so said; [d_v, rank], no gaps */
    enum dtype k_b_dtype, v_b_dtype;
    bool k_b_rows_are_keys;
};

/* Attention of query vectors ("columns") to the same cached rows: over the keys that a column sees,
 * sum = sum of exp(score - base) and out = sum of exp(score - base) * value, with a base of the
 * kernel's choice for each column. */
struct attend {
    const float *q;              /* vectors of d_k values */
    const int32_t *column_index; /* [n_columns] which q */
    float *out;                  /* vectors of d_v values */
    const int32_t *output_index; /* [n_columns] which out; NULL: 0, 1, 2 ... */
    int n_columns, d_k, d_v;
    float scale;             /* of the scores */
    const void *k, *v;       /* first rows; v may lie in the rows of k */
    size_t k_bytes, v_bytes; /* from one row to the next */
    int n_keys;
    struct attend_latent latent; /* rank 0: rows are keys and values as they are */
    /* [n_columns] how many keys a column sees, the first ones, and no fewer than the column before;
     * may be negative or more than n_keys. What a column does not see may be no number. */
    const int32_t *n_visible;
    float *base, *sum; /* [n_columns]; of one that sees nothing -infinity and 0 */
};

/* `scratch` as that of a matmul_kernel, but as long as attend_bytes says. */
typedef void attend_kernel(const struct attend *a, void *scratch);

/* Bytes of scratch, for the widths and the number of columns of a. */
typedef size_t attend_size(const struct attend *a);

/* Computes rows [first_row, first_row + n_rows). `scratch` is private to the thread, 64-byte
 * aligned, kernels.scratch_bytes long. */
typedef void matmul_kernel(const struct matmul *m, int first_row, int n_rows, void *scratch);

struct matmul_choice {
    matmul_kernel *run; /* NULL: the type has no kernel, dtype_info().runs is false */
    enum column_format format;
};

struct kernels {
    const char
        *name; /* the highest tier in use: "c", "avx2", "avx512", "avx512vnni", "amx", "neon" ... */

    /* Few columns read the weights once in their own format; many columns unpack a panel of rows
     * into the cache and use it for all of them. */
    struct matmul_choice narrow[DTYPE_LIMIT], wide[DTYPE_LIMIT];
    int wide_from[DTYPE_LIMIT]; /* columns from which `wide` is the faster one */
    size_t scratch_bytes;       /* of each thread */

    /* For machines that multiply matrices; kernels_many_format says which columns. May be NULL, for
     * some types or for all. */
    matmul_kernel *many[DTYPE_LIMIT];
    int many_from[DTYPE_LIMIT]; /* columns from which it is the fastest one */

    /* x[k] -> one column. k is a multiple of the group, if there are groups. NULL for [COLUMN_F32],
     * which are the floats themselves, and for pairs. */
    void (*quantize[COLUMN_FORMATS])(const float *x, void *column, int k);
    /* n columns, at most 16, `stride` floats apart -> one group; columns that it lacks become zero.
     * NULL for formats without groups. */
    void (*pair[COLUMN_FORMATS])(const float *x, size_t stride, int n, void *group, int k);

    /* Attention over a key-value cache of F32, F16 or Q8_0, else NULL. The scores are a `narrow` or
     * `wide` product with the keys as rows. out[r][i] += sum over j < n_kv of p[r][j] * v[j][i], i
     * < d. */
    void (*mix[DTYPE_LIMIT])(float *out, size_t out_stride, const float *p, size_t p_stride,
                             int n_rows, const void *v, size_t v_bytes, int n_kv, int d);
    /* Attention of many columns, over a cache of F32, F16 or Q8_0; NULL for some types or for all.
     * Machines that multiply matrices round queries, keys, values and weights to bfloat16, but not
     * those of a cache of F32, which is asked for where nothing shall be rounded. The rank, and
     * widths of Q8_0 rows, are multiples of 32. */
    attend_kernel *attend[DTYPE_LIMIT];
    attend_size *attend_bytes[DTYPE_LIMIT]; /* NULL where there is no such kernel */
    int attend_from[DTYPE_LIMIT];           /* columns from which it is the faster one */
    /* n floats into the type of the cache. */
    void (*store[DTYPE_LIMIT])(const float *x, void *destination, int n);

    /* y = x / sqrt(mean(x^2) + eps) * w; w may be NULL (all ones); y may be x. */
    void (*rms_norm)(const float *x, const float *w, float eps, float *y, int n);
    /* y = (x - mean) / sqrt(variance + eps) * w + b; w and b may be NULL; y may be x. */
    void (*layer_norm)(const float *x, const float *w, const float *b, float eps, float *y, int n);
    /* y = silu(gate) * up; y may be gate or up. */
    void (*silu_mul)(const float *gate, const float *up, float *y, int n);
    void (*add_scaled)(float *y, const float *x, float scale, int n); /* y += scale * x */
    void (*scale)(float *x, float scale, int n);
    float (*max)(const float *x, int n);
    float (*exp_sum)(float *x, float max, int n); /* x = exp(x - max) in place; returns their sum */
    /* Rotation of n_rot values in place by cos/sin [n_rot / 2]: neighbours (x0,x1),(x2,x3).. or the
     * two halves (x_i, x_{i + n_rot/2}). */
    void (*rope_pairs)(float *x, const float *cos, const float *sin, int n_rot);
    void (*rope_halves)(float *x, const float *cos, const float *sin, int n_rot);
};

static inline void kernels_set_wide_from(struct kernels *kernels, int n_columns)
{
    for (int dtype = 0; dtype < DTYPE_LIMIT; dtype++) kernels->wide_from[dtype] = n_columns;
}

/* Fills the table for this machine. `mask` names the highest tier to use ("c", "avx2", "avxvnni",
 * "avx512", "avx512vnni", "avx512vbmi", "amx"; "neon", "dotprod", "i8mm"), NULL for the best there
 * is; one that the machine lacks means the best below it. False if it names no tier of this
 * architecture.
 */
bool kernels_init(struct kernels *kernels, const char *mask);

/* Names of the tiers this machine can run, lowest first, NULL-terminated. */
const char *const *kernels_tiers(void);

static inline const char *kernels_best_tier(void)
{
    const char *const *tiers = kernels_tiers();
    while (tiers[1]) tiers++;
    return *tiers;
}

static inline bool kernels_take_many(const struct kernels *kernels, enum dtype dtype, int n_columns)
{
    return kernels->many[dtype] && n_columns >= kernels->many_from[dtype];
}

static inline bool kernels_take_wide(const struct kernels *kernels, enum dtype dtype, int n_columns)
{
    return n_columns >= kernels->wide_from[dtype];
}

/* Without the products of matrices. */
static inline struct matmul_choice kernels_matmul_vectors(const struct kernels *kernels,
                                                          enum dtype dtype, int n_columns)
{
    bool wide = kernels_take_wide(kernels, dtype, n_columns);
    return wide ? kernels->wide[dtype] : kernels->narrow[dtype];
}

/* Of a product of matrices. Columns of a list come one by one, not in groups; of F16, which has
 * more bits than bfloat16, they are split when they are gathered. */
static inline enum column_format kernels_many_format(enum dtype dtype, bool listed)
{
    if (dtype == DTYPE_F16) return listed ? COLUMN_F32 : COLUMN_SPLIT_PAIRS;
    return listed ? COLUMN_BF16 : COLUMN_BF16_PAIRS;
}

/* `listed`: the product will have a column_index. */
static inline struct matmul_choice kernels_matmul(const struct kernels *kernels, enum dtype dtype,
                                                  int n_columns, bool listed)
{
    if (kernels_take_many(kernels, dtype, n_columns))
        return (struct matmul_choice){kernels->many[dtype], kernels_many_format(dtype, listed)};
    return kernels_matmul_vectors(kernels, dtype, n_columns);
}

/* Bytes of scratch that attention of many columns takes at most, whatever the type of the cache; 0:
 * there are no such kernels. */
size_t kernels_attend_bytes(const struct kernels *kernels, const struct attend *a);

/* Bytes of one column of k values, a multiple of 64. Columns of bfloat16 are completed to 32 values
 * by zeros. */
size_t kernels_column_bytes(enum column_format format, int k);

/* Bytes of n columns: pairs come in whole groups. */
size_t kernels_columns_bytes(enum column_format format, int64_t n, int k);
