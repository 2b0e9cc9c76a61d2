#include "engine/engine.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/fit.h"
#include "engine/kv.h"
#include "engine/residency.h"
#include "model/vocabulary.h"

enum {
    DEFAULT_CONTEXT = 4096,
    DEFAULT_BATCH = 512,
    MAX_BATCH = 8192,
    MAX_SESSIONS = 4096,
    MAX_THREADS = 1024,
    HEAD_ROWS = 32, /* logits computed at once */
};

static heft_status check_options(const heft_options *options, heft_error *error);
static heft_status open_parts(const heft_options *options, heft_engine **out, heft_error *error);
static heft_status open_text(heft_engine *engine, heft_error *error);
static void open_template(const struct gguf *file, const char *key, struct chat_template *out);
static void free_template(struct chat_template *chat);
static heft_status open_model(heft_engine *engine, heft_error *error);
static void choose_context(heft_engine *engine);
static void set_limits(heft_engine *engine);
static heft_status prepare(heft_engine *engine, heft_error *error);
static char *copy_text(const struct gguf *file, const char *key);

const char *heft_version(void)
{
    return "0.1.0";
}

heft_options heft_options_default(void)
{
    return (heft_options){.n_sessions = 1};
}

heft_status heft_engine_measure(const heft_options *options, heft_memory *out, heft_error *error)
{
    heft_engine *engine;
    heft_status status = open_parts(options, &engine, error);
    if (status != HEFT_OK) return status;
    *out = fit_memory(engine);
    heft_engine_close(engine);
    return HEFT_OK;
}

heft_status heft_engine_open(const heft_options *options, heft_engine **out, heft_error *error)
{
    heft_engine *engine;
    heft_status status = open_parts(options, &engine, error);
    if (status != HEFT_OK) return status;
    engine->memory = fit_memory(engine);
    if (engine->model && !options->allow_holes) status = gguf_check_holes(engine->file, error);
    if (engine->model && status == HEFT_OK && !options->ignore_limit)
        status = fit_check(engine, options->model, error);
    if (engine->model && status == HEFT_OK) status = prepare(engine, error);
    if (status != HEFT_OK) {
        heft_engine_close(engine);
        return status;
    }
    *out = engine;
    return HEFT_OK;
}

void heft_engine_close(heft_engine *engine)
{
    if (!engine) return;
    while (engine->sessions) heft_session_free(engine->sessions);
    residency_stop(engine->residency);
    batch_builder_free(&engine->builder);
    if (engine->backend) engine->backend->ops->close(engine->backend);
    model_close(engine->model);
    free_template(&engine->chat);
    free_template(&engine->tool_chat);
    tokenizer_free(engine->tokenizer);
    gguf_close(engine->file);
    free(engine->name);
    free(engine);
}

void heft_engine_cancel(heft_engine *engine)
{
    flag_raise(&engine->stop);
}

void heft_engine_info(const heft_engine *engine, heft_info *out)
{
    const struct model *model = engine->model;
    *out = (heft_info){.name = engine->name ? engine->name : "",
                       .architecture = "",
                       .description = "vocabulary",
                       .chat_template = engine->chat.source,
                       .dialect = engine->dialect->name,
                       .n_vocab = tokenizer_n_tokens(engine->tokenizer),
                       .n_ctx = engine->options.n_ctx,
                       .memory = engine->memory};
    if (!model) return;
    out->architecture = model->architecture;
    out->description = model->summary;
    out->n_vocab = model->description.n_vocab;
    out->n_ctx_train = model->description.n_ctx_train;
    out->n_layers = model->description.n_layers;
    out->d_model = model->description.d_model;
    out->n_threads = engine->backend->n_threads;
    out->n_batch = engine->options.n_batch;
    out->n_parameters = model->all.parameters;
    out->layer_parameters = model->of_layers.parameters;
    out->head_parameters = model->of_head.parameters;
    out->weight_bytes = model->all.bytes;
    out->token_weight_bytes = model->of_layers.bytes + model->of_head.bytes;
    out->kv_token_bytes = model_kv_token_bytes(model, kv_dtype(engine->options.kv_type));
}

/* Opens what needs no memory to speak of: headers, tokenizer, thread pool. */
static heft_status open_parts(const heft_options *options, heft_engine **out, heft_error *error)
{
    heft_status status = check_options(options, error);
    if (status != HEFT_OK) return status;
    heft_engine *engine = calloc(1, sizeof *engine);
    if (!engine) return error_set(error, HEFT_INTERNAL, "no memory for an engine");
    engine->options = *options;
    engine->options.model = NULL;
    status = gguf_open(options->model, &engine->file, error);
    if (status == HEFT_OK) status = open_text(engine, error);
    if (status == HEFT_OK && !options->vocab_only) status = open_model(engine, error);
    if (status != HEFT_OK) {
        heft_engine_close(engine);
        return status;
    }
    engine->memory.available = fit_available(engine);
    if (engine->model) choose_context(engine);
    *out = engine;
    return HEFT_OK;
}

static heft_status check_options(const heft_options *options, heft_error *error)
{
    if (!options->model) return error_set(error, HEFT_USAGE, "no model was named");
    const struct {
        const char *name;
        int value, min, max;
    } ranges[] = {
        {"n_ctx", options->n_ctx, HEFT_CONTEXT_AUTO, INT32_MAX / 2},
        {"n_sessions", options->n_sessions, 1, MAX_SESSIONS},
        {"n_batch", options->n_batch, 0, MAX_BATCH},
        {"n_threads", options->n_threads, 0, MAX_THREADS},
        {"kv_type", (int)options->kv_type, HEFT_KV_F16, HEFT_KV_F32},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (ranges[i].value < ranges[i].min || ranges[i].value > ranges[i].max)
            return error_set(error, HEFT_USAGE, "%s is %d, expected %d to %d", ranges[i].name,
                             ranges[i].value, ranges[i].min, ranges[i].max);
    return HEFT_OK;
}

/* A template that cannot be read is a matter for those who want to chat, and told then. */
static heft_status open_text(heft_engine *engine, heft_error *error)
{
    heft_status status = vocabulary_open(engine->file, &engine->tokenizer, error);
    if (status != HEFT_OK) return status;
    engine->name = copy_text(engine->file, "general.name");
    open_template(engine->file, "tokenizer.chat_template", &engine->chat);
    open_template(engine->file, "tokenizer.chat_template.tool_use", &engine->tool_chat);
    const char *source = engine->tool_chat.source ? engine->tool_chat.source : engine->chat.source;
    engine->dialect = dialect_guess(slice_of(source ? source : ""), engine->tokenizer);
    return HEFT_OK;
}

static void open_template(const struct gguf *file, const char *key, struct chat_template *out)
{
    out->source = copy_text(file, key);
    if (!out->source) return;
    template_parse(out->source, strlen(out->source), &out->template, &out->error);
    if (out->template) out->history = history_probe(out->template);
}

static void free_template(struct chat_template *chat)
{
    template_free(chat->template);
    free(chat->source);
}

static heft_status open_model(heft_engine *engine, heft_error *error)
{
    heft_options *options = &engine->options;
    heft_status status = model_open(engine->file, &engine->model, error);
    if (status != HEFT_OK) return status;
    const struct description *d = &engine->model->description;
    const char *path = gguf_part_path(engine->file, 0);
    if (tokenizer_n_tokens(engine->tokenizer) > d->n_vocab)
        return error_set(error, HEFT_BAD_FILE,
                         "%s: tokenizer.ggml.tokens has %d entries, token_embd.weight only %d",
                         path, tokenizer_n_tokens(engine->tokenizer), d->n_vocab);
    if (model_kv_token_bytes(engine->model, kv_dtype(options->kv_type)) == 0)
        return error_set(error, HEFT_USAGE,
                         "%s: its heads are not a multiple of 32 values wide, so the key-value "
                         "cache cannot be q8_0",
                         path);
    struct backend_options backend = {.n_threads = options->n_threads,
                                      .cpu_tier = getenv("HEFT_CPU")};
    return backend_open_cpu(&backend, &engine->backend, error);
}

/* The scratch depends on the batch, which is never longer than the context: for HEFT_CONTEXT_AUTO
 * it is summed with the longest. */
static void choose_context(heft_engine *engine)
{
    heft_options *options = &engine->options;
    int n_trained = engine->model->description.n_ctx_train;
    int n_usual = n_trained < DEFAULT_CONTEXT ? n_trained : DEFAULT_CONTEXT;
    bool automatic = options->n_ctx == HEFT_CONTEXT_AUTO;
    if (automatic) options->n_ctx = n_trained;
    if (options->n_ctx == 0) options->n_ctx = n_usual;
    if (options->n_batch == 0) options->n_batch = DEFAULT_BATCH;
    set_limits(engine);
    if (!automatic) return;
    int n_most = fit_context(engine);
    options->n_ctx = n_most > 0 ? n_most : n_usual;
    set_limits(engine);
}

static void set_limits(heft_engine *engine)
{
    heft_options *options = &engine->options;
    if (options->n_batch > options->n_ctx) options->n_batch = options->n_ctx;
    int n_logits = options->n_batch < HEAD_ROWS ? options->n_batch : HEAD_ROWS;
    engine->limits = model_limits(engine->model, options->n_batch, n_logits);
}

/* Takes the scratch and the batch: from here on a step finds everything in place, or on its way. */
static heft_status prepare(heft_engine *engine, heft_error *error)
{
    const heft_memory *memory = &engine->memory;
    uint64_t ours = memory->kv + memory->scratch;
    uint64_t budget = memory->available > ours ? memory->available - ours : 0;
    engine->residency = residency_start(engine->file, budget);
    heft_status status = engine->backend->ops->prepare(engine->backend, &engine->limits, error);
    if (status != HEFT_OK) return status;
    return batch_builder_init(&engine->builder, engine->options.n_batch, engine->options.n_sessions,
                              error);
}

/* NULL if the file has no such text. */
static char *copy_text(const struct gguf *file, const char *key)
{
    const struct gguf_value *value = gguf_find(file, key);
    if (!value || value->type != GGUF_STRING) return NULL;
    return strndup(value->text.data, value->text.n_bytes);
}
