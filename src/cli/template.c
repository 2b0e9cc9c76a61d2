/* heft template: what a chat template makes of a conversation. */
#include "text/template.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "cli/command.h"
#include "cli/model_word.h"
#include "cli/output.h"
#include "cli/settings.h"
#include "cli/visible.h"
#include "format/gguf.h"
#include "text/history.h"

enum { FILE_BYTES_MOST = 64 << 20 };

struct rendering {
    heft_options options; /* only `model` is used */
    const char *file;
    bool no_generation_prompt;
    struct text_list sets;

    struct gguf *model; /* NULL: only a template file is given */
    char *source;       /* of the template file, or NULL */
    json_t *variables;
};

static heft_status run(const struct command *self, int argc, char **argv, heft_error *error);
static heft_status render(struct rendering *rendering, const char *conversation, heft_error *error);
static heft_status find_template(struct rendering *rendering, struct slice *source,
                                 heft_error *error);
static heft_status load_variables(struct rendering *rendering, const char *path, heft_error *error);
static void add_token(const struct rendering *rendering, const char *variable, const char *key);
static heft_status apply_set(json_t *variables, const char *text, heft_error *error);

static const struct option template_options[] = {
    {"--file", OPTION_TEXT, offsetof(struct rendering, file), "T.jinja",
     "this template instead of the one in the model", 0, 0, NULL},
    {"--no-generation-prompt", OPTION_FLAG, offsetof(struct rendering, no_generation_prompt), NULL,
     "end with the last message", 0, 0, NULL},
    {"--set", OPTION_LIST, offsetof(struct rendering, sets), "NAME=JSON",
     "one more variable, as in --set enable_thinking=false\n(repeatable)", 0, 0, NULL},
};

const struct command command_template = {
    .name = "template",
    .usage = "-m MODEL|--file T.jinja [options] CONVERSATION.json",
    .summary = "show the prompt that a chat template makes",
    .details =
        "Prints the prompt that the chat template makes of a conversation: an array of messages,\n"
        "or an object with \"messages\", \"tools\" and other variables of the template. \"-\" "
        "reads\n"
        "it from standard input.",
    .examples =
        "  heft template -m model.gguf chat.json\n"
        "  echo '[{\"role\": \"user\", \"content\": \"Hi\"}]' | heft template -m model.gguf -\n"
        "  heft template --file new.jinja --set 'bos_token=\"<s>\"' chat.json\n",
    .run = run,
};

static heft_status run(const struct command *self, int argc, char **argv, heft_error *error)
{
    struct rendering rendering = {.options = heft_options_default()};
    const struct option_group groups[] = {
        OPTION_GROUP("Options", template_options, &rendering),
        {"Model", model_options, n_model_options, &rendering.options},
    };
    struct words words;
    heft_status status = command_parse(self, groups, 2, argc, argv, &words, error);
    if (status != HEFT_OK || words.help) return status;
    /* The last word is the conversation, which may be a path too. */
    if (words.n_items == 2) model_word_take(&rendering.options.model, &words);
    if (words.n_items != 1)
        return error_set(error, HEFT_USAGE,
                         "template needs one conversation: CONVERSATION.json or -");

    char room[4400];
    if (!rendering.file)
        status = settings_model(&rendering.options.model, room, sizeof room, error);
    if (status == HEFT_OK && rendering.options.model)
        status = gguf_open(rendering.options.model, &rendering.model, error);
    if (status == HEFT_OK) status = render(&rendering, words.items[0], error);
    json_decref(rendering.variables);
    free(rendering.source);
    gguf_close(rendering.model);
    return status;
}

static heft_status render(struct rendering *rendering, const char *conversation, heft_error *error)
{
    struct slice source;
    struct template *template;
    struct buffer prompt = {0};
    heft_status status = load_variables(rendering, conversation, error);
    if (status == HEFT_OK) status = find_template(rendering, &source, error);
    if (status == HEFT_OK) status = template_parse(source.data, source.n_bytes, &template, error);
    if (status != HEFT_OK) return status;
    struct history history = history_probe(template);
    if (history_apply(&history, json_object_get(rendering->variables, "messages")))
        status = template_render(template, rendering->variables, NULL, &prompt, error);
    else
        status = error_set(error, HEFT_INTERNAL, "no memory for the messages");
    if (status == HEFT_OK) visible_text(prompt.data, prompt.n_bytes, stdout);
    buffer_free(&prompt);
    template_free(template);
    return status;
}

static heft_status find_template(struct rendering *rendering, struct slice *source,
                                 heft_error *error)
{
    if (rendering->file) {
        heft_status status = file_read(rendering->file, FILE_BYTES_MOST, &rendering->source,
                                       &source->n_bytes, error);
        source->data = rendering->source;
        return status;
    }
    const struct gguf_value *value = NULL;
    if (json_array_size(json_object_get(rendering->variables, "tools")))
        value = gguf_find(rendering->model, "tokenizer.chat_template.tool_use");
    if (!value) value = gguf_find(rendering->model, "tokenizer.chat_template");
    if (!value || value->type != GGUF_STRING)
        return error_set(error, HEFT_BAD_FILE, "%s: there is no chat template in it",
                         rendering->options.model);
    *source = value->text;
    return HEFT_OK;
}

static heft_status load_variables(struct rendering *rendering, const char *path, heft_error *error)
{
    char *text;
    size_t n_bytes;
    heft_status status = file_read(path, FILE_BYTES_MOST, &text, &n_bytes, error);
    if (status != HEFT_OK) return status;
    json_error_t reason;
    json_t *value = json_loadb(text, n_bytes, 0, &reason);
    free(text);
    if (!value)
        return error_set(error, HEFT_BAD_FILE, "%s: line %d: %s", path, reason.line, reason.text);
    if (json_is_array(value)) value = json_pack("{s:o}", "messages", value);
    rendering->variables = value;
    if (!json_is_array(json_object_get(value, "messages")))
        return error_set(error, HEFT_BAD_FILE, "%s: there are no \"messages\" in it", path);

    add_token(rendering, "bos_token", "tokenizer.ggml.bos_token_id");
    add_token(rendering, "eos_token", "tokenizer.ggml.eos_token_id");
    if (rendering->no_generation_prompt || !json_object_get(value, "add_generation_prompt"))
        json_object_set_new(value, "add_generation_prompt",
                            json_boolean(!rendering->no_generation_prompt));
    for (int i = 0; i < rendering->sets.n_items && status == HEFT_OK; i++)
        status = apply_set(value, rendering->sets.items[i], error);
    return status;
}

/* The text of a special token of the model, unless the conversation brings its own. */
static void add_token(const struct rendering *rendering, const char *variable, const char *key)
{
    if (json_object_get(rendering->variables, variable)) return;
    struct slice text = slice_of("");
    if (rendering->model) {
        const struct gguf_value *id = gguf_find(rendering->model, key);
        const struct gguf_value *tokens = gguf_find(rendering->model, "tokenizer.ggml.tokens");
        int64_t index;
        bool named = id && gguf_value_int(id, &index) && index >= 0 && tokens && tokens->texts &&
                     (uint64_t)index < tokens->n;
        if (named) text = tokens->texts[index];
    }
    json_object_set_new(rendering->variables, variable, output_text(text.data, text.n_bytes));
}

static heft_status apply_set(json_t *variables, const char *text, heft_error *error)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text)
        return error_set(error, HEFT_USAGE, "--set needs NAME=JSON, not \"%s\"", text);
    json_error_t reason;
    json_t *value = json_loads(equals + 1, JSON_DECODE_ANY, &reason);
    if (!value)
        return error_set(error, HEFT_USAGE, "--set %s: this is not JSON: %s (a text needs quotes)",
                         text, reason.text);
    char *name = strndup(text, (size_t)(equals - text));
    int failed = name ? json_object_set_new(variables, name, value) : -1;
    free(name);
    return failed ? error_set(error, HEFT_USAGE, "--set %s: the name is not UTF-8", text) : HEFT_OK;
}
