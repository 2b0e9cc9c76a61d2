/* Inside of the CPU backend. Work is a list of phases that all threads walk through together, with
 * a barrier between two phases: a step of the contract is a short list, a fused stage a longer one.
 */
#pragma once

#include "backend/backend.h"
#include "backend/cpu/kernels.h"
#include "base/pool.h"

enum {
    CPU_ATTEND_COLUMNS = 64, /* query vectors of one attention task */
    CPU_ATTEND_MANY = 256,   /* ... of the kernels of many columns */
    CPU_EXPAND_MANY = 512,   /* ... and keys and values of a head are made from latent rows */
    CPU_ATTEND_KEYS = 128,   /* keys scored at once: their panel stays in the cache */
    CPU_ABSORB_ROWS = 64,    /* rows of latent attention that are absorbed at once */
    CPU_MAX_EXPERTS = 1024,
};

struct cpu {
    struct backend base;
    struct kernels kernels;
    struct pool *pool;
    struct limits limits;
    struct activations a;
    char *memory; /* everything below and the activations, one piece */
    size_t memory_bytes;

    /* Quantised columns; each stage fills it from the start. */
    char *columns;
    size_t columns_bytes, columns_used;

    int n_rows;           /* of the pass that is running */
    int n_rows_shared;    /* from so many rows on, the work of a stage is shared by all threads */
    char *thread_scratch; /* [n_threads] of thread_bytes */
    size_t thread_bytes;

    int32_t *slice_index;              /* [CPU_ABSORB_ROWS] i * n_heads: see product.c */
    float *partial;                    /* attention split over keys: see attend.c */
    float *q_absorbed, *o_latent;      /* [CPU_ABSORB_ROWS, n_heads, latent width] */
    struct expert_group *groups;       /* [n_experts] rows of each expert, after grouping */
    int32_t *group_rows, *group_slots; /* [n_rows * n_used] */
    int n_groups;
};

/* The rows (and their slots, row * n_used + choice) that visit one expert. */
struct expert_group {
    int expert, first, n;
};

/* Where the parts of one thread's scratch begin; sizes come from the limits. */
struct thread_scratch {
    void *kernel;   /* for the matmul kernels */
    float *tile[2]; /* [cpu_tile_floats] outputs of a task before they are added */
    float *attend;  /* see attend.c and latent_expand.c */
};
struct thread_scratch cpu_scratch(const struct cpu *cpu, const struct worker *worker);
/* Results of one task: MANY_TASK_ROWS for every row of a batch or of an absorbed window. */
size_t cpu_tile_floats(const struct limits *limits);

/* ---- phases ---- */

struct phase;
typedef void phase_run(struct cpu *cpu, const struct worker *worker, struct phase *phase);

struct phase {
    phase_run *run;
    const void *arguments;
    struct pool_counter counter; /* tasks claimed so far */
};

void cpu_run(struct cpu *cpu, struct phase *phases, int n_phases);

/* ---- products (product.c) ---- */

/* The inputs of products: rows of floats, and their quantised forms where a kernel wants them. */
struct columns {
    const float *x;
    size_t stride; /* floats from one column to the next */
    int n, k;
    char *quantized[COLUMN_FORMATS]; /* NULL: nobody wants that format */
    size_t bytes[COLUMN_FORMATS];
};

/* Notes that `w` will be multiplied with these columns, `n_together` at a time, all in their order
 * or those that a list picks. */
void columns_want(struct cpu *cpu, struct columns *columns, const struct weight *w, int n_together,
                  bool listed);

void columns_quantize(const struct cpu *cpu, const struct columns *columns, int first, int n);

/* Phase: normalises rows (in -> out) where norm is not NULL, then quantises the columns of each. */
struct prepare {
    const struct norm *norm;
    const float *in;
    float *out;
    int n_rows, width;
    struct columns
        *columns[2]; /* NULL: none; columns may be several to a row: n / n_rows of them */
};
phase_run prepare_run;

struct product {
    const struct weight *w;
    const struct columns *columns;
    const float *bias; /* [weight_outputs of w] */
    float *out;
    size_t out_stride; /* floats */
    bool add;          /* out += */
    bool by_slice;     /* column c belongs to slice c % n_slices; else slices are stacked */
};

/* Phase: all tiles of all products. */
struct products {
    const struct product *list;
    int n;
};
phase_run products_run;

/* Rows [first_row, first_row + n_rows) of one slice, for n_columns of the columns: y[c][r -
 * first_row]. */
struct tile {
    const struct weight *w;
    int slice, first_row, n_rows;
    const struct columns *columns;
    const int32_t *column_index, *output_index;
    int n_columns;
};

/* Weight rows of one task: as many as read on without a pause, or as share a pass over the columns
 * where matrices are multiplied as such; fewer if that leaves too few tasks for all threads. */
int cpu_tile_rows(const struct cpu *cpu, enum dtype dtype, int64_t n_rows, int n_columns);

void tile_multiply(const struct cpu *cpu, const struct tile *tile, float *y, size_t y_stride,
                   void *kernel_scratch);

/* ---- attention (rope.c, attend.c, latent.c, latent_expand.c) ---- */

struct rope_append {
    const struct attention *attention;
    const struct batch *batch;
};
phase_run rope_append_run;

/* Attention of query vectors over cached rows; GROUPED, and LATENT once the queries are absorbed.
 */
struct attend_problem {
    const float *q; /* [n_rows, n_heads, d_k], row 0 is the first row of the first span */
    float *o;       /* [n_rows, n_heads, d_v] */
    int n_heads, n_kv_heads, d_k, d_v, layer;
    bool latent; /* values are the first d_v of each key */
    float scale;
    const struct span *spans;
    int n_spans;
};
void attend_cached(struct cpu *cpu, const struct attend_problem *problem);
void attend_latent(struct cpu *cpu, const struct attention *attention, const struct batch *batch);
void latent_expand(struct cpu *cpu, const struct attention *attention, const struct span *span);

/* One block of at most CPU_ATTEND_KEYS keys, folded into running softmax sums. */
struct attend_block {
    enum dtype dtype;
    const char *k, *v;
    size_t k_bytes, v_bytes;
    int n_keys, d_k, d_v;
    const void *columns[COLUMN_FORMATS]; /* query vectors in the formats the kernels may want */
    size_t column_bytes[COLUMN_FORMATS];
    const int32_t *column_index;
    int n_columns;
    const int
        *n_visible; /* [n_columns] keys of this block a column may see; may be <= 0 or > n_keys */
    float scale;
    float *scores; /* [n_columns, CPU_ATTEND_KEYS] */
    float *out;    /* [n_columns, d_v] running sums */
    size_t out_stride;
    float *max, *sum; /* [n_columns] */
};
void attend_fold(const struct cpu *cpu, const struct attend_block *block, void *kernel_scratch);

/* Of each thread. */
size_t attend_scratch_floats(const struct kernels *kernels, const struct limits *limits);
size_t attend_partial_floats(const struct limits *limits, int n_threads);
size_t latent_scratch_floats(const struct kernels *kernels, const struct limits *limits);

/* ---- experts (router.c, experts.c) ---- */

struct route {
    const struct router *router;
    int n_rows;
};
phase_run route_run, group_run;

struct gate {
    const struct feed_forward *ffn;
    const struct columns *columns; /* of h */
    bool dense, experts;           /* which of the two networks */
};
phase_run gate_run;

struct mix {
    const struct feed_forward *ffn;
    const struct columns *dense, *experts; /* of gated and expert_gated; NULL: left out */
};
phase_run mix_run;
