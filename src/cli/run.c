/* heft run: one prompt, one answer. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file.h"
#include "cli/command.h"
#include "cli/conversation.h"
#include "cli/generation.h"
#include "cli/output.h"
#include "cli/terminal.h"

enum { PROMPT_BYTES_MOST = 256 << 20, LOGPROBS_MOST = 100 };

struct run {
    struct generation generation;
    const char *prompt, *file;
    bool raw, json;
    bool continues; /* the answer goes on with the prompt: raw, or the model has no template */
    int n_logprobs;
};

static heft_status run(const struct command *self, int argc, char **argv, heft_error *error);
static heft_status check(const struct run *run, heft_error *error);
static heft_status find_prompt(const struct run *run, const struct words *words,
                               struct buffer *prompt, heft_error *error);
static heft_status read_into(const char *path, struct buffer *prompt, heft_error *error);
static heft_status answer(struct run *run, const struct buffer *prompt, heft_error *error);
static heft_status encode_prompt(struct run *run, const struct buffer *prompt, int32_t **tokens,
                                 int *n_tokens, heft_error *error);
static heft_status report(const struct run *run, struct answer *answer, heft_error *error);
static heft_status report_json(const struct run *run, struct answer *answer, heft_error *error);
static const char *finish_reason(const struct answer *answer);

static const struct option prompt_options[] = {
    {"-p --prompt", OPTION_TEXT, offsetof(struct run, prompt), "TEXT", "the prompt", 0, 0, NULL},
    {"-f --file", OPTION_TEXT, offsetof(struct run, file), "FILE", "the prompt is in this file", 0,
     0, NULL},
    {"--raw", OPTION_FLAG, offsetof(struct run, raw), NULL,
     "the bare prompt, without the chat template of the model", 0, 0, NULL},
    {"--json", OPTION_FLAG, offsetof(struct run, json), NULL,
     "one JSON object at the end instead of text as it comes", 0, 0, NULL},
    {"--logprobs", OPTION_INT, offsetof(struct run, n_logprobs), "N",
     "with --json: log-probabilities of each token and of the N best", 0, LOGPROBS_MOST, NULL},
};

const struct command command_run = {
    .name = "run",
    .usage = "[options] [MODEL.gguf] [PROMPT|-]",
    .summary = "answer one prompt",
    .details =
        "Answers one prompt and ends. The prompt is what stands on the command line, \"-\" or\n"
        "nothing for standard input. The answer goes to standard output as it comes, all else\n"
        "to standard error. A first word that is or looks like a model is the model, not a\n"
        "prompt (-p takes any prompt). Ctrl-C ends the answer (exit status 130).",
    .examples = "  heft run \"Why is the sky blue?\"\n"
                "  heft run -m model.gguf -n 200 --temp 0 -f question.txt\n"
                "  git diff | heft run -sys \"Write a commit message\" -\n"
                "  heft run --raw --json --logprobs 5 -n 1 \"The capital of France is\"\n",
    .run = run,
};

static heft_status run(const struct command *self, int argc, char **argv, heft_error *error)
{
    struct run run = {.generation = generation_default(), .n_logprobs = -1};
    struct option_group groups[1 + GENERATION_GROUPS] = {
        OPTION_GROUP("Prompt", prompt_options, &run)};
    generation_groups(&run.generation, groups + 1);
    struct words words;
    heft_status status =
        command_parse(self, groups, 1 + GENERATION_GROUPS, argc, argv, &words, error);
    if (status != HEFT_OK || words.help) return status;

    generation_take_model(&run.generation, &words);
    struct buffer prompt = {.limit = PROMPT_BYTES_MOST};
    status = check(&run, error);
    if (status == HEFT_OK) status = find_prompt(&run, &words, &prompt, error);
    if (status == HEFT_OK && prompt.n_bytes == 0)
        status = error_set(error, HEFT_USAGE, "the prompt is empty");
    if (status == HEFT_OK) status = generation_open(&run.generation, error);
    if (status == HEFT_OK) status = answer(&run, &prompt, error);
    generation_close(&run.generation);
    buffer_free(&prompt);
    return status;
}

static heft_status check(const struct run *run, heft_error *error)
{
    if (run->n_logprobs >= 0 && !run->json)
        return error_set(error, HEFT_USAGE, "--logprobs are printed with --json only");
    if (run->raw && run->generation.system)
        return error_set(error, HEFT_USAGE, "--raw has no place for a system message");
    if (run->raw && run->generation.tools_path)
        return error_set(error, HEFT_USAGE, "--raw has no place for tools");
    return HEFT_OK;
}

static heft_status find_prompt(const struct run *run, const struct words *words,
                               struct buffer *prompt, heft_error *error)
{
    int n_sources = (run->prompt != NULL) + (run->file != NULL) + (words->n_items > 0);
    if (n_sources > 1)
        return error_set(error, HEFT_USAGE,
                         "the prompt is given twice: use one of -p, -f and PROMPT");
    if (run->file) return read_into(run->file, prompt, error);
    bool dash = words->n_items == 1 && strcmp(words->items[0], "-") == 0;
    if (dash || (n_sources == 0 && !terminal_is(STDIN_FILENO)))
        return read_into("-", prompt, error);
    if (n_sources == 0)
        return error_set(error, HEFT_USAGE,
                         "a prompt is missing: heft run \"Hello\", or `heft chat` to talk");
    buffer_text(prompt, run->prompt ? run->prompt : words->items[0]);
    for (int i = 1; i < words->n_items; i++) buffer_format(prompt, " %s", words->items[i]);
    if (prompt->failed) return error_set(error, HEFT_USAGE, "the prompt is too long");
    return HEFT_OK;
}

static heft_status read_into(const char *path, struct buffer *prompt, heft_error *error)
{
    char *text;
    size_t n_bytes;
    heft_status status = file_read(path, PROMPT_BYTES_MOST, &text, &n_bytes, error);
    if (status != HEFT_OK) return status;
    if (n_bytes > 0 && text[n_bytes - 1] == '\n')
        n_bytes--; /* the end of the file, not of the prompt */
    buffer_append(prompt, text, n_bytes);
    free(text);
    if (prompt->failed) return error_set(error, HEFT_INTERNAL, "no memory for the prompt");
    return HEFT_OK;
}

static heft_status answer(struct run *run, const struct buffer *prompt, heft_error *error)
{
    int32_t *tokens;
    int n_tokens;
    heft_status status = encode_prompt(run, prompt, &tokens, &n_tokens, error);
    if (status != HEFT_OK) return status;
    struct answer_request request = generation_request(&run->generation, tokens, n_tokens);
    request.n_logprobs = run->n_logprobs;
    request.continues = run->continues;
    if (run->json) request.stream = request.thoughts = NULL;
    if (run->raw && !request.dialect) request.dialect = "none";
    struct answer answer;
    status = answer_run(&request, &answer, error);
    if (status == HEFT_OK) status = report(run, &answer, error);
    answer_free(&answer);
    free(tokens);
    return status;
}

static heft_status encode_prompt(struct run *run, const struct buffer *prompt, int32_t **tokens,
                                 int *n_tokens, heft_error *error)
{
    struct generation *generation = &run->generation;
    bool raw = run->raw;
    if (!raw && !generation->info.chat_template) {
        if (generation->system)
            return error_set(error, HEFT_USAGE,
                             "the model has no chat template and so no place for a system message");
        if (!generation->quiet)
            fputs("the model has no chat template: it gets the bare prompt\n", stderr);
        raw = true;
    }
    run->continues = raw;
    if (raw)
        return encode_text(generation->engine, prompt->data, prompt->n_bytes,
                           HEFT_ADD_BOS | HEFT_PARSE_SPECIAL, tokens, n_tokens, error);
    struct conversation conversation;
    struct conversation_terms terms = generation_terms(generation);
    heft_status status = conversation_create(&conversation, error);
    if (status != HEFT_OK) return status;
    if (generation->system)
        status = conversation_set_system(&conversation, generation->system, error);
    if (status == HEFT_OK)
        status = conversation_add(&conversation, "user", prompt->data, prompt->n_bytes, error);
    if (status == HEFT_OK)
        status =
            conversation_encode(&conversation, generation->engine, &terms, tokens, n_tokens, error);
    conversation_free(&conversation);
    return status;
}

static heft_status report(const struct run *run, struct answer *answer, heft_error *error)
{
    heft_status status = HEFT_OK;
    if (run->json)
        status = report_json(run, answer, error);
    else
        putchar('\n');
    fflush(stdout);
    if (!run->generation.quiet) {
        if (answer->end == ANSWER_CONTEXT)
            fprintf(stderr, "the context of %d tokens is full: -c makes it longer\n",
                    run->generation.info.n_ctx);
        if (answer->end == ANSWER_CANCELLED) fputs("interrupted\n", stderr);
        answer_print_speed(answer);
    }
    if (status != HEFT_OK) return status;
    return answer->end == ANSWER_CANCELLED ? HEFT_CANCELLED : HEFT_OK;
}

static heft_status report_json(const struct run *run, struct answer *answer, heft_error *error)
{
    json_t *tokens = json_array();
    for (int i = 0; i < answer->n_tokens; i++)
        json_array_append_new(tokens, json_integer(answer->tokens[i]));
    json_t *timings =
        json_pack("{s:i, s:f, s:f, s:i, s:f, s:f}", "prompt_tokens", answer->n_prompt,
                  "prompt_seconds", answer->prompt_seconds, "prompt_tokens_per_second",
                  answer_rate(answer->n_prompt, answer->prompt_seconds), "answer_tokens",
                  answer->n_tokens, "answer_seconds", answer->step_seconds,
                  "answer_tokens_per_second", answer_rate(answer->n_steps, answer->step_seconds));
    const struct reply *reply = &answer->reply;
    json_t *thought =
        reply->thought.n_bytes ? output_text(reply->thought.data, reply->thought.n_bytes) : NULL;
    json_t *object = json_pack(
        "{s:s, s:o, s:o*, s:O*, s:o, s:s, s:I, s:o, s:O*}", "model", run->generation.options.model,
        "text", output_text(reply->content.data ? reply->content.data : "", reply->content.n_bytes),
        "reasoning", thought, "tool_calls", reply->calls, "tokens", tokens, "finish_reason",
        finish_reason(answer), "seed", (json_int_t)run->generation.sampling.sampling.seed,
        "timings", timings, "logprobs", answer->logprobs);
    return output_json(object, error);
}

static const char *finish_reason(const struct answer *answer)
{
    bool calls = answer->end == ANSWER_END && answer->reply.calls;
    return calls ? "tool_calls" : answer_end_name(answer->end);
}
