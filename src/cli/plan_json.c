/* The names of fields are documented in docs/plan.md; they are added to, never changed. */
#include <string.h>

#include "cli/plan_print.h"

static json_t *model_json(const struct subject *subject, const struct plan *plan);
static json_t *memory_json(const struct plan *plan);
static json_t *parts_json(const struct weights *weights);
static json_t *context_json(const struct plan *plan);
static json_t *limit_json(const struct plan *plan);
static json_t *speed_json(const struct plan *plan);
static json_t *prompts_json(const struct speed *speed);
static json_t *cost_json(const struct plan *plan);
static json_t *instead_json(const struct plan *plan);
static json_t *box_json(const struct box *box);
static json_t *cell_json(const struct plan *plan);
static const char *verdict_key(enum verdict verdict);
static json_t *number(double value);

json_t *plan_json(const struct subject *subject, const struct plan *plan)
{
    return json_pack("{s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "model",
                     model_json(subject, plan), "box", box_json(plan->question.box), "verdict",
                     verdict_key(plan->verdict), "memory", memory_json(plan), "context",
                     context_json(plan), "limit", limit_json(plan), "speed", speed_json(plan),
                     "cost", cost_json(plan), "instead", instead_json(plan));
}

json_t *plan_table_json(const struct plan_table *table)
{
    json_t *rows = json_array(), *boxes = plan_boxes_json(table->boxes, table->n_boxes);
    for (int i = 0; i < table->n_models; i++) {
        const struct plan *first = &table->cells[i * table->n_boxes];
        json_t *cells = json_array();
        for (int j = 0; j < table->n_boxes; j++) json_array_append_new(cells, cell_json(&first[j]));
        json_array_append_new(
            rows, json_pack("{s:s, s:s, s:I, s:I, s:I, s:o}", "model", table->models[i].name,
                            "quantization", first->question.mix ? first->question.mix->name : "",
                            "parameters", (json_int_t)first->weights.all.parameters,
                            "active_parameters", (json_int_t)first->weights.all.token_parameters,
                            "weight_bytes", (json_int_t)first->memory.weights, "cells", cells));
    }
    return json_pack("{s:o, s:o}", "boxes", boxes, "rows", rows);
}

json_t *plan_boxes_json(const struct box *boxes, int n_boxes)
{
    json_t *list = json_array();
    for (int i = 0; i < n_boxes; i++) json_array_append_new(list, box_json(&boxes[i]));
    return list;
}

static json_t *model_json(const struct subject *subject, const struct plan *plan)
{
    const struct geometry *model = &subject->geometry;
    bool of_file = subject->source != SUBJECT_CATALOGUE;
    return json_pack("{s:o, s:s, s:s, s:o, s:I, s:I, s:i, s:i, s:i, s:i, s:o, s:b, s:o}", "name",
                     output_text(subject->name, strlen(subject->name)), "source",
                     subject_source_name(subject->source), "quantization", subject->quantization,
                     "architecture", output_text(model->architecture, strlen(model->architecture)),
                     "parameters", (json_int_t)plan->weights.all.parameters, "active_parameters",
                     (json_int_t)plan->weights.all.token_parameters, "layers", model->n_layers,
                     "trained_context", model->n_ctx_train, "experts", model->n_experts,
                     "experts_used", model->n_used, "published_bytes",
                     subject->published_bytes ? json_integer((json_int_t)subject->published_bytes)
                                              : json_null(),
                     "runs", !of_file || subject->is_known, "reason",
                     of_file && !subject->is_known
                         ? output_text(subject->reason.message, strlen(subject->reason.message))
                         : json_null());
}

static json_t *memory_json(const struct plan *plan)
{
    const struct plan_memory *memory = &plan->memory;
    return json_pack(
        "{s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "weight_bytes",
        (json_int_t)memory->weights, "parts", parts_json(&plan->weights), "cache_bytes",
        (json_int_t)memory->kv, "cache_token_bytes", (json_int_t)memory->kv_token, "scratch_bytes",
        (json_int_t)memory->scratch, "free_bytes", (json_int_t)memory->spare, "short_bytes",
        (json_int_t)memory->short_of, "reserve_bytes", (json_int_t)memory->reserve, "usable_bytes",
        (json_int_t)memory->usable, "scratch_is_estimate", plan->question.scratch == 0);
}

static json_t *parts_json(const struct weights *weights)
{
    json_t *parts = json_object();
    for (int i = 0; i < PARTS; i++) {
        const struct sum *sum = &weights->parts[i];
        if (sum->bytes == 0) continue;
        json_object_set_new(parts, part_name((enum part)i),
                            json_pack("{s:I, s:I, s:I}", "bytes", (json_int_t)sum->bytes,
                                      "parameters", (json_int_t)sum->parameters, "token_bytes",
                                      (json_int_t)sum->token_bytes));
    }
    return parts;
}

static json_t *context_json(const struct plan *plan)
{
    return json_pack("{s:I, s:i, s:I, s:I, s:I}", "planned", (json_int_t)plan->n_ctx, "sessions",
                     plan->question.n_sessions, "largest", (json_int_t)plan->n_ctx_largest,
                     "largest_f16", (json_int_t)plan->n_ctx_largest_f16, "largest_q8_0",
                     (json_int_t)plan->n_ctx_largest_q8);
}

/* null where there is nothing to raise. */
static json_t *limit_json(const struct plan *plan)
{
    char command[64];
    if (plan->raise_to == 0) return json_null();
    bool known = plan->question.box->is_macos;
    return json_pack("{s:I, s:o}", "raise_to_bytes", (json_int_t)plan->raise_to, "command",
                     known ? json_string(box_raise_command(plan->raise_to, command)) : json_null());
}

static json_t *speed_json(const struct plan *plan)
{
    const struct speed *speed = &plan->speed;
    if (plan->question.box->bandwidth <= 0) return json_null();
    return json_pack("{s:I, s:f, s:f, s:[f,f], s:[f,f], s:o, s:o, s:[o,o]}", "token_bytes",
                     (json_int_t)plan->weights.all.token_bytes, "ceiling", speed->ceiling,
                     "ceiling_at_depth", speed->ceiling_at_depth, "expected", speed->decode.low,
                     speed->decode.high, "expected_at_depth", speed->decode_at_depth.low,
                     speed->decode_at_depth.high, "prompts", prompts_json(speed), "load_seconds",
                     number(speed->load_seconds), "token_joules", number(speed->token_joules.low),
                     number(speed->token_joules.high));
}

static json_t *prompts_json(const struct speed *speed)
{
    json_t *prompts = json_array();
    for (int i = 0; i < PREFILLS && speed->prefills[i].least_seconds > 0; i++)
        json_array_append_new(prompts, json_pack("{s:i, s:f, s:[f,f]}", "tokens", prefill_tokens[i],
                                                 "least_seconds", speed->prefills[i].least_seconds,
                                                 "expected_seconds", speed->prefills[i].seconds.low,
                                                 speed->prefills[i].seconds.high));
    return prompts;
}

static json_t *cost_json(const struct plan *plan)
{
    const struct cost *cost = &plan->cost;
    if (cost->box_year <= 0 && cost->service_million <= 0) return json_null();
    return json_pack("{s:o, s:o, s:o, s:o, s:f}", "box_dollars_year", number(cost->box_year),
                     "energy_dollars_million", number(cost->energy_million),
                     "service_dollars_million", number(cost->service_million),
                     "break_even_tokens_day", number(cost->break_even_day), "most_tokens_day",
                     cost->most_day);
}

/* null if it fits. */
static json_t *instead_json(const struct plan *plan)
{
    const struct instead *instead = &plan->instead;
    if (plan->verdict != VERDICT_DOES_NOT_FIT) return json_null();
    json_t *mix = json_null();
    if (instead->mix)
        mix = json_pack("{s:s, s:I, s:I}", "name", instead->mix->name, "bytes",
                        (json_int_t)instead->mix_bytes, "largest_context",
                        (json_int_t)instead->mix_context);
    return json_pack("{s:o, s:o, s:o, s:o}", "quantization", mix, "box",
                     instead->box.id[0] ? json_string(instead->box.id) : json_null(), "streaming",
                     number(instead->streaming_rate), "split", number(instead->split_rate));
}

static json_t *box_json(const struct box *box)
{
    static const char *const kinds[] = {"unified", "discrete", "host"};
    return json_pack("{s:s, s:o, s:s, s:I, s:I, s:I, s:o, s:o, s:o, s:b, s:o, s:o}", "id", box->id,
                     "name", output_text(box->name, strlen(box->name)), "kind", kinds[box->kind],
                     "memory_bytes", (json_int_t)box->memory, "usable_bytes",
                     (json_int_t)box->usable, "usable_raised_bytes", (json_int_t)box->usable_raised,
                     "bytes_per_second", number(box->bandwidth), "operations_per_second",
                     number(box->flops), "drive_bytes_per_second", number(box->drive),
                     "drive_is_assumed", box->drive_assumed, "watts", number(box->watts), "dollars",
                     number(box->price));
}

static json_t *cell_json(const struct plan *plan)
{
    struct instead largest = {0};
    plan_largest_mix(&plan->question, &largest);
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:f, s:[f,f], s:o}", "box",
                     plan->question.box->id, "verdict", verdict_key(plan->verdict), "cache_bytes",
                     (json_int_t)plan->memory.kv, "reserve_bytes", (json_int_t)plan->memory.reserve,
                     "short_bytes", (json_int_t)plan->memory.short_of, "largest_context",
                     (json_int_t)plan->n_ctx_largest, "ceiling", plan->speed.ceiling, "expected",
                     plan->speed.decode.low, plan->speed.decode.high, "largest_quantization",
                     largest.mix ? json_string(largest.mix->name) : json_null());
}

static const char *verdict_key(enum verdict verdict)
{
    static const char *const keys[] = {"fits", "fits-raised", "fits-less-context", "does-not-fit"};
    return keys[verdict];
}

/* What is not known is null, not 0. */
static json_t *number(double value)
{
    return value > 0 ? json_real(value) : json_null();
}
