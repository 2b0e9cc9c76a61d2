#include "backend/cpu/steps.h"

#include <string.h>

#include "backend/cpu/cpu.h"

/* Each step is a list of phases on its own; each stage is a longer list with the joins between its
 * steps left out. Lists live on the caller's stack: cpu_run returns when they are done. */

/* Parts of a feed-forward block. */
enum { PART_DENSE = 1, PART_EXPERTS = 2, PART_ROUTE = 4 };

struct embedding {
    const struct weight *table;
    const struct batch *batch;
};

static phase_run embed_run;
static struct cpu *cpu_of(struct backend *backend);
static struct columns columns_of(const float *x, int n, int k);
static void qkv_grouped(struct cpu *cpu, const struct attention *attention,
                        const struct batch *batch);
static void qkv_latent(struct cpu *cpu, const struct attention *attention,
                       const struct batch *batch);
static void want_few_and_many(struct cpu *cpu, struct columns *columns, const struct weight *w,
                              int n);
static void gate_both(struct cpu *cpu, const struct feed_forward *ffn, int n_rows, unsigned parts);
static void mix_both(struct cpu *cpu, const struct feed_forward *ffn, int n_rows, unsigned parts);
static unsigned parts_of(const struct feed_forward *ffn);

/* ---- steps ---- */

void cpu_embed(struct backend *backend, const struct weight *table, const struct batch *batch)
{
    struct cpu *cpu = cpu_of(backend);
    struct embedding embedding = {table, batch};
    cpu->n_rows = batch->n_rows;
    cpu_run(cpu, &(struct phase){.run = embed_run, .arguments = &embedding}, 1);
}

void cpu_norm(struct backend *backend, const struct norm *norm, const float *in, float *out,
              int n_rows)
{
    struct prepare prepare = {
        .norm = norm, .in = in, .out = out, .n_rows = n_rows, .width = norm->n};
    cpu_run(cpu_of(backend), &(struct phase){.run = prepare_run, .arguments = &prepare}, 1);
}

void cpu_matmul(struct backend *backend, const struct weight *w, const float *bias, const float *in,
                float *out, int n_rows)
{
    struct cpu *cpu = cpu_of(backend);
    cpu->columns_used = 0;
    struct columns columns = columns_of(in, n_rows, w->n_cols);
    columns_want(cpu, &columns, w, n_rows, false);
    struct prepare prepare = {.n_rows = n_rows, .columns = {&columns}};
    struct product product = {.w = w,
                              .columns = &columns,
                              .bias = bias,
                              .out = out,
                              .out_stride = (size_t)weight_outputs(w)};
    struct products products = {&product, 1};
    struct phase phases[] = {{.run = prepare_run, .arguments = &prepare},
                             {.run = products_run, .arguments = &products}};
    cpu_run(cpu, phases, 2);
}

void cpu_add(struct backend *backend, float *x, const float *y, int64_t n)
{
    struct cpu *cpu = cpu_of(backend);
    enum { PIECE = 1 << 20 };
    for (int64_t i = 0; i < n; i += PIECE)
        cpu->kernels.add_scaled(x + i, y + i, 1.0f, n - i < PIECE ? (int)(n - i) : PIECE);
}

void cpu_rope_append(struct backend *backend, const struct attention *attention,
                     const struct batch *batch)
{
    struct rope_append work = {attention, batch};
    cpu_run(cpu_of(backend), &(struct phase){.run = rope_append_run, .arguments = &work}, 1);
}

void cpu_attend(struct backend *backend, const struct attention *attention,
                const struct batch *batch)
{
    struct cpu *cpu = cpu_of(backend);
    if (attention->kind == ATTENTION_LATENT) {
        attend_latent(cpu, attention, batch);
        return;
    }
    attend_cached(cpu, &(struct attend_problem){.q = cpu->a.q,
                                                .o = cpu->a.o,
                                                .n_heads = attention->n_heads,
                                                .n_kv_heads = attention->n_kv_heads,
                                                .d_k = attention->d_k,
                                                .d_v = attention->d_v,
                                                .layer = attention->layer,
                                                .scale = attention->scale,
                                                .spans = batch->spans,
                                                .n_spans = batch->n_spans});
}

void cpu_route(struct backend *backend, const struct router *router, int n_rows)
{
    struct route route = {router, n_rows};
    struct phase phases[] = {{.run = route_run, .arguments = &route},
                             {.run = group_run, .arguments = &route}};
    cpu_run(cpu_of(backend), phases, 2);
}

void cpu_gate(struct backend *backend, const struct feed_forward *ffn, int n_rows)
{
    gate_both(cpu_of(backend), ffn, n_rows, PART_DENSE);
}

void cpu_gate_experts(struct backend *backend, const struct feed_forward *ffn, int n_rows)
{
    gate_both(cpu_of(backend), ffn, n_rows, PART_EXPERTS);
}

void cpu_mix(struct backend *backend, const struct feed_forward *ffn, int n_rows)
{
    mix_both(cpu_of(backend), ffn, n_rows, PART_DENSE);
}

void cpu_mix_experts(struct backend *backend, const struct feed_forward *ffn, int n_rows)
{
    mix_both(cpu_of(backend), ffn, n_rows, PART_EXPERTS);
}

void cpu_head(struct backend *backend, const struct norm *norm, const struct weight *w, float scale,
              const int32_t *rows, int n)
{
    struct cpu *cpu = cpu_of(backend);
    size_t d_model = (size_t)cpu->limits.d_model;
    for (int i = 0; i < n; i++)
        memcpy(cpu->a.h + (size_t)i * d_model, cpu->a.x + (size_t)rows[i] * d_model,
               d_model * sizeof(float));
    cpu->columns_used = 0;
    struct columns h = columns_of(cpu->a.h, n, cpu->limits.d_model);
    columns_want(cpu, &h, w, n, false);
    struct prepare prepare = {.norm = norm,
                              .in = cpu->a.h,
                              .out = cpu->a.h,
                              .n_rows = n,
                              .width = cpu->limits.d_model,
                              .columns = {&h}};
    struct product product = {
        .w = w, .columns = &h, .out = cpu->a.logits, .out_stride = (size_t)w->n_rows};
    struct products products = {&product, 1};
    struct phase phases[] = {{.run = prepare_run, .arguments = &prepare},
                             {.run = products_run, .arguments = &products}};
    cpu_run(cpu, phases, 2);
    for (int i = 0; i < n && scale != 1.0f; i++)
        cpu->kernels.scale(cpu->a.logits + (size_t)i * (size_t)w->n_rows, scale, w->n_rows);
}

/* ---- stages ---- */

void cpu_stage_qkv(struct backend *backend, const struct attention *attention,
                   const struct batch *batch)
{
    if (attention->kind == ATTENTION_LATENT)
        qkv_latent(cpu_of(backend), attention, batch);
    else
        qkv_grouped(cpu_of(backend), attention, batch);
}

void cpu_stage_project(struct backend *backend, const struct attention *attention,
                       const struct feed_forward *ffn, int n_rows)
{
    struct cpu *cpu = cpu_of(backend);
    const struct weight *router = &ffn->router.weight;
    bool routed = router->data != NULL;
    cpu->columns_used = 0;
    struct columns o = columns_of(cpu->a.o, n_rows, attention->out.n_cols);
    struct columns h = columns_of(cpu->a.h, n_rows, cpu->limits.d_model);
    columns_want(cpu, &o, &attention->out, n_rows, false);
    columns_want(cpu, &h, router, n_rows, false);
    struct prepare prepare_o = {.n_rows = n_rows, .columns = {&o}};
    struct product out = {.w = &attention->out,
                          .columns = &o,
                          .bias = attention->out_bias,
                          .out = cpu->a.x,
                          .out_stride = (size_t)attention->out.n_rows,
                          .add = true};
    struct prepare prepare_h = {.norm = ffn->norm.kind == NORM_NONE ? NULL : &ffn->norm,
                                .in = cpu->a.x,
                                .out = cpu->a.h,
                                .n_rows = n_rows,
                                .width = cpu->limits.d_model,
                                .columns = {routed ? &h : NULL}};
    struct product scores = {.w = router,
                             .columns = &h,
                             .out = cpu->a.router_logits,
                             .out_stride = (size_t)router->n_rows};
    struct products project = {&out, 1}, score = {&scores, 1};
    struct phase phases[] = {{.run = prepare_run, .arguments = &prepare_o},
                             {.run = products_run, .arguments = &project},
                             {.run = prepare_run, .arguments = &prepare_h},
                             {.run = products_run, .arguments = &score}};
    cpu_run(cpu, phases, routed ? 4 : 3);
}

void cpu_stage_up(struct backend *backend, const struct feed_forward *ffn, int n_rows)
{
    gate_both(cpu_of(backend), ffn, n_rows, parts_of(ffn) | PART_ROUTE);
}

void cpu_stage_down(struct backend *backend, const struct feed_forward *ffn, int n_rows)
{
    mix_both(cpu_of(backend), ffn, n_rows, parts_of(ffn));
}

/* ---- parts ---- */

static struct cpu *cpu_of(struct backend *backend)
{
    return (struct cpu *)backend;
}

static struct columns columns_of(const float *x, int n, int k)
{
    return (struct columns){.x = x, .stride = (size_t)k, .n = n, .k = k};
}

static void embed_run(struct cpu *cpu, const struct worker *worker, struct phase *phase)
{
    (void)worker;
    const struct embedding *embedding = phase->arguments;
    const struct weight *table = embedding->table;
    for (;;) {
        int row = pool_claim(&phase->counter, 1);
        if (row >= embedding->batch->n_rows) return;
        const char *from =
            (const char *)table->data + (size_t)embedding->batch->tokens[row] * table->row_bytes;
        dtype_unpack(table->dtype, from, cpu->a.x + (size_t)row * (size_t)table->n_cols,
                     table->n_cols);
    }
}

static void qkv_grouped(struct cpu *cpu, const struct attention *attention,
                        const struct batch *batch)
{
    int n_rows = batch->n_rows;
    cpu->columns_used = 0;
    struct columns h = columns_of(cpu->a.h, n_rows, cpu->limits.d_model);
    const struct weight *weights[] = {&attention->q, &attention->k, &attention->v};
    const float *biases[] = {attention->q_bias, attention->k_bias, attention->v_bias};
    float *outs[] = {cpu->a.q, cpu->a.k, cpu->a.v};
    struct product list[3];
    for (int i = 0; i < 3; i++) {
        columns_want(cpu, &h, weights[i], n_rows, false);
        list[i] = (struct product){.w = weights[i],
                                   .columns = &h,
                                   .bias = biases[i],
                                   .out = outs[i],
                                   .out_stride = (size_t)weight_outputs(weights[i])};
    }
    struct prepare prepare = {.norm = &attention->norm,
                              .in = cpu->a.x,
                              .out = cpu->a.h,
                              .n_rows = n_rows,
                              .width = cpu->limits.d_model,
                              .columns = {&h}};
    struct products products = {list, 3};
    struct rope_append append = {attention, batch};
    struct phase phases[] = {{.run = prepare_run, .arguments = &prepare},
                             {.run = products_run, .arguments = &products},
                             {.run = rope_append_run, .arguments = &append}};
    cpu_run(cpu, phases, 3);
}

static void qkv_latent(struct cpu *cpu, const struct attention *attention,
                       const struct batch *batch)
{
    int n_rows = batch->n_rows;
    bool low = attention->q_rank > 0;
    cpu->columns_used = 0;
    struct columns h = columns_of(cpu->a.h, n_rows, cpu->limits.d_model);
    struct columns q_low = columns_of(cpu->a.q_low, n_rows, attention->q_rank);
    const struct weight *q_in = low ? &attention->q_a : &attention->q;
    columns_want(cpu, &h, q_in, n_rows, false);
    columns_want(cpu, &h, &attention->kv_a, n_rows, false);
    if (low) columns_want(cpu, &q_low, &attention->q_b, n_rows, false);
    struct prepare prepare_h = {.norm = &attention->norm,
                                .in = cpu->a.x,
                                .out = cpu->a.h,
                                .n_rows = n_rows,
                                .width = cpu->limits.d_model,
                                .columns = {&h}};
    struct product from_h[] = {{.w = q_in,
                                .columns = &h,
                                .out = low ? cpu->a.q_low : cpu->a.q,
                                .out_stride = (size_t)q_in->n_rows},
                               {.w = &attention->kv_a,
                                .columns = &h,
                                .out = cpu->a.k,
                                .out_stride = (size_t)attention->kv_a.n_rows}};
    struct prepare prepare_q = {.norm = &attention->q_a_norm,
                                .in = cpu->a.q_low,
                                .out = cpu->a.q_low,
                                .n_rows = n_rows,
                                .width = attention->q_rank,
                                .columns = {&q_low}};
    struct product from_low = {.w = &attention->q_b,
                               .columns = &q_low,
                               .out = cpu->a.q,
                               .out_stride = (size_t)attention->q_b.n_rows};
    struct products first = {from_h, 2}, second = {&from_low, 1};
    struct rope_append append = {attention, batch};
    struct phase phases[5];
    int n = 0;
    phases[n++] = (struct phase){.run = prepare_run, .arguments = &prepare_h};
    phases[n++] = (struct phase){.run = products_run, .arguments = &first};
    if (low) {
        phases[n++] = (struct phase){.run = prepare_run, .arguments = &prepare_q};
        phases[n++] = (struct phase){.run = products_run, .arguments = &second};
    }
    phases[n++] = (struct phase){.run = rope_append_run, .arguments = &append};
    cpu_run(cpu, phases, n);
}

static unsigned parts_of(const struct feed_forward *ffn)
{
    return (ffn->dense.d_ff > 0 ? PART_DENSE : 0) | (ffn->experts.d_ff > 0 ? PART_EXPERTS : 0);
}

/* How many rows an expert gets is known only once they are routed. */
static void want_few_and_many(struct cpu *cpu, struct columns *columns, const struct weight *w,
                              int n)
{
    const int counts[] = {1, cpu->kernels.wide_from[w->dtype], n};
    for (int i = 0; i < 3; i++) columns_want(cpu, columns, w, counts[i] < n ? counts[i] : n, true);
}

/* h -> gated, expert_gated */
static void gate_both(struct cpu *cpu, const struct feed_forward *ffn, int n_rows, unsigned parts)
{
    cpu->columns_used = 0;
    struct columns h = columns_of(cpu->a.h, n_rows, cpu->limits.d_model);
    if (parts & PART_DENSE) {
        columns_want(cpu, &h, &ffn->dense.gate, n_rows, false);
        columns_want(cpu, &h, &ffn->dense.up, n_rows, false);
    }
    if (parts & PART_EXPERTS) {
        want_few_and_many(cpu, &h, &ffn->experts.gate, n_rows);
        want_few_and_many(cpu, &h, &ffn->experts.up, n_rows);
    }
    struct prepare prepare = {.n_rows = n_rows, .columns = {&h}};
    struct route route = {&ffn->router, n_rows};
    struct gate gate = {
        .ffn = ffn, .columns = &h, .dense = parts & PART_DENSE, .experts = parts & PART_EXPERTS};
    struct phase phases[4];
    int n = 0;
    phases[n++] = (struct phase){.run = prepare_run, .arguments = &prepare};
    if ((parts & PART_EXPERTS) && (parts & PART_ROUTE)) {
        phases[n++] = (struct phase){.run = route_run, .arguments = &route};
        phases[n++] = (struct phase){.run = group_run, .arguments = &route};
    }
    phases[n++] = (struct phase){.run = gate_run, .arguments = &gate};
    cpu_run(cpu, phases, n);
}

/* x += down(gated) + sum of weight * down(expert_gated) */
static void mix_both(struct cpu *cpu, const struct feed_forward *ffn, int n_rows, unsigned parts)
{
    bool dense = parts & PART_DENSE, experts = parts & PART_EXPERTS;
    cpu->columns_used = 0;
    struct columns gated = columns_of(cpu->a.gated, n_rows, ffn->dense.d_ff);
    struct columns expert_gated =
        columns_of(cpu->a.expert_gated, n_rows * ffn->router.n_used, ffn->experts.d_ff);
    if (dense) columns_want(cpu, &gated, &ffn->dense.down, n_rows, false);
    if (experts) want_few_and_many(cpu, &expert_gated, &ffn->experts.down, n_rows);
    struct prepare prepare = {.n_rows = n_rows,
                              .columns = {dense ? &gated : NULL, experts ? &expert_gated : NULL}};
    struct mix mix = {
        .ffn = ffn, .dense = dense ? &gated : NULL, .experts = experts ? &expert_gated : NULL};
    struct phase phases[] = {{.run = prepare_run, .arguments = &prepare},
                             {.run = mix_run, .arguments = &mix}};
    cpu_run(cpu, phases, 2);
}
