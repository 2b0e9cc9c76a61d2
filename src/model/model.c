#include "model/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "model/bind.h"
#include "model/family.h"
#include "model/frequencies.h"
#include "model/twins.h"

static heft_status bind_all(struct binder *binder);
static void bind_layer(struct binder *binder, int index, const struct rope *rope);
static void bind_grouped(struct binder *binder, struct attention *attention);
static void bind_latent(struct binder *binder, struct attention *attention);
static void bind_latent_keys(struct binder *binder, struct attention *attention);
static void bind_feed_forward(struct binder *binder, int index, struct feed_forward *ffn);
static void bind_dense(struct binder *binder, bool dense, int d_ff, struct gated *out);
static void bind_experts(struct binder *binder, struct feed_forward *ffn);
static struct weight bind_experts_of(struct binder *binder, const char *role, int n, int n_rows,
                                     int n_cols);
static struct norm bind_head_norm(struct binder *binder, const char *role, int n_heads, int n);
static struct norm bind_norm(struct binder *binder, const char *role, int n);
static heft_status bind_embedding(struct binder *binder);
static void count(struct model *model, const struct gguf *file);
static struct tally tally_of(const struct weight *w);
static void tally_layer(struct tally *sum, const struct layer *layer);

heft_status model_open(const struct gguf *file, struct model **out, heft_error *error)
{
    struct model *model = calloc(1, sizeof *model);
    if (!model) return error_set(error, HEFT_INTERNAL, "no memory for the model's tables");
    struct metadata metadata;
    struct binder binder = {0};
    heft_status status =
        metadata_open(file, model->architecture, sizeof model->architecture, &metadata, error);
    if (status == HEFT_OK) status = family_describe(&metadata, &model->description);
    if (status == HEFT_OK) status = binder_open(file, model, &binder, error);
    if (status == HEFT_OK) status = bind_all(&binder);
    binder_close(&binder);
    if (status != HEFT_OK) {
        model_close(model);
        return status;
    }
    count(model, file);
    *out = model;
    return HEFT_OK;
}

void model_close(struct model *model)
{
    if (!model) return;
    arena_free(&model->arena);
    free(model);
}

struct limits model_limits(const struct model *model, int n_rows, int n_logits)
{
    const struct description *d = &model->description;
    const struct attention_description *a = &d->attention;
    const struct feed_forward_description *f = &d->ffn;
    bool latent = a->kind == ATTENTION_LATENT;
    return (struct limits){
        .n_rows = n_rows,
        .n_logits = n_logits,
        .d_model = d->d_model,
        .n_vocab = d->n_vocab,
        .q_width = a->n_heads * a->d_k,
        .k_width = latent ? a->kv_rank + a->d_rope : a->n_kv_heads * a->d_k,
        .v_width = latent ? 0 : a->n_kv_heads * a->d_v,
        .o_width = a->n_heads * a->d_v,
        .q_rank = a->q_rank,
        .n_experts = f->n_experts,
        .n_used = f->router.n_used,
        .d_ff = f->d_ff > f->d_ff_shared ? f->d_ff : f->d_ff_shared,
        .d_ff_expert = f->n_experts ? f->d_ff_expert : 0,
        .n_heads = a->n_heads,
        .d_k_max = latent ? a->kv_rank + a->d_rope : a->d_k,
        .d_v_max = latent ? a->kv_rank : a->d_v,
        .kv_rank = a->kv_rank,
        .d_nope = a->d_nope,
        .dtypes = model->dtypes,
    };
}

size_t model_kv_token_bytes(const struct model *model, enum dtype dtype)
{
    const struct attention_description *a = &model->description.attention;
    bool latent = a->kind == ATTENTION_LATENT;
    int block = dtype_info(dtype)->block_values, k = latent ? a->kv_rank + a->d_rope : a->d_k;
    int v = latent ? 0 : a->d_v;
    if (k % block != 0 || v % block != 0 || (latent && a->kv_rank % block != 0)) return 0;
    return (size_t)model->description.n_layers * (size_t)a->n_kv_heads *
           (dtype_bytes(dtype, k) + dtype_bytes(dtype, v));
}

static heft_status bind_all(struct binder *binder)
{
    struct model *model = binder->model;
    struct description *d = &model->description;
    heft_status status = bind_embedding(binder);
    if (status != HEFT_OK) return status;
    model->layers = arena_alloc(&model->arena, (size_t)d->n_layers * sizeof *model->layers);
    if (!model->layers) return error_set(binder->error, HEFT_INTERNAL, "no memory for the layers");
    model->output_norm = bind_norm(binder, "output_norm.weight", d->d_model);
    model->head = bind_has(binder, "output.weight")
                      ? bind_weight(binder, "output.weight", 1, d->n_vocab, d->d_model)
                      : model->embedding;
    const struct rope_description *r = &d->attention.rope;
    const float *factors = bind_vector_or_null(binder, "rope_freqs.weight", r->n_rot / 2);
    double *frequencies =
        arena_alloc(&model->arena, (size_t)(r->n_rot / 2 + 1) * sizeof *frequencies);
    if (!frequencies)
        return error_set(binder->error, HEFT_INTERNAL, "no memory for the frequencies");
    frequencies_fill(r, factors, frequencies);
    struct rope rope = {r->style, r->n_rot, r->offset, frequencies, (float)r->magnitude};
    for (int i = 0; i < d->n_layers && binder->status == HEFT_OK; i++) bind_layer(binder, i, &rope);
    bind_extra_layers(binder, d->n_layers, d->n_extra_layers);
    if (binder->status == HEFT_OK) twins_merge(model);
    return binder_finish(binder);
}

/* The vocabulary has as many entries as the table has rows. */
static heft_status bind_embedding(struct binder *binder)
{
    struct description *d = &binder->model->description;
    const struct tensor *table = gguf_find_tensor(binder->file, "token_embd.weight");
    if (gguf_n_tensors(binder->file) == 0)
        return error_set(binder->error, HEFT_BAD_FILE,
                         "%s holds a vocabulary only, there is no model in it",
                         gguf_part_path(binder->file, 0));
    if (table) {
        if (table->dims[1] < 1 || table->dims[1] > MAX_WIDTH * 4)
            return error_set(binder->error, HEFT_BAD_FILE,
                             "%s: tensor token_embd.weight has %lld rows",
                             gguf_part_path(binder->file, 0), (long long)table->dims[1]);
        d->n_vocab = (int)table->dims[1];
    }
    binder->model->embedding = bind_weight(binder, "token_embd.weight", 1, d->n_vocab, d->d_model);
    return binder->status;
}

static void bind_layer(struct binder *binder, int index, const struct rope *rope)
{
    const struct description *d = &binder->model->description;
    const struct attention_description *a = &d->attention;
    struct layer *layer = &binder->model->layers[index];
    *layer = (struct layer){0};
    binder->layer = index;
    layer->attention =
        (struct attention){.kind = a->kind,
                           .layer = index,
                           .n_heads = a->n_heads,
                           .n_kv_heads = a->n_kv_heads,
                           .d_k = a->d_k,
                           .d_v = a->d_v,
                           .scale = a->scale,
                           .clip = a->clip,
                           .norm = bind_norm(binder, "blk.%d.attn_norm.weight", d->d_model),
                           .rope = *rope,
                           .temperature = a->temperature,
                           .q_rank = a->q_rank,
                           .kv_rank = a->kv_rank,
                           .d_nope = a->d_nope,
                           .d_rope = a->d_rope};
    layer->attention.out =
        bind_weight(binder, "blk.%d.attn_output.weight", 1, d->d_model, a->n_heads * a->d_v);
    if (a->kind == ATTENTION_LATENT)
        bind_latent(binder, &layer->attention);
    else
        bind_grouped(binder, &layer->attention);
    bind_feed_forward(binder, index, &layer->ffn);
}

static void bind_grouped(struct binder *binder, struct attention *attention)
{
    int d_model = binder->model->description.d_model;
    int q = attention->n_heads * attention->d_k, k = attention->n_kv_heads * attention->d_k;
    int v = attention->n_kv_heads * attention->d_v;
    if (bind_has(binder, "blk.%d.attn_qkv.weight")) {
        struct weight fused = bind_weight(binder, "blk.%d.attn_qkv.weight", 1, q + k + v, d_model);
        attention->q = bind_rows(&fused, 0, q);
        attention->k = bind_rows(&fused, q, k);
        attention->v = bind_rows(&fused, q + k, v);
    } else {
        attention->q = bind_weight(binder, "blk.%d.attn_q.weight", 1, q, d_model);
        attention->k = bind_weight(binder, "blk.%d.attn_k.weight", 1, k, d_model);
        attention->v = bind_weight(binder, "blk.%d.attn_v.weight", 1, v, d_model);
    }
    attention->q_norm =
        bind_head_norm(binder, "blk.%d.attn_q_norm.weight", attention->n_heads, attention->d_k);
    attention->k_norm =
        bind_head_norm(binder, "blk.%d.attn_k_norm.weight", attention->n_kv_heads, attention->d_k);
    attention->q_bias = bind_vector_or_null(binder, "blk.%d.attn_q.bias", q);
    attention->k_bias = bind_vector_or_null(binder, "blk.%d.attn_k.bias", k);
    attention->v_bias = bind_vector_or_null(binder, "blk.%d.attn_v.bias", v);
    attention->out_bias = bind_vector_or_null(binder, "blk.%d.attn_output.bias", d_model);
}

static void bind_latent(struct binder *binder, struct attention *attention)
{
    int d_model = binder->model->description.d_model, q = attention->n_heads * attention->d_k;
    if (attention->q_rank > 0) {
        attention->q_a =
            bind_weight(binder, "blk.%d.attn_q_a.weight", 1, attention->q_rank, d_model);
        attention->q_a_norm = bind_norm(binder, "blk.%d.attn_q_a_norm.weight", attention->q_rank);
        attention->q_b = bind_weight(binder, "blk.%d.attn_q_b.weight", 1, q, attention->q_rank);
    } else {
        attention->q = bind_weight(binder, "blk.%d.attn_q.weight", 1, q, d_model);
    }
    attention->kv_a = bind_weight(binder, "blk.%d.attn_kv_a_mqa.weight", 1,
                                  attention->kv_rank + attention->d_rope, d_model);
    attention->kv_a_norm = bind_norm(binder, "blk.%d.attn_kv_a_norm.weight", attention->kv_rank);
    bind_latent_keys(binder, attention);
}

/* Split in newer files; in older ones whole, each head a block of key rows and then value rows. */
static void bind_latent_keys(struct binder *binder, struct attention *attention)
{
    int n_heads = attention->n_heads, rank = attention->kv_rank;
    int d_nope = attention->d_nope, d_v = attention->d_v;
    attention->k_b_rows_are_keys = bind_has(binder, "blk.%d.attn_kv_b.weight");
    if (attention->k_b_rows_are_keys) {
        struct weight whole =
            bind_weight(binder, "blk.%d.attn_kv_b.weight", 1, n_heads * (d_nope + d_v), rank);
        whole.n_slices = n_heads;
        whole.slice_bytes = (size_t)(d_nope + d_v) * whole.row_bytes;
        attention->k_b = bind_rows(&whole, 0, d_nope);
        attention->v_b = bind_rows(&whole, d_nope, d_v);
    } else {
        attention->k_b = bind_weight(binder, "blk.%d.attn_k_b.weight", n_heads, rank, d_nope);
        attention->v_b = bind_weight(binder, "blk.%d.attn_v_b.weight", n_heads, d_v, rank);
    }
}

static void bind_feed_forward(struct binder *binder, int index, struct feed_forward *ffn)
{
    const struct description *d = &binder->model->description;
    const struct feed_forward_description *f = &d->ffn;
    if (!d->parallel) {
        bool after = bind_has(
            binder, "blk.%d.attn_output_norm.weight"); /* the name DBRX files have for it */
        ffn->norm =
            bind_norm(binder, after ? "blk.%d.attn_output_norm.weight" : "blk.%d.ffn_norm.weight",
                      d->d_model);
    }
    bool dense = index < f->n_dense_layers;
    bind_dense(binder, dense, dense ? f->d_ff : f->d_ff_shared, &ffn->dense);
    if (!dense) bind_experts(binder, ffn);
}

/* The network of a dense layer, or the experts that all rows share. */
static void bind_dense(struct binder *binder, bool dense, int d_ff, struct gated *out)
{
    int d_model = binder->model->description.d_model;
    *out = (struct gated){.d_ff = d_ff};
    if (d_ff == 0) return;
    if (!dense) {
        out->gate = bind_weight(binder, "blk.%d.ffn_gate_shexp.weight", 1, d_ff, d_model);
        out->up = bind_weight(binder, "blk.%d.ffn_up_shexp.weight", 1, d_ff, d_model);
        out->down = bind_weight(binder, "blk.%d.ffn_down_shexp.weight", 1, d_model, d_ff);
        return;
    }
    out->gate = bind_weight(binder, "blk.%d.ffn_gate.weight", 1, d_ff, d_model);
    out->up = bind_weight(binder, "blk.%d.ffn_up.weight", 1, d_ff, d_model);
    out->down = bind_weight(binder, "blk.%d.ffn_down.weight", 1, d_model, d_ff);
    out->gate_bias = bind_vector_or_null(binder, "blk.%d.ffn_gate.bias", d_ff);
    out->up_bias = bind_vector_or_null(binder, "blk.%d.ffn_up.bias", d_ff);
    out->down_bias = bind_vector_or_null(binder, "blk.%d.ffn_down.bias", d_model);
}

static void bind_experts(struct binder *binder, struct feed_forward *ffn)
{
    const struct description *d = &binder->model->description;
    const struct feed_forward_description *f = &d->ffn;
    int n = f->n_experts, d_ff = f->d_ff_expert;
    ffn->experts = (struct gated){.d_ff = d_ff};
    ffn->router = f->router;
    ffn->router.weight = bind_weight(binder, "blk.%d.ffn_gate_inp.weight", 1, n, d->d_model);
    ffn->router.selection_bias = bind_vector_or_null(binder, "blk.%d.exp_probs_b.bias", n);
    if (bind_has(binder, "blk.%d.ffn_gate_up_exps.weight")) {
        struct weight both =
            bind_weight(binder, "blk.%d.ffn_gate_up_exps.weight", n, 2 * d_ff, d->d_model);
        ffn->experts.gate = bind_rows(&both, 0, d_ff);
        ffn->experts.up = bind_rows(&both, d_ff, d_ff);
    } else {
        ffn->experts.gate = bind_experts_of(binder, "blk.%d.ffn_gate", n, d_ff, d->d_model);
        ffn->experts.up = bind_experts_of(binder, "blk.%d.ffn_up", n, d_ff, d->d_model);
    }
    ffn->experts.down = bind_experts_of(binder, "blk.%d.ffn_down", n, d->d_model, d_ff);
}

static struct weight bind_experts_of(struct binder *binder, const char *role, int n, int n_rows,
                                     int n_cols)
{
    char stacked[64], first[64];
    snprintf(stacked, sizeof stacked, "%s_exps.weight", role);
    snprintf(first, sizeof first, "%s.0.weight", role);
    if (!bind_has(binder, stacked) && bind_has(binder, first))
        return bind_parts(binder, role, n, n_rows, n_cols);
    return bind_weight(binder, stacked, n, n_rows, n_cols);
}

/* A norm of every head, where the description knows of one and the file has it. */
static struct norm bind_head_norm(struct binder *binder, const char *role, int n_heads, int n)
{
    const struct description *d = &binder->model->description;
    if (d->attention.qk_norm == NORM_NONE || !bind_has(binder, role)) return (struct norm){0};
    return (struct norm){.kind = d->attention.qk_norm,
                         .eps = d->norm_eps,
                         .n = n,
                         .weight = bind_head_vectors(binder, role, n_heads, n),
                         .per_head = true};
}

static struct norm bind_norm(struct binder *binder, const char *role, int n)
{
    const struct description *d = &binder->model->description;
    return (struct norm){
        .kind = d->norm, .eps = d->norm_eps, .n = n, .weight = bind_vector(binder, role, n)};
}

/* ---- sums ---- */

static void count(struct model *model, const struct gguf *file)
{
    uint64_t by_dtype[DTYPE_LIMIT] = {0};
    for (int i = 0; i < gguf_n_tensors(file); i++) {
        const struct tensor *tensor = gguf_tensor(file, i);
        model->all.parameters += (uint64_t)tensor_n_values(tensor);
        model->all.bytes += tensor->n_bytes;
        by_dtype[tensor->dtype] += tensor->n_bytes;
        model->dtypes |= (uint64_t)1 << tensor->dtype;
    }
    int most = 0;
    for (int i = 1; i < DTYPE_LIMIT; i++)
        if (by_dtype[i] > by_dtype[most]) most = i;
    const struct description *d = &model->description;
    model->of_head = tally_of(&model->head);
    for (int i = 0; i < d->n_layers; i++) tally_layer(&model->of_layers, &model->layers[i]);
    double n = (double)model->all.parameters;
    snprintf(model->summary, sizeof model->summary, "%s, %d layers, %.1f%s parameters, %s",
             d->architecture, d->n_layers, n >= 1e9 ? n / 1e9 : n / 1e6, n >= 1e9 ? "B" : "M",
             dtype_name((enum dtype)most));
}

static struct tally tally_of(const struct weight *w)
{
    if (!w->data) return (struct tally){0};
    uint64_t n_rows = (uint64_t)w->n_slices * (uint64_t)w->n_rows;
    return (struct tally){n_rows * (uint64_t)w->n_cols, n_rows * w->row_bytes};
}

/* `share` of 1 / n of a weight: the experts a token uses. */
static void tally_add(struct tally *sum, const struct weight *w, int share, int n)
{
    struct tally more = tally_of(w);
    sum->parameters += more.parameters / (uint64_t)n * (uint64_t)share;
    sum->bytes += more.bytes / (uint64_t)n * (uint64_t)share;
}

static void tally_layer(struct tally *sum, const struct layer *layer)
{
    const struct attention *a = &layer->attention;
    const struct feed_forward *f = &layer->ffn;
    const struct weight *always[] = {
        &a->q,   &a->k,   &a->v,          &a->out,      &a->q_a,        &a->q_b,          &a->kv_a,
        &a->k_b, &a->v_b, &f->dense.gate, &f->dense.up, &f->dense.down, &f->router.weight};
    const struct weight *experts[] = {&f->experts.gate, &f->experts.up, &f->experts.down};
    for (size_t i = 0; i < sizeof always / sizeof *always; i++) tally_add(sum, always[i], 1, 1);
    for (size_t i = 0; i < sizeof experts / sizeof *experts && f->router.n_experts; i++)
        tally_add(sum, experts[i], f->router.n_used, f->router.n_experts);
}
