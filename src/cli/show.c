/* heft show: what a model file holds, from its header alone. */
#include "cli/show.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/settings.h"
#include "cli/terminal.h"
#include "cli/visible.h"

enum { TEMPLATE_LINES = 8, LINE_MOST = 400, BAR_MOST = 40, BAR_LEAST = 10 };

static heft_status run(const struct command *self, int argc, char **argv, heft_error *error);
static void ask_engine(struct show *show);
static void print_all(const struct show *show);
static void print_description(const struct show *show);
static void print_parameters(uint64_t n);
static void print_fact(const char *name, int64_t value);
static void print_tokenizer(const struct show *show);
static void print_token(const struct show *show, const char *name, const char *key);
static void print_metadata(const struct show *show);
static void print_types(const struct show *show);
static void print_groups(const struct show *show);
static void print_tensors(const struct show *show);
static void print_template(const struct show *show);

static const struct option show_options[] = {
    {"--tensors", OPTION_FLAG, offsetof(struct show, list_tensors), NULL, "list all tensors", 0, 0,
     NULL},
    {"--template", OPTION_FLAG, offsetof(struct show, only_template), NULL,
     "print the chat template and nothing else", 0, 0, NULL},
    {"--json", OPTION_FLAG, offsetof(struct show, json), NULL, "print JSON", 0, 0, NULL},
};

const struct command command_show = {
    .name = "show",
    .usage = "[options] [MODEL]",
    .summary = "describe a model file",
    .details =
        "Describes a model file from its header: sizes, settings, tokenizer, chat template, and\n"
        "where the bytes are. Files that heft cannot run are described too.",
    .examples = "  heft show model.gguf\n"
                "  heft show --tensors model-00001-of-00005.gguf\n"
                "  heft show --template model.gguf > template.jinja\n"
                "  heft show --json model.gguf | jq .tensor_types\n",
    .run = run,
};

static heft_status run(const struct command *self, int argc, char **argv, heft_error *error)
{
    struct show show = {0};
    const struct option_group groups[] = {
        OPTION_GROUP("Options", show_options, &show),
        {"Model", model_options, n_model_options, &show.options},
    };
    struct words words;
    heft_status status = command_parse(self, groups, 2, argc, argv, &words, error);
    if (status != HEFT_OK || words.help) return status;
    if (words.n_items > 1 || (words.n_items == 1 && show.options.model))
        return error_set(error, HEFT_USAGE, "show takes one model");
    if (words.n_items == 1) show.options.model = words.items[0];

    char room[4400];
    status = settings_model(&show.options.model, room, sizeof room, error);
    if (status == HEFT_OK) status = gguf_open(show.options.model, &show.file, error);
    if (status != HEFT_OK) return status;
    show.survey = survey_take(show.file);
    show.template = gguf_find(show.file, "tokenizer.chat_template");
    if (show.template && show.template->type != GGUF_STRING) show.template = NULL;
    ask_engine(&show);
    if (show.json) {
        status = show_json(&show, error);
    } else if (!show.only_template) {
        print_all(&show);
    } else if (show.template) {
        visible_text(show.template->text.data, show.template->text.n_bytes, stdout);
    } else {
        status = error_set(error, HEFT_BAD_FILE, "%s: there is no chat template in it",
                           show.options.model);
    }
    gguf_close(show.file);
    return status;
}

/* Whether the engine would take the file, and what its key-value cache costs. */
static void ask_engine(struct show *show)
{
    enum { N_CTX = 1024 };
    heft_options options = heft_options_default();
    options.model = show->options.model;
    options.n_ctx = N_CTX;
    options.n_sessions = 1;
    heft_memory memory;
    show->runs = heft_engine_measure(&options, &memory, &show->reason) == HEFT_OK;
    show->kv_token_bytes = show->runs ? memory.kv / N_CTX : 0;
}

static void print_all(const struct show *show)
{
    print_description(show);
    print_tokenizer(show);
    print_types(show);
    print_groups(show);
    print_metadata(show);
    if (show->template) print_template(show);
    if (show->list_tensors) print_tensors(show);
}

static void print_description(const struct show *show)
{
    struct buffer text = {0};
    char size[16];
    const struct gguf *file = show->file;
    const struct gguf_value *name = gguf_find(file, "general.name");
    const struct gguf_value *architecture = gguf_find(file, "general.architecture");
    if (name) survey_value(name, &text);
    visible_print(stdout, "%-20s %s\n", "name", text.data ? text.data : "");
    buffer_clear(&text);
    if (architecture) survey_value(architecture, &text);
    visible_print(stdout, "%-20s %s\n", "architecture", text.data ? text.data : "");
    buffer_free(&text);
    print_parameters(show->survey.all.n_values);
    print_fact("layers", survey_fact(file, "block_count"));
    print_fact("width", survey_fact(file, "embedding_length"));
    print_fact("heads", survey_fact(file, "attention.head_count"));
    print_fact("key-value heads", survey_fact(file, "attention.head_count_kv"));
    print_fact("experts", survey_fact(file, "expert_count"));
    print_fact("experts a token", survey_fact(file, "expert_used_count"));
    print_fact("trained context", survey_fact(file, "context_length"));
    visible_print(stdout, "%-20s GGUF version %d, %s\n", "file", gguf_version(file),
                  output_bytes(size, gguf_bytes(file)));
    for (int i = 0; i < gguf_n_parts(file) && gguf_n_parts(file) > 1; i++)
        visible_print(stdout, "%-20s %s, %s\n", i ? "" : "parts", gguf_part_path(file, i),
                      output_bytes(size, gguf_part_bytes(file, i)));
    if (show->runs)
        visible_print(stdout, "%-20s %s a token (f16)\n", "key-value cache",
                      output_bytes(size, show->kv_token_bytes));
    else
        visible_print(stdout, "%-20s no: %s\n", "runs here", show->reason.message);
}

static void print_parameters(uint64_t n)
{
    double n_millions = (double)n * 1e-6;
    if (n == 0)
        visible_print(stdout, "%-20s none: a vocabulary only\n", "parameters");
    else if (n_millions < 1000)
        visible_print(stdout, "%-20s %.2f million\n", "parameters", n_millions);
    else
        visible_print(stdout, "%-20s %.2f billion\n", "parameters", n_millions / 1000);
}

static void print_fact(const char *name, int64_t value)
{
    if (value > 0) visible_print(stdout, "%-20s %" PRId64 "\n", name, value);
}

static void print_tokenizer(const struct show *show)
{
    struct buffer text = {0};
    const struct gguf_value *model = gguf_find(show->file, "tokenizer.ggml.model");
    const struct gguf_value *pre = gguf_find(show->file, "tokenizer.ggml.pre");
    const struct gguf_value *tokens = gguf_find(show->file, "tokenizer.ggml.tokens");
    if (!model) return;
    survey_value(model, &text);
    if (pre) {
        buffer_text(&text, ", ");
        survey_value(pre, &text);
    }
    if (tokens) buffer_format(&text, ", %" PRIu64 " tokens", tokens->n);
    visible_print(stdout, "\n%-20s %s\n", "tokenizer", text.data ? text.data : "");
    buffer_free(&text);
    for (int i = 0; i < SURVEY_SPECIALS; i++)
        print_token(show, survey_specials[i].name, survey_specials[i].key);
}

static void print_token(const struct show *show, const char *name, const char *key)
{
    struct buffer text = {0};
    int64_t id;
    struct slice token;
    if (!survey_special(show->file, key, &id, &token)) return;
    survey_text(token, LINE_MOST, &text);
    visible_print(stdout, "  %-18s %" PRId64 " %s\n", name, id, text.data ? text.data : "");
    buffer_free(&text);
}

static void print_metadata(const struct show *show)
{
    struct buffer text = {0};
    visible_print(stdout, "\nmetadata\n");
    for (int i = 0; i < gguf_n_values(show->file); i++) {
        const struct gguf_value *value = gguf_value(show->file, i);
        buffer_clear(&text);
        survey_value(value, &text);
        visible_print(stdout, "  %-44s %s\n", value->key, text.data ? text.data : "");
    }
    buffer_free(&text);
}

static void print_types(const struct show *show)
{
    char size[16];
    const struct survey *survey = &show->survey;
    if (survey->all.n_tensors == 0) return;
    visible_print(stdout, "\n%-20s %8s %12s %14s\n", "tensors by type", "number", "bytes",
                  "bits a value");
    for (int i = 0; i < DTYPE_LIMIT; i++) {
        const struct survey_sum *sum = &survey->types[i];
        if (sum->n_tensors == 0) continue;
        visible_print(stdout, "  %-18s %8d %12s %14.2f\n", dtype_name((enum dtype)i),
                      sum->n_tensors, output_bytes(size, sum->n_bytes),
                      8.0 * (double)sum->n_bytes / (double)sum->n_values);
    }
    visible_print(stdout, "  %-18s %8d %12s %14.2f\n", "all", survey->all.n_tensors,
                  output_bytes(size, survey->all.n_bytes),
                  8.0 * (double)survey->all.n_bytes / (double)survey->all.n_values);
}

static void print_groups(const struct show *show)
{
    char size[16];
    const struct survey *survey = &show->survey;
    if (survey->all.n_bytes == 0) return;
    int width = terminal_width() - 45;
    if (width > BAR_MOST) width = BAR_MOST;
    if (width < BAR_LEAST) width = BAR_LEAST;
    visible_print(stdout, "\nwhere the bytes are\n");
    for (int i = 0; i < SURVEY_GROUPS; i++) {
        const struct survey_sum *sum = &survey->groups[i];
        if (sum->n_tensors == 0) continue;
        double share = (double)sum->n_bytes / (double)survey->all.n_bytes;
        int n = (int)(share * width + 0.5);
        visible_print(stdout, "  %-18s %8d %12s %5.1f %% ", survey_group_name((enum survey_group)i),
                      sum->n_tensors, output_bytes(size, sum->n_bytes), 100 * share);
        for (int j = 0; j < n; j++) putchar('#');
        putchar('\n');
    }
}

static void print_tensors(const struct show *show)
{
    char size[16];
    struct buffer name = {0};
    visible_print(stdout, "\ntensors\n");
    for (int i = 0; i < gguf_n_tensors(show->file); i++) {
        const struct tensor *tensor = gguf_tensor(show->file, i);
        buffer_clear(&name);
        survey_text(slice_of(tensor->name), LINE_MOST, &name);
        visible_print(stdout, "  %-40s %-8s %12s  ", name.data ? name.data : "",
                      dtype_name(tensor->dtype), output_bytes(size, tensor->n_bytes));
        for (int j = 0; j < tensor->n_dims; j++)
            visible_print(stdout, "%s%" PRId64, j ? " x " : "", tensor->dims[j]);
        putchar('\n');
    }
    buffer_free(&name);
}

static void print_template(const struct show *show)
{
    struct slice rest = show->template->text;
    struct buffer text = {0};
    visible_print(stdout, "\nchat template (%zu bytes; --template prints it)\n", rest.n_bytes);
    for (int i = 0; i < TEMPLATE_LINES && rest.n_bytes > 0; i++) {
        const char *end = memchr(rest.data, '\n', rest.n_bytes);
        size_t n = end ? (size_t)(end - rest.data) : rest.n_bytes;
        buffer_clear(&text);
        survey_text((struct slice){rest.data, n}, (size_t)terminal_width() - 6, &text);
        visible_print(stdout, "  %s\n", text.data ? text.data : "");
        size_t n_line = end ? n + 1 : n;
        rest = (struct slice){rest.data + n_line, rest.n_bytes - n_line};
    }
    buffer_free(&text);
}
