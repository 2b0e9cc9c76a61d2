/* heft chat: a conversation. The whole of it is rendered for every answer, and the session keeps
 * what it shares with the turn before. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "cli/command.h"
#include "cli/conversation.h"
#include "cli/generation.h"
#include "cli/line_input.h"
#include "cli/terminal.h"
#include "cli/visible.h"

struct chat {
    struct generation generation;
    struct conversation conversation;
    struct line_input *input;
    struct answer last; /* for /stats */
    bool done;
};

/* What a line that begins with a slash does. `argument` is the rest of the line, "" if none. */
struct chat_command {
    const char *name, *argument, *help;
    heft_status (*run)(struct chat *chat, const char *argument, heft_error *error);
};

static heft_status chat_run(const struct command *self, int argc, char **argv, heft_error *error);
static heft_status open_chat(struct chat *chat, heft_error *error);
static void close_chat(struct chat *chat);
static heft_status talk(struct chat *chat, heft_error *error);
static heft_status take_line(struct chat *chat, const char *text, size_t n_bytes,
                             heft_error *error);
static heft_status reply(struct chat *chat, heft_error *error);
static heft_status reply_to(struct chat *chat, const int32_t *tokens, int n_tokens,
                            heft_error *error);
static heft_status run_slash(struct chat *chat, const char *text, heft_error *error);
static heft_status on_help(struct chat *chat, const char *argument, heft_error *error);
static heft_status on_clear(struct chat *chat, const char *argument, heft_error *error);
static heft_status on_retry(struct chat *chat, const char *argument, heft_error *error);
static heft_status on_tool(struct chat *chat, const char *argument, heft_error *error);
static heft_status on_system(struct chat *chat, const char *argument, heft_error *error);
static heft_status on_set(struct chat *chat, const char *argument, heft_error *error);
static heft_status on_stats(struct chat *chat, const char *argument, heft_error *error);
static heft_status on_save(struct chat *chat, const char *argument, heft_error *error);
static heft_status on_load(struct chat *chat, const char *argument, heft_error *error);
static heft_status on_quit(struct chat *chat, const char *argument, heft_error *error);

static const struct chat_command chat_commands[] = {
    {"/help", "", "this list", on_help},
    {"/clear", "", "forget the conversation", on_clear},
    {"/retry", "", "another answer to the last message", on_retry},
    {"/tool", "TEXT", "the result of a tool call", on_tool},
    {"/system", "[TEXT]", "set or remove the system message", on_system},
    {"/set", "NAME VALUE", "change a setting: temp, top-k, seed, predict ...", on_set},
    {"/stats", "", "tokens, speed and context", on_stats},
    {"/save", "FILE", "write the messages as JSON", on_save},
    {"/load", "FILE", "read them back", on_load},
    {"/quit", "", "end (also /bye, /exit and Ctrl-D)", on_quit},
    {"/bye", "", NULL, on_quit},
    {"/exit", "", NULL, on_quit},
};
enum { N_CHAT_COMMANDS = sizeof chat_commands / sizeof *chat_commands };

const struct command command_chat = {
    .name = "chat",
    .usage = "[options] [MODEL.gguf]",
    .summary = "talk with a model",
    .details =
        "Talks with a model until /quit or the end of standard input. Ctrl-C ends an answer, not\n"
        "the program. \"\"\" begins and ends a message of several lines; a backslash at the end "
        "of\n"
        "a line continues it. /help lists the commands. Lines may come from a pipe.",
    .examples = "  heft chat\n"
                "  heft chat -m model.gguf -c 16384 -sys \"Answer in one sentence.\"\n"
                "  printf 'Hello\\nAnd in French?\\n' | heft chat -q --temp 0\n",
    .run = chat_run,
};

static heft_status chat_run(const struct command *self, int argc, char **argv, heft_error *error)
{
    struct chat chat = {.generation = generation_default()};
    struct option_group groups[GENERATION_GROUPS];
    generation_groups(&chat.generation, groups);
    struct words words;
    heft_status status = command_parse(self, groups, GENERATION_GROUPS, argc, argv, &words, error);
    if (status != HEFT_OK || words.help) return status;
    generation_take_model(&chat.generation, &words);
    if (words.n_items > 0)
        return error_set(error, HEFT_USAGE, "chat takes no prompt: `heft run` answers one");
    status = open_chat(&chat, error);
    if (status == HEFT_OK) status = talk(&chat, error);
    close_chat(&chat);
    return status;
}

static heft_status open_chat(struct chat *chat, heft_error *error)
{
    struct generation *generation = &chat->generation;
    heft_status status = conversation_create(&chat->conversation, error);
    if (status == HEFT_OK) status = generation_open(generation, error);
    if (status != HEFT_OK) return status;
    if (!generation->info.chat_template)
        return error_set(error, HEFT_USAGE,
                         "%s has no chat template: it is no chat model, use `heft run --raw`",
                         generation->options.model);
    if (generation->system)
        status = conversation_set_system(&chat->conversation, generation->system, error);
    if (status != HEFT_OK) return status;
    status = line_input_open(&chat->input, error);
    if (status == HEFT_OK && line_input_is_terminal(chat->input))
        visible_print(stderr, "%s · context of %d tokens · /help\n", generation->info.description,
                      generation->info.n_ctx);
    return status;
}

static void close_chat(struct chat *chat)
{
    line_input_close(chat->input);
    answer_free(&chat->last);
    conversation_free(&chat->conversation);
    generation_close(&chat->generation);
}

static heft_status talk(struct chat *chat, heft_error *error)
{
    while (!chat->done) {
        const char *text;
        size_t n_bytes;
        enum line_result result = line_input_read(chat->input, &text, &n_bytes);
        if (result == LINE_END) break;
        if (result == LINE_INTERRUPTED || n_bytes == 0) continue;
        heft_status status = take_line(chat, text, n_bytes, error);
        /* At a terminal, only what is wrong with the engine ends the chat. */
        bool fatal = status != HEFT_OK && status != HEFT_USAGE && status != HEFT_BAD_FILE;
        if (fatal || (status != HEFT_OK && !line_input_is_terminal(chat->input))) return status;
        if (status != HEFT_OK) visible_print(stderr, "%s\n", error->message);
    }
    return HEFT_OK;
}

static heft_status take_line(struct chat *chat, const char *text, size_t n_bytes, heft_error *error)
{
    if (text[0] == '/') return run_slash(chat, text, error);
    heft_status status = conversation_add(&chat->conversation, "user", text, n_bytes, error);
    if (status != HEFT_OK) return status;
    status = reply(chat, error);
    if (status != HEFT_OK) conversation_drop_last(&chat->conversation, "user");
    return status;
}

static heft_status reply(struct chat *chat, heft_error *error)
{
    int32_t *tokens;
    int n_tokens, n_ctx = chat->generation.info.n_ctx;
    struct conversation_terms terms = generation_terms(&chat->generation);
    heft_status status = conversation_encode(&chat->conversation, chat->generation.engine, &terms,
                                             &tokens, &n_tokens, error);
    if (status != HEFT_OK) return status;
    if (n_tokens > n_ctx)
        status = error_set(error, HEFT_USAGE,
                           "the conversation has grown to %d tokens, but the context holds %d: "
                           "/clear begins a new one, -c at the start gives more room",
                           n_tokens, n_ctx);
    else
        status = reply_to(chat, tokens, n_tokens, error);
    free(tokens);
    return status;
}

static heft_status reply_to(struct chat *chat, const int32_t *tokens, int n_tokens,
                            heft_error *error)
{
    struct answer_request request = generation_request(&chat->generation, tokens, n_tokens);
    answer_free(&chat->last);
    heft_status status = answer_run(&request, &chat->last, error);
    if (status != HEFT_OK) return status;
    putchar('\n');
    fflush(stdout);
    const struct answer *answer = &chat->last;
    if (!chat->generation.quiet) answer_print_speed(answer);
    if (answer->reply.calls && !chat->generation.quiet)
        fputs("the model waits for a result: /tool TEXT\n", stderr);
    if (answer->end == ANSWER_CANCELLED) fputs("interrupted\n", stderr);
    if (answer->end == ANSWER_CONTEXT)
        fprintf(stderr,
                "the context of %d tokens is full and the answer cut off: /clear begins a new "
                "conversation, -c at the start gives more room\n",
                chat->generation.info.n_ctx);
    return conversation_add_answer(&chat->conversation, &answer->reply.content,
                                   &answer->reply.thought, answer->reply.calls, error);
}

static heft_status run_slash(struct chat *chat, const char *text, heft_error *error)
{
    size_t n = strcspn(text, " \t\n");
    const char *argument = text + n + strspn(text + n, " \t\n");
    for (int i = 0; i < N_CHAT_COMMANDS; i++) {
        const struct chat_command *command = &chat_commands[i];
        if (strlen(command->name) != n || strncmp(command->name, text, n) != 0) continue;
        bool required = command->argument[0] && command->argument[0] != '[';
        if (required && !argument[0])
            return error_set(error, HEFT_USAGE, "%s needs %s", command->name, command->argument);
        return command->run(chat, argument, error);
    }
    return error_set(error, HEFT_USAGE, "there is no command %.*s; /help lists them", (int)n, text);
}

static heft_status on_help(struct chat *chat, const char *argument, heft_error *error)
{
    (void)chat, (void)argument, (void)error;
    for (int i = 0; i < N_CHAT_COMMANDS; i++)
        if (chat_commands[i].help)
            fprintf(stderr, "  %-8s%-11s %s\n", chat_commands[i].name, chat_commands[i].argument,
                    chat_commands[i].help);
    fputs("  \"\"\" begins and ends a message of several lines; a backslash continues a line\n"
          "  Ctrl-C ends an answer, Ctrl-D the chat\n",
          stderr);
    return HEFT_OK;
}

static heft_status on_clear(struct chat *chat, const char *argument, heft_error *error)
{
    (void)argument, (void)error;
    conversation_clear(&chat->conversation);
    return HEFT_OK;
}

static heft_status on_retry(struct chat *chat, const char *argument, heft_error *error)
{
    (void)argument;
    if (!conversation_drop_last(&chat->conversation, "assistant"))
        return error_set(error, HEFT_USAGE, "there is no answer to retry");
    return reply(chat, error);
}

/* The model goes on when all its calls have a result. */
static heft_status on_tool(struct chat *chat, const char *argument, heft_error *error)
{
    int n_open;
    heft_status status = conversation_add_result(&chat->conversation, argument, &n_open, error);
    if (status != HEFT_OK || n_open > 0) return status;
    status = reply(chat, error);
    if (status != HEFT_OK) conversation_drop_last(&chat->conversation, "tool");
    return status;
}

static heft_status on_system(struct chat *chat, const char *argument, heft_error *error)
{
    return conversation_set_system(&chat->conversation, argument, error);
}

static heft_status on_set(struct chat *chat, const char *argument, heft_error *error)
{
    struct generation *generation = &chat->generation;
    char name[64];
    size_t n = strcspn(argument, " ");
    const char *value = argument + n + strspn(argument + n, " ");
    if (n == 0 || n > sizeof name - 3 || !value[0])
        return error_set(error, HEFT_USAGE, "/set needs NAME VALUE, as in /set temp 0.5");
    bool is_predict = n == strlen("predict") && strncmp(argument, "predict", n) == 0;
    snprintf(name, sizeof name, "--%.*s", (int)n, argument);

    struct option_group groups[GENERATION_GROUPS];
    generation_groups(generation, groups);
    const struct option_group *group = &groups[is_predict ? 0 : GENERATION_GROUPS - 1];
    struct sampling_settings before = generation->sampling;
    heft_status status = options_set(group, 1, name, value, error);
    if (status == HEFT_OK && !is_predict) status = generation_new_sampler(generation, error);
    if (status != HEFT_OK) generation->sampling = before;
    return status;
}

static heft_status on_stats(struct chat *chat, const char *argument, heft_error *error)
{
    (void)argument, (void)error;
    const struct answer *last = &chat->last;
    fprintf(stderr, "%d messages · %d of %d tokens of the context\n",
            conversation_length(&chat->conversation), heft_session_length(chat->generation.session),
            chat->generation.info.n_ctx);
    fprintf(stderr, "last answer: %d tokens of the prompt kept · ", last->n_reused);
    answer_print_speed(last);
    return HEFT_OK;
}

static heft_status on_save(struct chat *chat, const char *argument, heft_error *error)
{
    return conversation_save(&chat->conversation, argument, error);
}

static heft_status on_load(struct chat *chat, const char *argument, heft_error *error)
{
    return conversation_load(&chat->conversation, argument, error);
}

static heft_status on_quit(struct chat *chat, const char *argument, heft_error *error)
{
    (void)argument, (void)error;
    chat->done = true;
    return HEFT_OK;
}
