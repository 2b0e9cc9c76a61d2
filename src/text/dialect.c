#include "text/dialect.h"

#include "text/tokenizer.h"

#define BAR             "\uFF5C"
#define LOW             "\u2581"
#define DSML            BAR "DSML" BAR
#define DEEPSEEK(words) "<" BAR words BAR ">"

static bool in_template(const struct dialect *dialect, struct slice source);
static bool in_vocabulary(const struct dialect *dialect, const struct tokenizer *tokenizer);
static bool is_special(const struct tokenizer *tokenizer, const char *text);
static bool contains(struct slice text, struct slice part);

/* Those with more clues come before those whose clues are among them. */
static const struct dialect dialects[] = {
    {.name = "harmony", /* gpt-oss */
     .channels = true,
     .hidden = {"<|start|>", "<|channel|>", "<|constrain|>", "<|message|>", "<|end|>", "<|call|>",
                "<|return|>"},
     .clues = {"<|channel|>", "<|message|>"},
     .tokens = {"<|channel|>", "<|message|>"}},
    {.name = "kimi-k2",
     .thought_begin = "<think>",
     .thought_end = "</think>",
     .calls_begin = "<|tool_calls_section_begin|>",
     .call =
         "<|tool_call_begin|>\n{id}<|tool_call_argument_begin|>\n{arguments}\n<|tool_call_end|>",
     .calls_end = "<|tool_calls_section_end|>",
     .calls_begin_too = "<|tool_call_section_begin|>",
     .calls_end_too = "<|tool_call_section_end|>",
     .ends_thought = true,
     .clues = {"<|tool_calls_section_begin|>"},
     .tokens = {"<|tool_calls_section_begin|>"}},
    {.name = "deepseek-v3", /* and R1 */
     .thought_begin = "<think>",
     .thought_end = "</think>",
     .calls_begin = DEEPSEEK("tool" LOW "calls" LOW "begin"),
     .call = DEEPSEEK("tool" LOW "call" LOW "begin") "{kind}" DEEPSEEK(
         "tool" LOW
         "sep") "{name}```json\n{arguments}\n```\n" DEEPSEEK("tool" LOW "call" LOW "end"),
     .calls_end = DEEPSEEK("tool" LOW "calls" LOW "end"),
     .ends_thought = true,
     .clues = {DEEPSEEK("tool" LOW "calls" LOW "begin"), "```json"},
     .tokens = {DEEPSEEK("tool" LOW "calls" LOW "begin")}},
    {.name = "deepseek-v3.1",
     .thought_begin = "<think>",
     .thought_end = "</think>",
     .calls_begin = DEEPSEEK("tool" LOW "calls" LOW "begin"),
     .call = DEEPSEEK("tool" LOW "call" LOW "begin") "{name}" DEEPSEEK(
         "tool" LOW "sep") "\n{arguments}\n" DEEPSEEK("tool" LOW "call" LOW "end"),
     .calls_end = DEEPSEEK("tool" LOW "calls" LOW "end"),
     .ends_thought = true,
     .clues = {DEEPSEEK("tool" LOW "calls" LOW "begin")}},
    {.name = "deepseek-v3.2",
     .thought_begin = "<think>",
     .thought_end = "</think>",
     .calls_begin = "<" DSML "function_calls>",
     .call = "<" DSML "invoke name=\"{name}\">\n{parameters}\n</" DSML "invoke>",
     .parameter = "<" DSML "parameter name=\"{key}\" string=\"{kind}\">{value}</" DSML "parameter>",
     .calls_end = "</" DSML "function_calls>",
     .ends_thought = true,
     .clues = {DSML, "function_calls"}},
    {.name = "minimax-m2",
     .thought_begin = "<think>",
     .thought_end = "</think>",
     .calls_begin = "<minimax:tool_call>",
     .call = "<invoke name=\"{name}\">\n{parameters}\n</invoke>",
     .parameter = "<parameter name=\"{key}\">{value}</parameter>",
     .calls_end = "</minimax:tool_call>",
     .ends_thought = true,
     .clues = {"<minimax:tool_call>"},
     .tokens = {"<minimax:tool_call>"}},
    {.name = "qwen3-coder", /* and Qwen3.5 */
     .thought_begin = "<think>",
     .thought_end = "</think>",
     .calls_begin = "<tool_call>",
     .call = "<function={name}>\n{parameters}\n</function>",
     .parameter = "<parameter={key}>{value}</parameter>",
     .calls_end = "</tool_call>",
     .value_on_lines = true,
     .ends_thought = true,
     .clues = {"<tool_call>", "<function=", "<parameter="}},
    {.name = "glm-4.5", /* and later */
     .thought_begin = "<think>",
     .thought_end = "</think>",
     .call = "<tool_call>{name}\n{parameters}\n</tool_call>",
     .parameter = "<arg_key>{key}</arg_key>\n<arg_value>{value}</arg_value>",
     .ends_thought = true,
     .clues = {"<tool_call>", "<arg_key>"},
     .tokens = {"<tool_call>", "<arg_key>"}},
    {.name = "hermes", /* Qwen2.5, Qwen3, Hermes */
     .thought_begin = "<think>",
     .thought_end = "</think>",
     .call = "<tool_call>\n{call}\n</tool_call>",
     .tails = {"}</tool_call>", "}\n</tool_call>"},
     .ends_thought = true,
     .clues = {"<tool_call>"},
     .tokens = {"<tool_call>"}},
    {.name = "mistral-v11",
     .thought_begin = "[THINK]",
     .thought_end = "[/THINK]",
     .call = "[TOOL_CALLS]{name}[ARGS]\n{arguments}",
     .ends_thought = true,
     .clues = {"[TOOL_CALLS]", "[ARGS]"},
     .tokens = {"[TOOL_CALLS]", "[ARGS]"}},
    {.name = "mistral-v3", /* Mixtral 8x22B Instruct */
     .call = "[TOOL_CALLS]\n{calls}",
     .clues = {"[TOOL_CALLS]"},
     .tokens = {"[TOOL_CALLS]"}},
    {.name = "command-a", /* Command R7B and later */
     .thought_begin = "<|START_THINKING|>",
     .thought_end = "<|END_THINKING|>",
     .call = "<|START_ACTION|>\n{calls}\n<|END_ACTION|>",
     .hidden = {"<|START_RESPONSE|>", "<|END_RESPONSE|>"},
     .ends_thought = true,
     .clues = {"<|START_ACTION|>"},
     .tokens = {"<|START_ACTION|>"}},
    {.name = "command-r", /* Command R and R+ */
     .call = "Action:\n```json\n{calls}\n```",
     .plain = true,
     .clues = {"<|CHATBOT_TOKEN|>"},
     .tokens = {"<|CHATBOT_TOKEN|>"}},
    {.name = "llama-3.1",
     .call = "<|python_tag|>{python}\n;",
     .bare = true,
     .clues = {"<|python_tag|>"},
     .tokens = {"<|python_tag|>"}},
    {.name = "think", .thought_begin = "<think>", .thought_end = "</think>"}, /* R1's distillates */
    {.name = "none"},
};
enum { N_DIALECTS = sizeof dialects / sizeof *dialects };

const struct dialect *dialect_find(const char *name)
{
    for (int i = 0; i < N_DIALECTS; i++)
        if (strcmp(dialects[i].name, name) == 0) return &dialects[i];
    return NULL;
}

const struct dialect *dialect_at(int index)
{
    return index >= 0 && index < N_DIALECTS ? &dialects[index] : NULL;
}

/* A vocabulary may be shared by models that do not think and those that a template makes think. */
const struct dialect *dialect_guess(struct slice template_source, const struct tokenizer *tokenizer)
{
    bool thinks = contains(template_source, slice_of("<think>"));
    for (int i = 0; i < N_DIALECTS; i++)
        if (in_template(&dialects[i], template_source)) return &dialects[i];
    for (int i = 0; i < N_DIALECTS; i++)
        if (in_vocabulary(&dialects[i], tokenizer) && (dialects[i].thought_begin || !thinks))
            return &dialects[i];
    return dialect_find(thinks || is_special(tokenizer, "<think>") ? "think" : "none");
}

bool dialect_has_mark(const struct dialect *dialect, struct slice text)
{
    const char *const texts[] = {
        dialect->thought_begin,   dialect->thought_end,  dialect->calls_begin,
        dialect->calls_end,       dialect->call,         dialect->parameter,
        dialect->calls_begin_too, dialect->calls_end_too};
    if (text.n_bytes == 0) return false;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i] && contains(slice_of(texts[i]), text)) return true;
    for (int i = 0; i < DIALECT_HIDDEN && dialect->hidden[i]; i++)
        if (slice_is(text, dialect->hidden[i])) return true;
    return false;
}

static bool in_template(const struct dialect *dialect, struct slice source)
{
    for (int i = 0; i < DIALECT_CLUES && dialect->clues[i]; i++)
        if (!contains(source, slice_of(dialect->clues[i]))) return false;
    return dialect->clues[0] != NULL;
}

static bool in_vocabulary(const struct dialect *dialect, const struct tokenizer *tokenizer)
{
    for (int i = 0; i < DIALECT_CLUES && dialect->tokens[i]; i++)
        if (!is_special(tokenizer, dialect->tokens[i])) return false;
    return dialect->tokens[0] != NULL;
}

static bool is_special(const struct tokenizer *tokenizer, const char *text)
{
    enum token_type type = tokenizer_type(tokenizer, tokenizer_find(tokenizer, slice_of(text)));
    return type == TOKEN_CONTROL || type == TOKEN_USER_DEFINED;
}

static bool contains(struct slice text, struct slice part)
{
    return text.n_bytes && memmem(text.data, text.n_bytes, part.data, part.n_bytes) != NULL;
}
