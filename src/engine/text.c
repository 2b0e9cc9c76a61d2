#include <stdlib.h>

#include "base/error.h"
#include "engine/engine.h"

static heft_status render(const heft_engine *engine, const heft_chat *chat, bool shielded,
                          struct buffer *out, heft_error *error);
static bool shield(const struct tokenizer *tokenizer, json_t *value, struct buffer *room);
static heft_status encode_rendered(const heft_engine *engine, struct slice text, int32_t **tokens,
                                   int *n_tokens, heft_error *error);
static heft_status parse_json(const char *what, const char *text, json_t **out, heft_error *error);
static heft_status chat_variables(const heft_engine *engine, const heft_chat *chat, json_t **out,
                                  heft_error *error);
static bool set_token(json_t *variables, const char *name, const struct tokenizer *tokenizer,
                      int32_t token);

int heft_encode(const heft_engine *engine, const char *text, size_t n_bytes, int flags,
                int32_t *tokens, int cap)
{
    return tokenizer_encode(engine->tokenizer, text, n_bytes, flags, tokens, cap);
}

int heft_decode(const heft_engine *engine, int32_t token, bool special, char *text, int cap)
{
    return tokenizer_decode(engine->tokenizer, token, special, text, cap);
}

bool heft_is_end(const heft_engine *engine, int32_t token)
{
    return tokenizer_is_end(engine->tokenizer, token);
}

int heft_stream_push(const heft_engine *engine, heft_stream *stream, int32_t token, char *text,
                     int cap)
{
    return tokenizer_stream(engine->tokenizer, stream, token, text, cap);
}

heft_status heft_chat_render(const heft_engine *engine, const heft_chat *chat, char **out,
                             heft_error *error)
{
    struct buffer text = {0};
    heft_status status = render(engine, chat, false, &text, error);
    if (status == HEFT_OK) {
        *out = buffer_take(&text);
        if (!*out) status = error_set(error, HEFT_INTERNAL, "no memory for the prompt");
    }
    buffer_free(&text);
    return status;
}

heft_status heft_chat_encode(const heft_engine *engine, const heft_chat *chat, int32_t **tokens,
                             int *n_tokens, heft_error *error)
{
    struct buffer text = {0};
    heft_status status = render(engine, chat, true, &text, error);
    if (status == HEFT_OK)
        status = encode_rendered(engine, (struct slice){text.data, text.n_bytes}, tokens, n_tokens,
                                 error);
    buffer_free(&text);
    return status;
}

void heft_free(void *pointer)
{
    free(pointer);
}

/* `shielded`: the texts of messages and tools, so that none becomes a control token. */
static heft_status render(const heft_engine *engine, const heft_chat *chat, bool shielded,
                          struct buffer *out, heft_error *error)
{
    const struct chat_template *template =
        chat->tools_json && engine->tool_chat.template ? &engine->tool_chat : &engine->chat;
    if (!template->source) return error_set(error, HEFT_USAGE, "this model has no chat template");
    if (!template->template) {
        if (error) *error = template->error;
        return template->error.status;
    }
    json_t *variables = NULL;
    struct buffer room = {0};
    heft_status status = chat_variables(engine, chat, &variables, error);
    if (status == HEFT_OK &&
        !history_apply(&template->history, json_object_get(variables, "messages")))
        status = error_set(error, HEFT_INTERNAL, "no memory for the messages");
    if (status == HEFT_OK && shielded &&
        (!shield(engine->tokenizer, json_object_get(variables, "messages"), &room) ||
         !shield(engine->tokenizer, json_object_get(variables, "tools"), &room)))
        status = error_set(error, HEFT_INTERNAL, "no memory for the messages");
    if (status == HEFT_OK)
        status = template_render(template->template, variables, NULL, out, error);
    buffer_free(&room);
    json_decref(variables);
    return status;
}

/* The texts inside of `value`, which may be NULL, at any depth. */
static bool shield(const struct tokenizer *tokenizer, json_t *value, struct buffer *room)
{
    size_t i;
    const char *key;
    json_t *item;
    bool done = true;
    json_array_foreach(value, i, item) done = done && shield(tokenizer, item, room);
    json_object_foreach(value, key, item) done = done && shield(tokenizer, item, room);
    if (!json_is_string(value) || json_string_length(value) == 0) return done;
    buffer_clear(room);
    tokenizer_shield(tokenizer, (struct slice){json_string_value(value), json_string_length(value)},
                     room);
    return !room->failed && json_string_setn(value, room->data, room->n_bytes) == 0;
}

/* A token is hardly ever less than a byte, so that one call is nearly always enough. */
static heft_status encode_rendered(const heft_engine *engine, struct slice text, int32_t **tokens,
                                   int *n_tokens, heft_error *error)
{
    if (text.n_bytes > INT32_MAX / 2) return error_set(error, HEFT_USAGE, "the chat is too long");
    for (int cap = (int)text.n_bytes + 16;; cap = *n_tokens) {
        *tokens = malloc((size_t)cap * sizeof **tokens);
        if (!*tokens) return error_set(error, HEFT_INTERNAL, "no memory for %d tokens", cap);
        *n_tokens = tokenizer_encode_shielded(engine->tokenizer, text, *tokens, cap);
        if (*n_tokens >= 0 && *n_tokens <= cap) return HEFT_OK;
        free(*tokens);
        *tokens = NULL;
        if (*n_tokens < 0) return error_set(error, HEFT_INTERNAL, "no memory for the tokens");
    }
}

static heft_status chat_variables(const heft_engine *engine, const heft_chat *chat, json_t **out,
                                  heft_error *error)
{
    json_t *messages = NULL, *tools = NULL, *extra = NULL;
    heft_status status = parse_json("messages", chat->messages_json, &messages, error);
    if (status == HEFT_OK) status = parse_json("tools", chat->tools_json, &tools, error);
    if (status == HEFT_OK)
        status = parse_json("template variables", chat->extra_json, &extra, error);
    if (status == HEFT_OK && !json_is_array(messages))
        status = error_set(error, HEFT_USAGE, "messages: an array was expected");
    if (status == HEFT_OK && extra && !json_is_object(extra))
        status = error_set(error, HEFT_USAGE, "template variables: an object was expected");
    json_t *variables = status == HEFT_OK ? json_object() : NULL;
    bool set =
        json_object_set(variables, "messages", messages) == 0 &&
        (!tools || json_object_set(variables, "tools", tools) == 0) &&
        json_object_set_new(variables, "add_generation_prompt",
                            json_boolean(chat->add_generation_prompt)) == 0 &&
        set_token(variables, "bos_token", engine->tokenizer, tokenizer_bos(engine->tokenizer)) &&
        set_token(variables, "eos_token", engine->tokenizer, tokenizer_eos(engine->tokenizer)) &&
        (!extra || json_object_update(variables, extra) == 0);
    if (status == HEFT_OK && !set)
        status = error_set(error, HEFT_INTERNAL, "no memory for the variables of the template");
    json_decref(messages);
    json_decref(tools);
    json_decref(extra);
    *out = variables;
    return status;
}

static heft_status parse_json(const char *what, const char *text, json_t **out, heft_error *error)
{
    if (!text) return HEFT_OK;
    json_error_t problem;
    *out = json_loads(text, JSON_REJECT_DUPLICATES, &problem);
    if (*out) return HEFT_OK;
    return error_set(error, HEFT_USAGE, "%s: line %d is not JSON: %s", what, problem.line,
                     problem.text);
}

/* Not set where the model has no such token, or none that is text. */
static bool set_token(json_t *variables, const char *name, const struct tokenizer *tokenizer,
                      int32_t token)
{
    struct slice text = tokenizer_piece(tokenizer, token, true);
    json_t *value = token >= 0 ? json_stringn(text.data, text.n_bytes) : NULL;
    return !value || json_object_set_new(variables, name, value) == 0;
}
