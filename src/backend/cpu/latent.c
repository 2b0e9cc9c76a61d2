/* Multi-head latent attention over the cached latent rows, in two forms that give the same result.
 * Absorbed: the key projection is applied to the query, and attention runs on latent rows shared by
 * all heads; cheap for few rows. Expanded: keys and values of a head are made from the latent rows,
 * a block at a time; cheaper once many rows share that work. */
#include "backend/cpu/cpu.h"

#include <math.h>
#include <string.h>

struct latent {
    const struct attention *attention;
    int first_row, n_rows;         /* absorbed together */
    const struct columns *columns; /* of the queries */
    const struct span *span;       /* expanded */
};

/* What a thread needs to expand the latent rows of one head. */
struct expansion {
    float *latent;    /* [CPU_ATTEND_KEYS, kv_rank + d_rope] */
    float *k_b, *v_b; /* the head's slices, unpacked */
    float *k, *v;     /* [CPU_ATTEND_KEYS, d_k], [CPU_ATTEND_KEYS, d_v] */
    float *scores;
    float *max, *sum; /* [n_rows] */
};

static int rows_worth_expanding(const struct attention *attention);
static int window_fill(const struct batch *batch, const struct attention *attention, int *span,
                       int *offset, struct span *pieces);
static void absorb(struct cpu *cpu, const struct attention *attention, const struct span *pieces,
                   int n_pieces);
static void absorb_queries(struct cpu *cpu, struct latent *latent);
static void release_values(struct cpu *cpu, const struct latent *latent);
static void expand_block(const struct cpu *cpu, const struct latent *latent,
                         const struct expansion *room, int first, int n, void *kernel_scratch);
static void expand_attend(const struct cpu *cpu, const struct latent *latent, int head,
                          const struct expansion *room, int first, int n, void *kernel_scratch);
static struct expansion expansion_of(const struct attention *attention, int n_rows, float *memory);
static phase_run query_run, absorb_rows_run, expand_run;

void attend_latent(struct cpu *cpu, const struct attention *attention, const struct batch *batch)
{
    for (int s = 0; s < batch->n_spans; s++) {
        if (batch->spans[s].n_rows < rows_worth_expanding(attention)) continue;
        struct latent latent = {.attention = attention, .span = &batch->spans[s]};
        cpu_run(cpu, &(struct phase){.run = expand_run, .arguments = &latent}, 1);
    }
    struct span pieces[CPU_ABSORB_ROWS];
    for (int span = 0, offset = 0, n;
         (n = window_fill(batch, attention, &span, &offset, pieces)) > 0;)
        absorb(cpu, attention, pieces, n);
}

size_t latent_scratch_floats(const struct limits *limits)
{
    if (!limits->kv_rank) return 0;
    size_t rank = (size_t)limits->kv_rank, keys = CPU_ATTEND_KEYS;
    size_t d_k = (size_t)(limits->q_width / limits->n_heads),
           d_v = (size_t)(limits->o_width / limits->n_heads);
    return keys * (size_t)limits->d_k_max + rank * (size_t)(limits->d_nope + (int)d_v) +
           keys * (d_k + d_v + CPU_ATTEND_COLUMNS) + 2 * (size_t)limits->n_rows + 128;
}

/* Multiply-adds a head needs for one key and n rows: n * (2 * kv_rank + d_rope) absorbed, against
 * n * (d_nope + d_rope + d_v) and the expansion, kv_rank * (d_nope + d_v), once. */
static int rows_worth_expanding(const struct attention *attention)
{
    int expansion = attention->kv_rank * (attention->d_nope + attention->d_v);
    int saved = 2 * attention->kv_rank - attention->d_nope - attention->d_v;
    return saved > 0 ? expansion / saved + 1 : INT32_MAX;
}

/* ---- absorbed ---- */

/* The next rows of spans that are not expanded, at most CPU_ABSORB_ROWS of adjacent ones. */
static int window_fill(const struct batch *batch, const struct attention *attention, int *span,
                       int *offset, struct span *pieces)
{
    int n = 0, room = CPU_ABSORB_ROWS;
    while (room > 0 && *span < batch->n_spans) {
        struct span piece = batch->spans[*span];
        if (piece.n_rows >= rows_worth_expanding(attention)) {
            ++*span;
            if (n > 0) return n; /* rows of a window are adjacent */
            continue;
        }
        int left = piece.n_rows - *offset;
        piece.first_row += *offset;
        piece.first_position += *offset;
        piece.n_rows = left < room ? left : room;
        pieces[n++] = piece;
        room -= piece.n_rows;
        *offset = piece.n_rows < left ? *offset + piece.n_rows : 0;
        if (*offset == 0) ++*span;
    }
    return n;
}

static void absorb(struct cpu *cpu, const struct attention *attention, const struct span *pieces,
                   int n_pieces)
{
    const struct span *last = &pieces[n_pieces - 1];
    struct latent latent = {.attention = attention, .first_row = pieces[0].first_row};
    latent.n_rows = last->first_row + last->n_rows - latent.first_row;
    absorb_queries(cpu, &latent);
    attend_cached(cpu, &(struct attend_problem){.q = cpu->q_absorbed,
                                                .o = cpu->o_latent,
                                                .n_heads = attention->n_heads,
                                                .n_kv_heads = 1,
                                                .d_k = attention->kv_rank + attention->d_rope,
                                                .d_v = attention->kv_rank,
                                                .layer = attention->layer,
                                                .latent = true,
                                                .scale = attention->scale,
                                                .spans = pieces,
                                                .n_spans = n_pieces});
    release_values(cpu, &latent);
}

/* q [n_rows, n_heads, d_nope | d_rope] -> q_absorbed [n_rows, n_heads, kv_rank | d_rope] */
static void absorb_queries(struct cpu *cpu, struct latent *latent)
{
    const struct attention *attention = latent->attention;
    cpu->columns_used = 0;
    struct columns queries = {.x = cpu->a.q + (size_t)latent->first_row *
                                                  (size_t)(attention->n_heads * attention->d_k),
                              .stride = (size_t)attention->d_k,
                              .n = latent->n_rows * attention->n_heads,
                              .k = attention->d_nope};
    latent->columns = &queries;
    struct phase phases[2] = {{.run = query_run, .arguments = latent}};
    struct product product = {.w = &attention->k_b,
                              .columns = &queries,
                              .out = cpu->q_absorbed,
                              .out_stride = (size_t)(attention->kv_rank + attention->d_rope),
                              .by_slice = true};
    struct products products = {.list = &product, .n = 1};
    if (attention->k_b_rows_are_keys) {
        phases[1] = (struct phase){.run = absorb_rows_run, .arguments = latent};
    } else {
        columns_want(cpu, &queries, &attention->k_b, latent->n_rows, true);
        phases[1] = (struct phase){.run = products_run, .arguments = &products};
    }
    cpu_run(cpu, phases, 2);
}

/* Quantises the queries of a row and carries their rotated parts over. */
static void query_run(struct cpu *cpu, const struct worker *worker, struct phase *phase)
{
    (void)worker;
    const struct latent *latent = phase->arguments;
    const struct attention *attention = latent->attention;
    size_t d_k = (size_t)attention->d_k, rank = (size_t)attention->kv_rank;
    size_t d_rope = (size_t)attention->d_rope;
    for (;;) {
        int i = pool_claim(&phase->counter, 1);
        if (i >= latent->columns->n) return;
        columns_quantize(cpu, latent->columns, i, 1);
        memcpy(cpu->q_absorbed + (size_t)i * (rank + d_rope) + rank,
               latent->columns->x + (size_t)i * d_k + attention->d_nope, d_rope * sizeof(float));
    }
}

/* Where k_b has a row for each key value: q_absorbed = sum of q_i * row i, a task a head. */
static void absorb_rows_run(struct cpu *cpu, const struct worker *worker, struct phase *phase)
{
    const struct latent *latent = phase->arguments;
    const struct attention *attention = latent->attention;
    const struct weight *k_b = &attention->k_b;
    size_t n_heads = (size_t)attention->n_heads, rank = (size_t)attention->kv_rank;
    size_t width = rank + (size_t)attention->d_rope;
    float *rows = cpu_scratch(cpu, worker).attend;
    for (;;) {
        int head = pool_claim(&phase->counter, 1);
        if (head >= attention->n_heads) return;
        dtype_unpack(k_b->dtype, weight_slice(k_b, head), rows,
                     (int64_t)attention->d_nope * attention->kv_rank);
        float *out = cpu->q_absorbed + (size_t)head * width;
        for (int row = 0; row < latent->n_rows; row++)
            memset(out + (size_t)row * n_heads * width, 0, rank * sizeof *out);
        cpu->kernels.mix[DTYPE_F32](out, n_heads * width,
                                    latent->columns->x + (size_t)head * (size_t)attention->d_k,
                                    n_heads * (size_t)attention->d_k, latent->n_rows, rows,
                                    rank * sizeof(float), attention->d_nope, attention->kv_rank);
    }
}

/* o_latent [n_rows, n_heads, kv_rank] -> o [n_rows, n_heads, d_v] */
static void release_values(struct cpu *cpu, const struct latent *latent)
{
    const struct attention *attention = latent->attention;
    cpu->columns_used = 0;
    struct columns sums = {.x = cpu->o_latent,
                           .stride = (size_t)attention->kv_rank,
                           .n = latent->n_rows * attention->n_heads,
                           .k = attention->kv_rank};
    columns_want(cpu, &sums, &attention->v_b, latent->n_rows, true);
    struct prepare prepare = {.n_rows = sums.n, .columns = {&sums}};
    struct product product = {.w = &attention->v_b,
                              .columns = &sums,
                              .out = cpu->a.o + (size_t)latent->first_row *
                                                    (size_t)(attention->n_heads * attention->d_v),
                              .out_stride = (size_t)attention->d_v,
                              .by_slice = true};
    struct products products = {.list = &product, .n = 1};
    struct phase phases[] = {{.run = prepare_run, .arguments = &prepare},
                             {.run = products_run, .arguments = &products}};
    cpu_run(cpu, phases, 2);
}

/* ---- expanded ---- */

/* A task is a head: all rows of the span against all keys. */
static void expand_run(struct cpu *cpu, const struct worker *worker, struct phase *phase)
{
    const struct latent *latent = phase->arguments;
    const struct attention *attention = latent->attention;
    const struct span *span = latent->span;
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
            expand_block(cpu, latent, &room, first, n, scratch.kernel);
            expand_attend(cpu, latent, head, &room, first, n, scratch.kernel);
        }
        for (int row = 0; row < span->n_rows; row++)
            cpu->kernels.scale(out + (size_t)row * stride, 1.0f / room.sum[row], attention->d_v);
    }
}

/* Keys and values of one head for n cached rows. */
static void expand_block(const struct cpu *cpu, const struct latent *latent,
                         const struct expansion *room, int first, int n, void *kernel_scratch)
{
    const struct attention *attention = latent->attention;
    const struct kv_cache *kv = latent->span->kv;
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

static void expand_attend(const struct cpu *cpu, const struct latent *latent, int head,
                          const struct expansion *room, int first, int n, void *kernel_scratch)
{
    const struct attention *attention = latent->attention;
    const struct span *span = latent->span;
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
