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
};

static int rows_worth_expanding(const struct attention *attention);
static int window_fill(const struct batch *batch, const struct attention *attention, int *span,
                       int *offset, struct span *pieces);
static void absorb(struct cpu *cpu, const struct attention *attention, const struct span *pieces,
                   int n_pieces);
static void absorb_queries(struct cpu *cpu, struct latent *latent);
static void release_values(struct cpu *cpu, const struct latent *latent);
static phase_run query_run, absorb_rows_run;

void attend_latent(struct cpu *cpu, const struct attention *attention, const struct batch *batch)
{
    for (int s = 0; s < batch->n_spans; s++) {
        if (batch->spans[s].n_rows < rows_worth_expanding(attention)) continue;
        latent_expand(cpu, attention, &batch->spans[s]);
    }
    struct span pieces[CPU_ABSORB_ROWS];
    for (int span = 0, offset = 0, n;
         (n = window_fill(batch, attention, &span, &offset, pieces)) > 0;)
        absorb(cpu, attention, pieces, n);
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
