#include "plan/plan.h"

#include <stdlib.h>

#include "base/error.h"

enum { BATCH_DEFAULT = 512, CONTEXT_LEAST = 512, CONTEXT_WORTH = 4096 };

static struct demand demand_of(const struct question *question, const struct weights *weights,
                               enum dtype kv);
static uint64_t scratch_estimate(const struct question *question, uint64_t n_weights);
static void decide(struct plan *plan, const struct demand *demand);
static int64_t largest(const struct question *question, const struct weights *weights,
                       enum dtype kv, uint64_t usable);
static void fill_memory(struct plan *plan, const struct demand *demand);
static void fill_instead(struct plan *plan, const struct demand *demand, const struct box *boxes,
                         int n_boxes);

struct plan plan_make(const struct question *question, const struct box *boxes, int n_boxes)
{
    struct plan plan = {.question = *question};
    const struct geometry *model = question->model;
    const struct box *box = question->box;
    plan.weights = weights_of(model, question->mix);
    struct demand demand = demand_of(question, &plan.weights, question->kv);
    decide(&plan, &demand);
    fill_memory(&plan, &demand);
    uint64_t most = box->usable_raised;
    plan.n_ctx_largest = largest(question, &plan.weights, question->kv, most);
    plan.n_ctx_largest_f16 = largest(question, &plan.weights, DTYPE_F16, most);
    plan.n_ctx_largest_q8 =
        model->cache.blocks ? largest(question, &plan.weights, DTYPE_Q8_0, most) : 0;
    plan.speed = speed_of(model, &plan.weights, box, plan.memory.kv_token, plan.n_ctx);
    if (plan.verdict == VERDICT_DOES_NOT_FIT)
        fill_instead(&plan, &demand, boxes, n_boxes);
    else
        plan.cost = cost_of(box, &question->prices, plan.speed.decode.high);
    return plan;
}

const char *verdict_name(enum verdict verdict)
{
    static const char *const names[] = {"fits", "fits after raising the limit",
                                        "fits with less context", "does not fit"};
    return names[verdict];
}

void plan_largest_mix(const struct question *question, struct instead *out)
{
    struct question other = *question;
    for (int i = 0; i < mix_count(); i++) {
        other.mix = mix_at(i);
        if (!other.mix->common) continue;
        struct weights weights = weights_of(question->model, other.mix);
        int64_t n_ctx = largest(&other, &weights, question->kv, question->box->usable_raised);
        bool worth = n_ctx >= CONTEXT_WORTH || n_ctx == question->model->n_ctx_train;
        if (!worth || n_ctx == 0) continue;
        out->mix = other.mix;
        out->mix_bytes = weights.all.bytes;
        out->mix_context = n_ctx;
        return;
    }
}

heft_status plan_table_make(const struct question *question, const struct geometry *models,
                            int n_models, const struct box *boxes, int n_boxes,
                            struct plan_table *out, heft_error *error)
{
    *out = (struct plan_table){models, boxes, n_models, n_boxes, NULL};
    out->cells = calloc((size_t)n_models * (size_t)n_boxes, sizeof *out->cells);
    if (!out->cells) return error_set(error, HEFT_INTERNAL, "no memory for the table");
    for (int i = 0; i < n_models; i++) {
        for (int j = 0; j < n_boxes; j++) {
            struct question cell = *question;
            cell.model = &models[i];
            cell.box = &boxes[j];
            struct plan *plan = &out->cells[i * n_boxes + j];
            *plan = plan_make(&cell, NULL, 0);
        }
    }
    return HEFT_OK;
}

void plan_table_free(struct plan_table *table)
{
    free(table->cells);
    table->cells = NULL;
}

static struct demand demand_of(const struct question *question, const struct weights *weights,
                               enum dtype kv)
{
    const struct geometry *model = question->model;
    uint64_t scratch = question->scratch;
    if (scratch == 0) scratch = scratch_estimate(question, weights->all.bytes);
    bool whole_file = model->is_file && !question->mix;
    return (struct demand){
        .weights = whole_file ? model->file_bytes : weights->all.bytes,
        .scratch = DEMAND_PROCESS_BYTES + scratch,
        .n_sessions = question->n_sessions,
        .token_bytes = cache_bytes(model->cache.token_values, kv) + sizeof(int32_t),
        .window_token_bytes = cache_bytes(model->cache.window_token_values, kv),
        .n_window = model->cache.n_window,
        .session_bytes = (uint64_t)model->cache.fixed_bytes,
    };
}

/* What the CPU backend was seen to take: the widest activations of a batch, in floats and once more
 * in two codes of a byte; logits of a few rows; and the tokenizer. */
static uint64_t scratch_estimate(const struct question *question, uint64_t n_weights)
{
    enum { ROW_VALUE_BYTES = 6, LOGIT_ROWS = 32, TOKEN_BYTES = 160 };
    const struct geometry *model = question->model;
    uint64_t n_batch = (uint64_t)(question->n_batch ? question->n_batch : BATCH_DEFAULT);
    uint64_t n_vocab = (uint64_t)model->n_vocab;
    return n_batch * (uint64_t)model->widest * ROW_VALUE_BYTES +
           n_vocab * (LOGIT_ROWS * sizeof(float) + TOKEN_BYTES) + demand_table_bytes(n_weights);
}

static int64_t largest(const struct question *question, const struct weights *weights,
                       enum dtype kv, uint64_t usable)
{
    struct demand demand = demand_of(question, weights, kv);
    return demand_largest_context(&demand, usable, question->model->n_ctx_train);
}

/* The context, and whether it fits: as the system comes, or else with its limit raised. */
static void decide(struct plan *plan, const struct demand *demand)
{
    const struct question *question = &plan->question;
    const struct box *box = question->box;
    int n_trained = question->model->n_ctx_train;
    int64_t most = demand_largest_context(demand, box->usable_raised, n_trained);
    int n_default = n_trained < PLAN_CONTEXT_DEFAULT ? n_trained : PLAN_CONTEXT_DEFAULT;
    plan->n_ctx = question->n_ctx;
    if (question->n_ctx == 0) plan->n_ctx = n_default;
    if (question->n_ctx == PLAN_CONTEXT_AUTO) plan->n_ctx = most > 0 ? most : n_default;

    uint64_t needed = demand_all(demand, plan->n_ctx);
    int64_t least = n_trained < CONTEXT_LEAST ? n_trained : CONTEXT_LEAST;
    if (needed <= box->usable)
        plan->verdict = VERDICT_FITS;
    else if (needed <= box->usable_raised)
        plan->verdict = VERDICT_FITS_RAISED;
    else
        plan->verdict = most >= least ? VERDICT_FITS_LESS_CONTEXT : VERDICT_DOES_NOT_FIT;
    bool raised = plan->verdict == VERDICT_FITS_RAISED ||
                  (plan->verdict == VERDICT_FITS_LESS_CONTEXT && box->usable_raised > box->usable);
    if (raised) plan->raise_to = box->usable_raised;
    plan->memory.usable =
        raised || plan->verdict == VERDICT_DOES_NOT_FIT ? box->usable_raised : box->usable;
}

static void fill_memory(struct plan *plan, const struct demand *demand)
{
    struct plan_memory *memory = &plan->memory;
    uint64_t needed = demand_all(demand, plan->n_ctx);
    memory->weights = demand->weights;
    memory->scratch = demand->scratch;
    memory->kv = demand_sessions(demand, plan->n_ctx);
    memory->kv_token = demand->token_bytes;
    memory->reserve = plan->question.box->memory - memory->usable;
    if (needed <= memory->usable)
        memory->spare = memory->usable - needed;
    else
        memory->short_of = needed - memory->usable;
}

static void fill_instead(struct plan *plan, const struct demand *demand, const struct box *boxes,
                         int n_boxes)
{
    const struct box *box = plan->question.box;
    struct instead *instead = &plan->instead;
    uint64_t needed = demand_all(demand, plan->n_ctx);
    plan_largest_mix(&plan->question, instead);
    const struct box *best = NULL;
    for (int i = 0; i < n_boxes; i++)
        if (boxes[i].usable_raised >= needed && (!best || boxes[i].memory < best->memory))
            best = &boxes[i];
    if (best) instead->box = *best;
    uint64_t other = plan->memory.kv + plan->memory.scratch;
    uint64_t held = box->usable_raised > other ? box->usable_raised - other : 0;
    instead->streaming_rate = speed_streaming(&plan->weights, box, held);
    if (box->kind == BOX_DISCRETE) instead->split_rate = speed_split(&plan->weights, box, held);
}
