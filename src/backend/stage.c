#include "backend/stage.h"

static void compose_qkv(struct backend *on, const struct attention *attention,
                        const struct batch *batch);
static void compose_queries(struct backend *on, const struct attention *attention, int n_rows);
static void compose_project(struct backend *on, const struct attention *attention,
                            const struct feed_forward *ffn, int n_rows);
static void compose_up(struct backend *on, const struct feed_forward *ffn, int n_rows);
static void compose_down(struct backend *on, const struct feed_forward *ffn, int n_rows);

void stage_qkv(struct backend *on, const struct attention *attention, const struct batch *batch)
{
    (on->ops->stage_qkv ? on->ops->stage_qkv : compose_qkv)(on, attention, batch);
}

void stage_attend(struct backend *on, const struct attention *attention, const struct batch *batch)
{
    on->ops->attend(on, attention, batch);
}

void stage_project(struct backend *on, const struct attention *attention,
                   const struct feed_forward *ffn, int n_rows)
{
    (on->ops->stage_project ? on->ops->stage_project : compose_project)(on, attention, ffn, n_rows);
}

void stage_up(struct backend *on, const struct feed_forward *ffn, int n_rows)
{
    (on->ops->stage_up ? on->ops->stage_up : compose_up)(on, ffn, n_rows);
}

void stage_down(struct backend *on, const struct feed_forward *ffn, int n_rows)
{
    (on->ops->stage_down ? on->ops->stage_down : compose_down)(on, ffn, n_rows);
}

static void compose_qkv(struct backend *on, const struct attention *attention,
                        const struct batch *batch)
{
    const struct activations *a = on->ops->activations(on);
    int n_rows = batch->n_rows;
    on->ops->norm(on, &attention->norm, a->x, a->h, n_rows);
    compose_queries(on, attention, n_rows);
    if (attention->kind == ATTENTION_LATENT) {
        on->ops->matmul(on, &attention->kv_a, NULL, a->h, a->k, n_rows);
    } else {
        on->ops->matmul(on, &attention->k, attention->k_bias, a->h, a->k, n_rows);
        on->ops->matmul(on, &attention->v, attention->v_bias, a->h, a->v, n_rows);
    }
    on->ops->rope_append(on, attention, batch);
}

static void compose_queries(struct backend *on, const struct attention *attention, int n_rows)
{
    const struct activations *a = on->ops->activations(on);
    if (attention->q_rank == 0) {
        on->ops->matmul(on, &attention->q, attention->q_bias, a->h, a->q, n_rows);
        return;
    }
    on->ops->matmul(on, &attention->q_a, NULL, a->h, a->q_low, n_rows);
    on->ops->norm(on, &attention->q_a_norm, a->q_low, a->q_low, n_rows);
    on->ops->matmul(on, &attention->q_b, NULL, a->q_low, a->q, n_rows);
}

static void compose_project(struct backend *on, const struct attention *attention,
                            const struct feed_forward *ffn, int n_rows)
{
    const struct activations *a = on->ops->activations(on);
    on->ops->matmul(on, &attention->out, attention->out_bias, a->o, a->y, n_rows);
    on->ops->add(on, a->x, a->y, (int64_t)n_rows * attention->out.n_rows);
    if (ffn->norm.kind != NORM_NONE) on->ops->norm(on, &ffn->norm, a->x, a->h, n_rows);
    if (ffn->router.weight.data)
        on->ops->matmul(on, &ffn->router.weight, NULL, a->h, a->router_logits, n_rows);
}

static void compose_up(struct backend *on, const struct feed_forward *ffn, int n_rows)
{
    if (ffn->dense.d_ff > 0) on->ops->gate(on, ffn, n_rows);
    if (ffn->experts.d_ff == 0) return;
    on->ops->route(on, &ffn->router, n_rows);
    on->ops->gate_experts(on, ffn, n_rows);
}

static void compose_down(struct backend *on, const struct feed_forward *ffn, int n_rows)
{
    if (ffn->dense.d_ff > 0) on->ops->mix(on, ffn, n_rows);
    if (ffn->experts.d_ff > 0) on->ops->mix_experts(on, ffn, n_rows);
}
