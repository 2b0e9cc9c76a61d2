#include "text/history.h"

#include <stdlib.h>
#include <string.h>

static const char probe_name[] = "heft_probe_name", probe_value[] = "heft_probe_value";

/* A template that runs longer than this on two messages is not worth asking. */
enum { PROBE_STEPS = 200000 };

static json_t *probe_variables(void);
static bool shows_call(const struct template *template, const json_t *variables);
static bool apply_to_message(const struct history *history, json_t *message);
static bool apply_to_content(const struct history *history, json_t *message, bool has_calls);
static bool apply_to_calls(const struct history *history, json_t *calls);
static json_t *as_object(const json_t *arguments);
static json_t *as_text(const json_t *arguments);
static bool apply_to_thought(json_t *message, bool has_calls);

struct history history_probe(const struct template *template)
{
    static const struct history ways[] = {
        {false, false}, {false, true}, {true, false}, {true, true}};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        json_t *variables = probe_variables();
        bool shown = variables && history_apply(&ways[i], json_object_get(variables, "messages")) &&
                     shows_call(template, variables);
        json_decref(variables);
        if (shown) return ways[i];
    }
    return ways[0];
}

bool history_apply(const struct history *history, json_t *messages)
{
    size_t i;
    json_t *message;
    bool done = true;
    json_array_foreach(messages, i, message) done = done && apply_to_message(history, message);
    return done;
}

/* The identifier is one that Mistral's templates accept. */
static json_t *probe_variables(void)
{
    return json_pack(
        "{s:s, s:s, s:b, s:[{s:s, s:s}, {s:s, s:n, s:[{s:s, s:s, s:{s:s, s:{s:s}}}]}]}",
        "bos_token", "", "eos_token", "", "add_generation_prompt", 0, "messages", "role", "user",
        "content", "?", "role", "assistant", "content", "tool_calls", "id", "abcdefghi", "type",
        "function", "function", "name", probe_name, "arguments", "key", probe_value);
}

static bool shows_call(const struct template *template, const json_t *variables)
{
    struct template_limits limits = {.steps = PROBE_STEPS};
    struct buffer out = {0};
    bool shown = template_render(template, variables, &limits, &out, NULL) == HEFT_OK && out.data &&
                 strstr(out.data, probe_name) && strstr(out.data, probe_value) &&
                 !strstr(out.data, "None");
    buffer_free(&out);
    return shown;
}

static bool apply_to_message(const struct history *history, json_t *message)
{
    const char *role = json_string_value(json_object_get(message, "role"));
    if (!role || strcmp(role, "assistant") != 0) return true;
    json_t *calls = json_object_get(message, "tool_calls");
    bool has_calls = json_array_size(calls) > 0;
    return apply_to_content(history, message, has_calls) && apply_to_calls(history, calls) &&
           apply_to_thought(message, has_calls);
}

static bool apply_to_content(const struct history *history, json_t *message, bool has_calls)
{
    json_t *content = json_object_get(message, "content");
    bool is_empty = !content || json_is_null(content) ||
                    (json_is_string(content) && json_string_length(content) == 0);
    if (!is_empty) return true;
    bool is_null = has_calls && history->null_content;
    return json_object_set_new(message, "content", is_null ? json_null() : json_string("")) == 0;
}

static bool apply_to_calls(const struct history *history, json_t *calls)
{
    size_t i;
    json_t *call;
    bool done = true;
    json_array_foreach(calls, i, call)
    {
        json_t *function = json_object_get(call, "function");
        if (!function) function = call;
        const json_t *arguments = json_object_get(function, "arguments");
        json_t *wanted = history->text_arguments ? as_text(arguments) : as_object(arguments);
        if (wanted) done = done && json_object_set_new(function, "arguments", wanted) == 0;
    }
    return done;
}

/* NULL if there is nothing to change. */
static json_t *as_object(const json_t *arguments)
{
    const char *text = json_string_value(arguments);
    json_t *object = text ? json_loadb(text, json_string_length(arguments), 0, NULL) : NULL;
    if (json_is_object(object)) return object;
    json_decref(object);
    return NULL;
}

static json_t *as_text(const json_t *arguments)
{
    char *text = json_is_object(arguments) ? json_dumps(arguments, 0) : NULL;
    json_t *string = text ? json_string(text) : NULL;
    free(text);
    return string;
}

/* The template of gpt-oss has "thinking", and refuses it beside content and a tool call. */
static bool apply_to_thought(json_t *message, bool has_calls)
{
    static const char *const names[] = {"reasoning_content", "reasoning", "thinking"};
    json_t *thought = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !thought; i++) {
        json_t *value = json_object_get(message, names[i]);
        if (json_is_string(value) && json_string_length(value)) thought = value;
    }
    if (!thought) return true;
    json_incref(thought); /* it may be set in place of itself */
    bool has_content = json_string_length(json_object_get(message, "content")) > 0;
    bool done = json_object_set(message, names[0], thought) == 0;
    if (has_content && has_calls)
        json_object_del(message, "thinking");
    else
        done = done && json_object_set(message, "thinking", thought) == 0;
    json_decref(thought);
    return done;
}
