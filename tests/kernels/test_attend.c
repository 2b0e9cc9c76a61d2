/* Attention of many columns against sums in double, over values rounded to bfloat16 where the
 * kernel rounds them. What no column, or not every column, may see is NaN. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "tensor/half.h"

enum { MAX_KEYS = 300, MAX_COLUMNS = 100, MAX_WIDTH = 208 };

struct scene {
    enum dtype dtype;
    struct attend a;
    int row_values, v_values; /* of a cached row; v_values 0: values lie in the keys */
    struct weight k, v;       /* the cache */
    struct weight k_b, v_b;   /* of one head */
    double *keys, *values;    /* [n_keys, d_k], [n_keys, d_v]: what the columns see, rounded */
    double *sizes;            /* [n_keys, d_v]: of the terms that a value is the sum of */
    int bad;                  /* a key that is NaN */
    bool rounds;              /* the kernel rounds to bfloat16 */
    float *q, *out, *base, *sum;
    int32_t *column_index, *output_index, *n_visible;
    size_t scratch_bytes;
};

/* What a kernel makes of a value. */
static double rounded(const struct scene *scene, float x)
{
    return scene->rounds ? (double)bf16_to_f32(f32_to_bf16(x)) : (double)x;
}

static float *random_floats(struct check *check, size_t n, float size)
{
    float *x = check_alloc(n * sizeof *x);
    for (size_t i = 0; i < n; i++) x[i] = size * check_float(check);
    return x;
}

/* Rows of numbers of ordinary size, unlike those of weight_random. */
static void set_rows(struct check *check, struct weight *rows, float size)
{
    float values[2 * MAX_WIDTH];
    for (int r = 0; r < rows->n_rows; r++) {
        for (int i = 0; i < rows->k; i++) values[i] = size * check_float(check);
        dtype_pack(rows->dtype, values, (char *)rows->rows + (size_t)r * rows->row_bytes, rows->k);
    }
}

static struct weight random_rows(struct check *check, enum dtype dtype, int n_rows, int n)
{
    struct weight rows = weight_random(check, dtype, n_rows, n);
    set_rows(check, &rows, 1);
    return rows;
}

/* Its rows follow one another without gaps. */
static struct weight random_slice(struct check *check, enum dtype dtype, int n_rows, int n)
{
    struct weight slice = weight_random(check, dtype, 1, n_rows * n);
    slice.n_rows = n_rows;
    slice.k = n;
    slice.row_bytes = dtype_bytes(dtype, n);
    set_rows(check, &slice, 0.3f);
    return slice;
}

static void unpack_row(const struct weight *rows, int row, float *values)
{
    dtype_unpack(rows->dtype, rows->rows + (size_t)row * rows->row_bytes, values, rows->k);
}

/* ---- what the columns see ---- */

static void expand(struct scene *scene, int key, const float *row)
{
    const struct attend *a = &scene->a;
    const struct attend_latent *latent = &a->latent;
    float slice[MAX_WIDTH];
    double *k = scene->keys + (size_t)key * (size_t)a->d_k;
    double *v = scene->values + (size_t)key * (size_t)a->d_v;
    double *sizes = scene->sizes + (size_t)key * (size_t)a->d_v;
    memset(k, 0, (size_t)latent->d_nope * sizeof *k);
    for (int r = 0; r < scene->k_b.n_rows; r++) {
        unpack_row(&scene->k_b, r, slice);
        for (int i = 0; i < scene->k_b.k; i++)
            k[latent->k_b_rows_are_keys ? r : i] +=
                rounded(scene, row[latent->k_b_rows_are_keys ? i : r]) * rounded(scene, slice[i]);
    }
    for (int i = 0; i < latent->d_nope; i++) k[i] = rounded(scene, (float)k[i]);
    for (int i = latent->d_nope; i < a->d_k; i++)
        k[i] = rounded(scene, row[latent->rank + i - latent->d_nope]);
    for (int i = 0; i < a->d_v; i++) {
        unpack_row(&scene->v_b, i, slice);
        v[i] = sizes[i] = 0;
        for (int r = 0; r < latent->rank; r++) {
            double term = rounded(scene, row[r]) * rounded(scene, slice[r]);
            v[i] += term;
            sizes[i] += fabs(term);
        }
        v[i] = rounded(scene, (float)v[i]);
    }
}

static void see(struct scene *scene)
{
    const struct attend *a = &scene->a;
    scene->keys = check_alloc((size_t)a->n_keys * (size_t)a->d_k * sizeof *scene->keys);
    scene->values = check_alloc((size_t)a->n_keys * (size_t)a->d_v * sizeof *scene->values);
    scene->sizes = check_alloc((size_t)a->n_keys * (size_t)a->d_v * sizeof *scene->sizes);
    for (int j = 0; j < a->n_keys; j++) {
        float k[2 * MAX_WIDTH], v[2 * MAX_WIDTH];
        unpack_row(&scene->k, j, k);
        if (a->latent.rank) {
            expand(scene, j, k);
            continue;
        }
        if (scene->v_values)
            unpack_row(&scene->v, j, v);
        else
            memcpy(v, k, (size_t)a->d_v * sizeof *v);
        for (int i = 0; i < a->d_k; i++) scene->keys[j * a->d_k + i] = rounded(scene, k[i]);
        for (int i = 0; i < a->d_v; i++) {
            scene->values[j * a->d_v + i] = rounded(scene, v[i]);
            scene->sizes[j * a->d_v + i] = fabs((double)v[i]);
        }
    }
}

/* ---- making ---- */

static int random_width(struct check *check, const struct scene *scene, int most)
{
    int n = check_int(check, 1, most);
    return scene->dtype == DTYPE_Q8_0 ? (n + 31) / 32 * 32 : n;
}

/* Rows and columns of a weight may be whole blocks only. */
static void make_latent(struct check *check, struct scene *scene)
{
    static const enum dtype types[] = {DTYPE_F32, DTYPE_F16, DTYPE_Q8_0};
    struct attend *a = &scene->a;
    int rank = 32 * check_int(check, 1, 3), d_rope = random_width(check, scene, 64);
    enum dtype dtype = types[check_int(check, 0, 2)];
    int d_nope = check_int(check, 1, 96);
    bool rows_are_keys = check_int(check, 0, 1);
    if (dtype == DTYPE_Q8_0) d_nope = (d_nope + 31) / 32 * 32;
    scene->k_b =
        random_slice(check, dtype, rows_are_keys ? d_nope : rank, rows_are_keys ? rank : d_nope);
    scene->v_b = random_slice(check, dtype, a->d_v, rank);
    a->d_k = d_nope + d_rope;
    a->latent = (struct attend_latent){.rank = rank,
                                       .d_nope = d_nope,
                                       .k_b_dtype = dtype,
                                       .v_b_dtype = dtype,
                                       .k_b_rows_are_keys = rows_are_keys};
    scene->row_values = rank + d_rope;
}

static void make_cache(struct check *check, struct scene *scene)
{
    struct attend *a = &scene->a;
    scene->k = random_rows(check, scene->dtype, a->n_keys, scene->row_values);
    a->k = a->v = scene->k.rows;
    a->k_bytes = a->v_bytes = scene->k.row_bytes;
    if (!scene->v_values) return;
    scene->v = random_rows(check, scene->dtype, a->n_keys, scene->v_values);
    a->v = scene->v.rows;
    a->v_bytes = scene->v.row_bytes;
}

static int ascending(const void *a, const void *b)
{
    return *(const int32_t *)a - *(const int32_t *)b;
}

/* Rows that follow one another, or anything that ascends. */
static void make_visible(struct check *check, struct scene *scene)
{
    struct attend *a = &scene->a;
    bool steps = check_int(check, 0, 1);
    int group = check_int(check, 1, 40), first = a->n_keys - (a->n_columns - 1) / group;
    for (int c = 0; c < a->n_columns; c++)
        scene->n_visible[c] = steps ? first + c / group : check_int(check, -3, a->n_keys + 40);
    qsort(scene->n_visible, (size_t)a->n_columns, sizeof *scene->n_visible, ascending);
    a->n_visible = scene->n_visible;
}

/* All columns in another order, some places between them free. */
static void shuffle(struct check *check, int32_t *index, int n)
{
    for (int i = 0; i < n; i++) index[i] = i + i / 3;
    for (int i = n - 1; i > 0; i--) {
        int other = check_int(check, 0, i);
        int32_t value = index[i];
        index[i] = index[other];
        index[other] = value;
    }
}

static void make_columns(struct check *check, struct scene *scene)
{
    static const float sizes[] = {1, 4, 40};
    struct attend *a = &scene->a;
    size_t places = 2 * MAX_COLUMNS;
    scene->column_index = check_alloc(MAX_COLUMNS * sizeof(int32_t));
    scene->output_index = check_alloc(MAX_COLUMNS * sizeof(int32_t));
    scene->n_visible = check_alloc(MAX_COLUMNS * sizeof(int32_t));
    shuffle(check, scene->column_index, a->n_columns);
    shuffle(check, scene->output_index, a->n_columns);
    make_visible(check, scene);
    a->scale = 1 / sqrtf((float)a->d_k);
    a->q = scene->q = random_floats(check, places * (size_t)a->d_k, sizes[check_int(check, 0, 2)]);
    a->out = scene->out = random_floats(check, places * (size_t)a->d_v, 1);
    a->base = scene->base = random_floats(check, MAX_COLUMNS, 1);
    a->sum = scene->sum = random_floats(check, MAX_COLUMNS, 1);
    a->column_index = scene->column_index;
    a->output_index = check_int(check, 0, 2) ? scene->output_index : NULL;
}

static void scene_make(struct check *check, struct scene *scene, enum dtype dtype, bool rounds)
{
    int kind = check_int(check, 0, 2); /* grouped, latent: absorbed or expanded */
    *scene = (struct scene){.dtype = dtype, .rounds = rounds};
    struct attend *a = &scene->a;
    a->n_keys = check_int(check, 1, MAX_KEYS);
    a->n_columns = check_int(check, 1, MAX_COLUMNS);
    a->d_v = random_width(check, scene, 160);
    if (kind == 2) {
        make_latent(check, scene);
    } else {
        a->d_k = scene->row_values = random_width(check, scene, MAX_WIDTH);
        scene->v_values = kind == 0 ? a->d_v : 0;
        if (kind == 1 && a->d_v > a->d_k) a->d_v = a->d_k;
    }
    make_cache(check, scene);
    a->latent.k_b = scene->k_b.rows;
    a->latent.v_b = scene->v_b.rows;
    make_columns(check, scene);
    see(scene);
}

/* The bits of a NaN in either type. */
static void spoil(struct check *check, struct scene *scene)
{
    scene->bad = check_int(check, 0, scene->a.n_keys - 1);
    const struct weight *rows[] = {&scene->k, &scene->v};
    for (int i = 0; i < (scene->v_values ? 2 : 1); i++)
        memset((char *)rows[i]->rows + (size_t)scene->bad * rows[i]->row_bytes, 0xff,
               dtype_bytes(rows[i]->dtype, rows[i]->k));
}

static void scene_free(struct scene *scene)
{
    struct weight *weights[] = {&scene->k, &scene->v, &scene->k_b, &scene->v_b};
    for (int i = 0; i < 4; i++) weight_free(weights[i]);
    void *pieces[] = {scene->keys,      scene->values,      scene->sizes, scene->q,
                      scene->out,       scene->base,        scene->sum,   scene->column_index,
                      scene->n_visible, scene->output_index};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) free(pieces[i]);
}

/* ---- comparing ---- */

static double score_of(const struct scene *scene, int column, int key)
{
    const struct attend *a = &scene->a;
    const float *q = a->q + (size_t)scene->column_index[column] * (size_t)a->d_k;
    const double log2_e = 1.4426950408889634;
    double sum = 0;
    for (int i = 0; i < a->d_k; i++)
        sum += rounded(scene, q[i] * (a->scale * (float)log2_e)) *
               scene->keys[(size_t)key * (size_t)a->d_k + (size_t)i];
    return sum / log2_e;
}

/* Of one column, as a multiple of what is allowed: that of scores of floats, which may be large; or
 * rounding of powers to bfloat16, where keys and values that are sums themselves may be rounded the
 * other way here and there. */
static double error_of(const struct scene *scene, int column, int n_seen)
{
    const struct attend *a = &scene->a;
    double scores[MAX_KEYS], max = -INFINITY, sum = 0, worst;
    for (int j = 0; j < n_seen; j++) {
        scores[j] = score_of(scene, column, j);
        max = fmax(max, scores[j]);
    }
    for (int j = 0; j < n_seen; j++) sum += scores[j] = exp(scores[j] - max);
    double slack = scene->rounds && a->latent.rank ? 8 : 1, base = (double)a->base[column];
    worst = fabs(log((double)a->sum[column]) + base - log(sum) - max) / (2e-4 * slack * slack);
    int place = a->output_index ? a->output_index[column] : column;
    for (int i = 0; i < a->d_v; i++) {
        double expected = 0, terms = 1e-30;
        for (int j = 0; j < n_seen; j++) {
            size_t at = (size_t)j * (size_t)a->d_v + (size_t)i;
            double value = scene->values[at];
            expected += scores[j] * value;
            terms += scores[j] * (scene->rounds ? fabs(value) : scene->sizes[at]);
        }
        double found = (double)a->out[(size_t)place * (size_t)a->d_v + (size_t)i];
        double error = fabs(found / (double)a->sum[column] - expected / sum) / (terms / sum);
        error /= scene->rounds ? 0x1p-8 * slack : 1e-4;
        if (!(error <= worst)) worst = error;
    }
    return worst;
}

static bool is_empty(const struct scene *scene, int column)
{
    const struct attend *a = &scene->a;
    int place = a->output_index ? a->output_index[column] : column;
    bool empty = a->sum[column] == 0 && a->base[column] == -INFINITY;
    for (int i = 0; i < a->d_v; i++) empty &= a->out[place * a->d_v + i] == 0;
    return empty;
}

static void check_scene(struct check *check, const struct kernels *kernels,
                        const struct scene *scene)
{
    const struct attend *a = &scene->a;
    char *scratch = check_alloc(kernels->attend_bytes[scene->dtype](a));
    memset(scratch, 0xff, kernels->attend_bytes[scene->dtype](a));
    kernels->attend[scene->dtype](a, scratch);
    double worst = 0;
    bool right = true;
    for (int c = 0; c < a->n_columns; c++) {
        int n_seen = a->n_visible[c] < a->n_keys ? a->n_visible[c] : a->n_keys;
        if (n_seen <= 0) {
            right &= is_empty(scene, c);
        } else if (scene->bad < n_seen) {
            right &= isnan(a->sum[c]) != 0;
        } else {
            double error = error_of(scene, c, n_seen);
            if (!(error <= worst)) worst = error;
        }
    }
    check_that(check, right && worst <= 1,
               "%s: attention to %d keys of %s, %d columns, d_k = %d, d_v = %d, rank = %d: %.2f "
               "times the error allowed%s",
               kernels->name, a->n_keys, dtype_name(scene->dtype), a->n_columns, a->d_k, a->d_v,
               a->latent.rank, worst, right ? "" : ", what is empty or no number is not");
    free(scratch);
}

/* Machines that multiply matrices round what is no cache of F32. */
void test_attend(struct check *check, const struct kernels *kernels)
{
    static const enum dtype types[] = {DTYPE_F32, DTYPE_F16, DTYPE_Q8_0};
    bool matrices = kernels->many[DTYPE_Q8_0] != NULL;
    for (int i = 0; i < 180; i++) {
        enum dtype dtype = types[i % 3];
        if (!kernels->attend[dtype]) continue;
        struct scene scene;
        scene_make(check, &scene, dtype, matrices && dtype != DTYPE_F32);
        scene.bad = scene.a.n_keys;
        check_scene(check, kernels, &scene);
        spoil(check, &scene);
        check_scene(check, kernels, &scene);
        scene_free(&scene);
    }
}
