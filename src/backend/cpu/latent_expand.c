/* Latent attention of many rows: keys and values of a head are made from the latent rows, a block
 * at a time, by the kernel of many columns, or else here. */
#include "backend/cpu/cpu.h"

#include <math.h>
#include <string.h>

struct expand {
    const struct attention *attention;
    const struct span *span;
    attend_kernel *many; /* NULL: there is none */
};

/* What a thread needs to expand the latent rows of one head. */
struct expansion {
    float *latent;    /* [CPU_ATTEND_KEYS, kv_rank + d_rope] */
    float *k_b, *v_b; /* the head's slices, unpacked */
    float *k, *v;     /* [CPU_ATTEND_KEYS, d_k], [CPU_ATTEND_KEYS, d_v] */
    float *scores;
    float *max, *sum; /* [n_rows] */
};

static attend_kernel *expand_kernel(const struct cpu *cpu, const struct attention *attention,
                                    const struct span *span);
static void expand_many(struct cpu *cpu, const struct expand *expand, int head, int row, int n_rows,
                        const struct thread_scratch *scratch);
static void expand_block(const struct cpu *cpu, const struct expand *expand,
                         const struct expansion *room, int first, int n, void *kernel_scratch);
static void expand_attend(const struct cpu *cpu, const struct expand *expand, int head,
                          const struct expansion *room, int first, int n, void *kernel_scratch);
static struct expansion expansion_of(const struct attention *attention, int n_rows, float *memory);
static phase_run expand_run, expand_many_run;

void latent_expand(struct cpu *cpu, const struct attention *attention, const struct span *span)
{
    struct expand expand = {attention, span, expand_kernel(cpu, attention, span)};
    phase_run *run = expand.many ? expand_many_run : expand_run;
    cpu_run(cpu, &(struct phase){.run = run, .arguments = &expand}, 1);
}

/* What the other kernels need here, or the kernel of many columns. */
size_t latent_scratch_floats(const struct kernels *kernels, const struct limits *limits)
{
    if (!limits->kv_rank) return 0;
    size_t rank = (size_t)limits->kv_rank, keys = CPU_ATTEND_KEYS;
    size_t d_k = (size_t)(limits->q_width / limits->n_heads),
           d_v = (size_t)(limits->o_width / limits->n_heads);
    size_t few = keys * (size_t)limits->d_k_max + rank * (size_t)(limits->d_nope + (int)d_v) +
                 keys * (d_k + d_v + CPU_ATTEND_COLUMNS) + 2 * (size_t)limits->n_rows + 128;
    struct attend widths = {
        .n_columns = CPU_EXPAND_MANY,
        .d_k = (int)d_k,
        .d_v = (int)d_v,
        .latent = {.rank = limits->kv_rank, .d_nope = limits->d_nope},
    };
    size_t many = kernels_attend_bytes(kernels, &widths) / sizeof(float);
    return few > many ? few : many;
}

/* A task is a head: all rows of the span against all keys. */
static void expand_run(struct cpu *cpu, const struct worker *worker, struct phase *phase)
{
    const struct expand *expand = phase->arguments;
    const struct attention *attention = expand->attention;
    const struct span *span = expand->span;
    struct thread_scratch scratch = cpu_scratch(cpu, worker);
    struct expansion room = expansion_of(attention, span->n_rows, scratch.attend);
    size_t stride = (size_t)(attention->n_heads * attention->d_v);
    int n_keys = span->first_position + span->n_rows;
    for (;;) {
        int head = pool_claim(&phase->counter, 1);
        if (head >= attention->n_heads) return;
        const struct weight *k_b = &attention->k_b, *v_b = &attention->v_b;
        dtype_unpack(k_b->dtype, weight_slice(k_b, head), room.k_b,
                     (int64_t)attention->kv_rank * attention->d_nope);
        dtype_unpack(v_b->dtype, weight_slice(v_b, head), room.v_b,
                     (int64_t)attention->kv_rank * attention->d_v);
        float *out = cpu->a.o + (size_t)span->first_row * stride + (size_t)(head * attention->d_v);
        for (int row = 0; row < span->n_rows; row++) {
            memset(out + (size_t)row * stride, 0, (size_t)attention->d_v * sizeof *out);
            room.max[row] = -INFINITY;
            room.sum[row] = 0;
        }
        for (int first = 0; first < n_keys; first += CPU_ATTEND_KEYS) {
            int n = n_keys - first < CPU_ATTEND_KEYS ? n_keys - first : CPU_ATTEND_KEYS;
            expand_block(cpu, expand, &room, first, n, scratch.kernel);
            expand_attend(cpu, expand, head, &room, first, n, scratch.kernel);
        }
        for (int row = 0; row < span->n_rows; row++)
            cpu->kernels.scale(out + (size_t)row * stride, 1.0f / room.sum[row], attention->d_v);
    }
}

/* Keys and values of one head for n cached rows. */
static void expand_block(const struct cpu *cpu, const struct expand *expand,
                         const struct expansion *room, int first, int n, void *kernel_scratch)
{
    const struct attention *attention = expand->attention;
    const struct kv_cache *kv = expand->span->kv;
    size_t rank = (size_t)attention->kv_rank, width = rank + (size_t)attention->d_rope;
    size_t d_k = (size_t)attention->d_k, d_nope = (size_t)attention->d_nope;
    const char *rows = (const char *)kv->layers[attention->layer].k +
                       (size_t)first * dtype_bytes(kv->dtype, (int64_t)width);
    dtype_unpack(kv->dtype, rows, room->latent, (int64_t)n * (int64_t)width);
    for (int j = 0; j < n; j++) {
        memset(room->k + (size_t)j * d_k, 0, d_nope * sizeof(float));
        memcpy(room->k + (size_t)j * d_k + d_nope, room->latent + (size_t)j * width + rank,
               (size_t)attention->d_rope * sizeof(float));
    }
    struct matmul product = {.row_bytes = rank * sizeof(float),
                             .k = attention->kv_rank,
                             .columns = room->latent,
                             .column_bytes = width * sizeof(float),
                             .n_columns = n};
    struct matmul_choice choice = kernels_matmul_vectors(&cpu->kernels, DTYPE_F32, n);
    if (attention->k_b_rows_are_keys) {
        product.rows = room->k_b;
        product.y = room->k;
        product.y_stride = d_k;
        choice.run(&product, 0, attention->d_nope, kernel_scratch);
    } else {
        cpu->kernels.mix[DTYPE_F32](room->k, d_k, room->latent, width, n, room->k_b,
                                    d_nope * sizeof(float), attention->kv_rank, attention->d_nope);
    }
    product.rows = room->v_b;
    product.y = room->v;
    product.y_stride = (size_t)attention->d_v;
    choice.run(&product, 0, attention->d_v, kernel_scratch);
}

static void expand_attend(const struct cpu *cpu, const struct expand *expand, int head,
                          const struct expansion *room, int first, int n, void *kernel_scratch)
{
    const struct attention *attention = expand->attention;
    const struct span *span = expand->span;
    size_t stride = (size_t)(attention->n_heads * attention->d_v);
    int32_t index[CPU_ATTEND_COLUMNS];
    int n_visible[CPU_ATTEND_COLUMNS];
    struct attend_block block = {.dtype = DTYPE_F32,
                                 .k = (const char *)room->k,
                                 .v = (const char *)room->v,
                                 .k_bytes = (size_t)attention->d_k * sizeof(float),
                                 .v_bytes = (size_t)attention->d_v * sizeof(float),
                                 .n_keys = n,
                                 .d_k = attention->d_k,
                                 .d_v = attention->d_v,
                                 .column_index = index,
                                 .n_visible = n_visible,
                                 .scale = attention->scale,
                                 .scores = room->scores,
                                 .out_stride = stride};
    block.columns[COLUMN_F32] = cpu->a.q;
    block.column_bytes[COLUMN_F32] = (size_t)attention->d_k * sizeof(float);
    for (int row = 0; row < span->n_rows; row += CPU_ATTEND_COLUMNS) {
        int left = span->n_rows - row;
        block.n_columns = left < CPU_ATTEND_COLUMNS ? left : CPU_ATTEND_COLUMNS;
        if (span->first_position + row + block.n_columns <= first)
            continue; /* all before these keys */
        for (int c = 0; c < block.n_columns; c++) {
            index[c] = (span->first_row + row + c) * attention->n_heads + head;
            n_visible[c] = span->first_position + row + c + 1 - first;
        }
        block.out =
            cpu->a.o + (size_t)(span->first_row + row) * stride + (size_t)(head * attention->d_v);
        block.max = room->max + row;
        block.sum = room->sum + row;
        attend_fold(cpu, &block, kernel_scratch);
    }
}

/* ---- expanded by the kernel of many columns ---- */

/* NULL: it has none for the type of the cache or for such a rank. */
static attend_kernel *expand_kernel(const struct cpu *cpu, const struct attention *attention,
                                    const struct span *span)
{
    enum dtype dtype = span->kv->dtype;
    if (attention->kv_rank % 32 != 0 || span->n_rows < cpu->kernels.attend_from[dtype]) return NULL;
    return cpu->kernels.attend[dtype];
}

/* A task is a head and as many rows as the scratch has room for, the late ones first: they see the
 * most keys. */
static void expand_many_run(struct cpu *cpu, const struct worker *worker, struct phase *phase)
{
    const struct expand *expand = phase->arguments;
    struct thread_scratch scratch = cpu_scratch(cpu, worker);
    int n_heads = expand->attention->n_heads, n_rows = expand->span->n_rows;
    int n_pieces = (n_rows + CPU_EXPAND_MANY - 1) / CPU_EXPAND_MANY;
    for (;;) {
        int task = pool_claim(&phase->counter, 1);
        if (task >= n_heads * n_pieces) return;
        int row = (n_pieces - 1 - task / n_heads) * CPU_EXPAND_MANY;
        int n = n_rows - row < CPU_EXPAND_MANY ? n_rows - row : CPU_EXPAND_MANY;
        expand_many(cpu, expand, task % n_heads, row, n, &scratch);
    }
}

static void expand_many(struct cpu *cpu, const struct expand *expand, int head, int row, int n_rows,
                        const struct thread_scratch *scratch)
{
    const struct attention *attention = expand->attention;
    const struct span *span = expand->span;
    const struct kv_cache *kv = span->kv;
    int32_t index[CPU_EXPAND_MANY], n_visible[CPU_EXPAND_MANY];
    float base[CPU_EXPAND_MANY], sum[CPU_EXPAND_MANY];
    for (int c = 0; c < n_rows; c++) {
        index[c] = (span->first_row + row + c) * attention->n_heads + head;
        n_visible[c] = span->first_position + row + c + 1;
    }
    struct attend attend = {
        .q = cpu->a.q,
        .column_index = index,
        .out = cpu->a.o,
        .output_index = index,
        .n_columns = n_rows,
        .d_k = attention->d_k,
        .d_v = attention->d_v,
        .scale = attention->scale,
        .k = kv->layers[attention->layer].k,
        .k_bytes = dtype_bytes(kv->dtype, attention->kv_rank + attention->d_rope),
        .n_keys = n_visible[n_rows - 1],
        .latent = {.rank = attention->kv_rank,
                   .d_nope = attention->d_nope,
                   .k_b = weight_slice(&attention->k_b, head),
                   .v_b = weight_slice(&attention->v_b, head),
                   .k_b_dtype = attention->k_b.dtype,
                   .v_b_dtype = attention->v_b.dtype,
                   .k_b_rows_are_keys = attention->k_b_rows_are_keys},
        .n_visible = n_visible,
        .base = base,
        .sum = sum,
    };
    expand->many(&attend, scratch->attend);
    for (int c = 0; c < n_rows; c++)
        cpu->kernels.scale(cpu->a.o + (size_t)index[c] * (size_t)attention->d_v, 1.0f / sum[c],
                           attention->d_v);
}

static struct expansion expansion_of(const struct attention *attention, int n_rows, float *memory)
{
    size_t rank = (size_t)attention->kv_rank, keys = CPU_ATTEND_KEYS;
    struct expansion room = {.latent = memory};
    room.k_b = room.latent + keys * (rank + (size_t)attention->d_rope);
    room.v_b = room.k_b + rank * (size_t)attention->d_nope;
    room.k = room.v_b + rank * (size_t)attention->d_v;
    room.v = room.k + keys * (size_t)attention->d_k;
    room.scores = room.v + keys * (size_t)attention->d_v;
    room.max = room.scores + keys * CPU_ATTEND_COLUMNS;
    room.sum = room.max + n_rows;
    return room;
}
