#include "cli/generation.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file.h"
#include "cli/model_word.h"

enum { TOOLS_BYTES_MOST = 16 << 20 };

static heft_status read_tools(struct generation *generation, heft_error *error);
static heft_status check_dialect(const char *name, heft_error *error);
static heft_status check_tools(const struct generation *generation, heft_error *error);

/* The order of enum reasoning. */
static const char *const reasoning_names[] = {"show", "hide", "off", NULL};

static const struct option answer_options[] = {
    {"-n --predict --n-predict --num-predict", OPTION_INT, offsetof(struct generation, n_predict),
     "N", "tokens of an answer (-1: until the model ends it)", -1, 1 << 24, NULL},
    {"-sys --system --system-prompt", OPTION_TEXT, offsetof(struct generation, system), "TEXT",
     "system message", 0, 0, NULL},
    {"--stop", OPTION_LIST, offsetof(struct generation, stops), "TEXT",
     "ends the answer before this text, which may be a control token\n(repeatable)", 0, 0, NULL},
    {"--ignore-eos", OPTION_FLAG, offsetof(struct generation, ignore_end), NULL,
     "the model may not end the answer, only -n does", 0, 0, NULL},
    {"--reasoning", OPTION_CHOICE, offsetof(struct generation, reasoning), "HOW",
     "thoughts of the model: show (on standard error), hide,\noff (ask for an answer without)", 0,
     0, reasoning_names},
    {"--tools", OPTION_TEXT, offsetof(struct generation, tools_path), "FILE",
     "tools that the model may call: a JSON array; calls are printed\nas JSON, nothing is run", 0,
     0, NULL},
    {"--dialect", OPTION_TEXT, offsetof(struct generation, dialect), "NAME",
     "how the model marks thoughts and calls (its own way);\nnone: marks stay in the text", 0, 0,
     NULL},
    {"-q --quiet", OPTION_FLAG, offsetof(struct generation, quiet), NULL,
     "nothing on standard error but errors, and that it is the demo\nmodel which answers", 0, 0,
     NULL},
};

void generation_groups(struct generation *generation, struct option_group groups[])
{
    const struct option_group all[GENERATION_GROUPS] = {
        OPTION_GROUP("Answer", answer_options, generation),
        {"Model", model_options, n_model_options, &generation->options},
        {"Engine", engine_options, n_engine_options, &generation->options},
        {"Sampling", sampling_options, n_sampling_options, &generation->sampling},
    };
    for (int i = 0; i < GENERATION_GROUPS; i++) groups[i] = all[i];
}

struct generation generation_default(void)
{
    return (struct generation){
        .options = heft_options_default(),
        .sampling = sampling_settings_default(),
        .n_predict = -1,
    };
}

void generation_take_model(struct generation *generation, struct words *words)
{
    model_word_take(&generation->options.model, words);
}

heft_status generation_open(struct generation *generation, heft_error *error)
{
    for (int i = 0; i < generation->stops.n_items; i++)
        if (!generation->stops.items[i][0])
            return error_set(error, HEFT_USAGE, "--stop needs a text that is not empty");
    heft_status status = check_dialect(generation->dialect, error);
    if (status == HEFT_OK && generation->tools_path) status = read_tools(generation, error);
    if (status != HEFT_OK) return status;
    status = settings_model(&generation->options.model, generation->model_room,
                            sizeof generation->model_room, error);
    if (status != HEFT_OK) return status;
    status = settings_open(&generation->options, generation->quiet, &generation->engine, error);
    if (status != HEFT_OK) return status;
    heft_engine_info(generation->engine, &generation->info);
    if (generation->tools) status = check_tools(generation, error);
    if (status == HEFT_OK)
        status = heft_session_create(generation->engine, &generation->session, error);
    if (status != HEFT_OK) return status;
    return generation_new_sampler(generation, error);
}

void generation_close(struct generation *generation)
{
    heft_sampler_free(generation->sampler);
    heft_engine_close(generation->engine);
    free(generation->tools);
}

heft_status generation_new_sampler(struct generation *generation, heft_error *error)
{
    heft_sampler *sampler;
    heft_status status = sampling_settings_finish(&generation->sampling, error);
    if (status != HEFT_OK) return status;
    status =
        heft_sampler_create(generation->engine, &generation->sampling.sampling, &sampler, error);
    if (status != HEFT_OK) return status;
    heft_sampler_free(generation->sampler);
    generation->sampler = sampler;
    return HEFT_OK;
}

struct answer_request generation_request(const struct generation *generation, const int32_t *tokens,
                                         int n_tokens)
{
    return (struct answer_request){
        .engine = generation->engine,
        .session = generation->session,
        .sampler = generation->sampler,
        .tokens = tokens,
        .n_tokens = n_tokens,
        .n_predict = generation->n_predict,
        .ignore_end = generation->ignore_end,
        .stops = &generation->stops,
        .n_logprobs = -1,
        .stream = stdout,
        .thoughts = generation->reasoning == REASONING_SHOW && !generation->quiet ? stderr : NULL,
        .tools = generation->tools,
        .dialect = generation->dialect,
    };
}

struct conversation_terms generation_terms(const struct generation *generation)
{
    /* The names that templates have for it. */
    static const char no_thoughts[] = "{\"enable_thinking\": false, \"thinking\": false}";
    return (struct conversation_terms){
        .tools = generation->tools,
        .extra = generation->reasoning == REASONING_OFF ? no_thoughts : NULL,
    };
}

static heft_status read_tools(struct generation *generation, heft_error *error)
{
    const char *path = generation->tools_path;
    size_t n_bytes;
    heft_status status = file_read(path, TOOLS_BYTES_MOST, &generation->tools, &n_bytes, error);
    if (status != HEFT_OK) return status;
    json_error_t reason;
    json_t *tools = json_loadb(generation->tools, n_bytes, 0, &reason);
    bool is_array = json_is_array(tools);
    json_decref(tools);
    if (is_array) return HEFT_OK;
    if (tools) return error_set(error, HEFT_BAD_FILE, "%s: this is not a JSON array", path);
    return error_set(error, HEFT_BAD_FILE, "%s: line %d: %s", path, reason.line, reason.text);
}

static heft_status check_dialect(const char *name, heft_error *error)
{
    if (!name) return HEFT_OK;
    struct buffer names = {0};
    for (int i = 0; heft_dialect_name(i); i++) {
        if (strcmp(heft_dialect_name(i), name) == 0) {
            buffer_free(&names);
            return HEFT_OK;
        }
        buffer_format(&names, i ? ", %s" : "%s", heft_dialect_name(i));
    }
    error_set(error, HEFT_USAGE, "--dialect is one of %s, not \"%s\"", names.data ? names.data : "",
              name);
    buffer_free(&names);
    return HEFT_USAGE;
}

/* A template that has no place for tools writes the same with and without. */
static heft_status check_tools(const struct generation *generation, heft_error *error)
{
    heft_chat chat = {.messages_json = "[{\"role\": \"user\", \"content\": \"?\"}]",
                      .add_generation_prompt = true};
    char *without = NULL, *with = NULL;
    heft_status status = heft_chat_render(generation->engine, &chat, &without, error);
    chat.tools_json = generation->tools;
    if (status == HEFT_OK) status = heft_chat_render(generation->engine, &chat, &with, error);
    if (status == HEFT_OK && strcmp(with, without) == 0)
        status = error_set(error, HEFT_USAGE, "the chat template of %s has no place for tools",
                           generation->options.model);
    heft_free(without);
    heft_free(with);
    return status;
}
