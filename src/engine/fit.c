#include "engine/fit.h"

#include <stdio.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "engine/kv.h"
#include "plan/memory.h"

static struct demand demand_of(const heft_engine *engine);

uint64_t fit_available(const heft_engine *engine)
{
    uint64_t held = tokenizer_bytes(engine->tokenizer);
    if (engine->model) held += engine->model->arena.n_bytes;
    for (int part = 0; part < gguf_n_parts(engine->file); part++)
        held += gguf_part_map(engine->file, part)->n_held;
    return memory_available() + held;
}

heft_memory fit_memory(const heft_engine *engine)
{
    heft_memory memory = {.available = engine->memory.available,
                          .n_ctx = engine->options.n_ctx,
                          .scratch = tokenizer_bytes(engine->tokenizer)};
    if (!engine->model) return memory;
    struct demand demand = demand_of(engine), caches = demand, beside = demand;
    caches.token_bytes -= SESSION_TOKEN_BYTES;
    caches.session_bytes = 0;
    beside.token_bytes = SESSION_TOKEN_BYTES;
    memory.weights = demand.weights;
    memory.kv = demand_sessions(&caches, memory.n_ctx);
    memory.scratch = demand.scratch + demand_sessions(&beside, memory.n_ctx);
    memory.n_ctx_most = fit_context(engine);
    return memory;
}

int fit_context(const heft_engine *engine)
{
    struct demand demand = demand_of(engine);
    return (int)demand_largest_context(&demand, engine->memory.available,
                                       engine->model->description.n_ctx_train);
}

heft_status fit_check(const heft_engine *engine, const char *path, heft_error *error)
{
    const heft_memory *memory = &engine->memory;
    uint64_t needed = memory->weights + memory->kv + memory->scratch;
    char way_out[96] = "`heft plan` says what would fit";
    if (needed <= memory->available) return HEFT_OK;
    if (memory->n_ctx_most > 0)
        snprintf(way_out, sizeof way_out, "a context of %d tokens would fit (-c auto)",
                 memory->n_ctx_most);
    return error_set(
        error, HEFT_DOES_NOT_FIT,
        "%s needs %.2f GB (weights %.2f, key-value cache for %d tokens %.2f, scratch %.2f) and "
        "this machine has %.2f GB to give; %s, or open it anyway by ignoring the limit "
        "(--ignore-limit)",
        path, (double)needed / 1e9, (double)memory->weights / 1e9, memory->n_ctx,
        (double)memory->kv / 1e9, (double)memory->scratch / 1e9, (double)memory->available / 1e9,
        way_out);
}

static struct demand demand_of(const heft_engine *engine)
{
    const heft_options *options = &engine->options;
    const struct model *model = engine->model;
    size_t kv_token = model_kv_token_bytes(model, kv_dtype(options->kv_type));
    return (struct demand){
        .weights = gguf_bytes(engine->file),
        .scratch = tokenizer_bytes(engine->tokenizer) +
                   engine->backend->ops->scratch_bytes(engine->backend, &engine->limits) +
                   batch_builder_bytes(options->n_batch, options->n_sessions) +
                   model->arena.n_bytes + demand_table_bytes(gguf_bytes(engine->file)),
        .n_sessions = options->n_sessions,
        .token_bytes = kv_token + SESSION_TOKEN_BYTES,
        .session_bytes = session_bytes(),
    };
}
