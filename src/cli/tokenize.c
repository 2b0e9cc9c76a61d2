/* heft tokenize: text to tokens and back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file.h"
#include "cli/command.h"
#include "cli/conversation.h"
#include "cli/model_word.h"
#include "cli/output.h"
#include "cli/settings.h"
#include "cli/terminal.h"
#include "cli/visible.h"

enum { TEXT_BYTES_MOST = 1 << 30, PIECE_BYTES = 1024 };

struct tokenize {
    heft_options options;
    const char *file;
    bool no_bos, no_special, json, decode, special;
};

static heft_status run(const struct command *self, int argc, char **argv, heft_error *error);
static heft_status find_text(const struct tokenize *tokenize, const struct words *words,
                             struct buffer *text, heft_error *error);
static heft_status encode(const struct tokenize *tokenize, const heft_engine *engine,
                          const struct buffer *text, heft_error *error);
static heft_status encode_json(const heft_engine *engine, const int32_t *tokens, int n_tokens,
                               heft_error *error);
static heft_status decode(const struct tokenize *tokenize, const heft_engine *engine,
                          const char *ids, heft_error *error);
static heft_status next_id(const char **at, int n_vocab, int32_t *id, heft_error *error);
static void decode_one(const struct tokenize *tokenize, const heft_engine *engine,
                       heft_stream *stream, int32_t token, struct buffer *text);

static const struct option tokenize_options[] = {
    {"-f --file", OPTION_TEXT, offsetof(struct tokenize, file), "FILE", "the text is in this file",
     0, 0, NULL},
    {"--no-bos", OPTION_FLAG, offsetof(struct tokenize, no_bos), NULL,
     "leave out the tokens that the model wants at the ends", 0, 0, NULL},
    {"--no-parse-special", OPTION_FLAG, offsetof(struct tokenize, no_special), NULL,
     "the text of a control token is only text", 0, 0, NULL},
    {"-d --decode", OPTION_FLAG, offsetof(struct tokenize, decode), NULL,
     "the words are tokens: print their text", 0, 0, NULL},
    {"--special", OPTION_FLAG, offsetof(struct tokenize, special), NULL,
     "with --decode: control tokens too", 0, 0, NULL},
    {"--json", OPTION_FLAG, offsetof(struct tokenize, json), NULL, "print JSON", 0, 0, NULL},
};

const struct command command_tokenize = {
    .name = "tokenize",
    .usage = "[options] TEXT|-",
    .summary = "text to tokens and back",
    .details =
        "Prints the tokens of a text, or with --decode the text of tokens. The weights are not\n"
        "needed: a file that holds a vocabulary only will do.",
    .examples = "  heft tokenize -m model.gguf \"Hello world\"\n"
                "  heft tokenize -m model.gguf --json -f chapter.txt\n"
                "  heft tokenize -m model.gguf --decode 9906 1917\n",
    .run = run,
};

static heft_status run(const struct command *self, int argc, char **argv, heft_error *error)
{
    struct tokenize tokenize = {.options = heft_options_default()};
    tokenize.options.vocab_only = true;
    const struct option_group groups[] = {
        OPTION_GROUP("Options", tokenize_options, &tokenize),
        {"Model", model_options, n_model_options, &tokenize.options},
    };
    struct words words;
    heft_status status = command_parse(self, groups, 2, argc, argv, &words, error);
    if (status != HEFT_OK || words.help) return status;
    if (!tokenize.decode) model_word_take(&tokenize.options.model, &words);

    char room[4400];
    heft_engine *engine = NULL;
    struct buffer text = {.limit = TEXT_BYTES_MOST};
    status = find_text(&tokenize, &words, &text, error);
    if (status == HEFT_OK)
        status = settings_model(&tokenize.options.model, room, sizeof room, error);
    if (status == HEFT_OK) status = heft_engine_open(&tokenize.options, &engine, error);
    if (status == HEFT_OK)
        status = tokenize.decode ? decode(&tokenize, engine, text.data, error)
                                 : encode(&tokenize, engine, &text, error);
    heft_engine_close(engine);
    buffer_free(&text);
    return status;
}

static heft_status find_text(const struct tokenize *tokenize, const struct words *words,
                             struct buffer *text, heft_error *error)
{
    if (tokenize->file && words->n_items > 0)
        return error_set(error, HEFT_USAGE, "the text is given twice: -f and on the command line");
    bool dash = words->n_items == 1 && strcmp(words->items[0], "-") == 0;
    bool piped = words->n_items == 0 && !terminal_is(STDIN_FILENO);
    if (tokenize->file || dash || piped) {
        char *whole;
        size_t n_bytes;
        heft_status status = file_read(tokenize->file ? tokenize->file : "-", TEXT_BYTES_MOST,
                                       &whole, &n_bytes, error);
        if (status != HEFT_OK) return status;
        buffer_append(text, whole, n_bytes);
        free(whole);
    } else if (words->n_items == 0) {
        return error_set(error, HEFT_USAGE, "a text is missing: heft tokenize -m MODEL TEXT");
    }
    for (int i = 0; i < words->n_items && !dash; i++)
        buffer_format(text, "%s%s", i ? " " : "", words->items[i]);
    return text->failed ? error_set(error, HEFT_INTERNAL, "no memory for the text") : HEFT_OK;
}

static heft_status encode(const struct tokenize *tokenize, const heft_engine *engine,
                          const struct buffer *text, heft_error *error)
{
    int flags =
        (tokenize->no_bos ? 0 : HEFT_ADD_SPECIAL) | (tokenize->no_special ? 0 : HEFT_PARSE_SPECIAL);
    int32_t *tokens;
    int n_tokens;
    heft_status status =
        encode_text(engine, text->data, text->n_bytes, flags, &tokens, &n_tokens, error);
    if (status != HEFT_OK) return status;
    if (tokenize->json) {
        status = encode_json(engine, tokens, n_tokens, error);
    } else {
        for (int i = 0; i < n_tokens; i++) printf("%s%d", i ? " " : "", tokens[i]);
        putchar('\n');
    }
    free(tokens);
    return status;
}

static heft_status encode_json(const heft_engine *engine, const int32_t *tokens, int n_tokens,
                               heft_error *error)
{
    json_t *list = json_array();
    for (int i = 0; i < n_tokens; i++) {
        char piece[PIECE_BYTES];
        int n = heft_decode(engine, tokens[i], true, piece, sizeof piece);
        if (n > PIECE_BYTES) n = PIECE_BYTES;
        json_array_append_new(list, json_pack("{s:i, s:o}", "id", (int)tokens[i], "text",
                                              output_text(piece, (size_t)n)));
    }
    return output_json(json_pack("{s:i, s:o}", "n_tokens", n_tokens, "tokens", list), error);
}

static heft_status decode(const struct tokenize *tokenize, const heft_engine *engine,
                          const char *ids, heft_error *error)
{
    heft_info info;
    heft_engine_info(engine, &info);
    struct buffer text = {0};
    heft_stream stream = {0};
    heft_status status = HEFT_OK;
    for (const char *at = ids + strspn(ids, " ,\t\r\n[]"); *at && status == HEFT_OK;) {
        int32_t id = 0;
        status = next_id(&at, info.n_vocab, &id, error);
        if (status == HEFT_OK) decode_one(tokenize, engine, &stream, id, &text);
    }
    if (status == HEFT_OK && !tokenize->special)
        decode_one(tokenize, engine, &stream, -1, &text); /* half a character at the end */
    if (status == HEFT_OK && text.failed)
        status = error_set(error, HEFT_INTERNAL, "no memory for the text");
    const char *data = text.data ? text.data : "";
    if (status == HEFT_OK && tokenize->json)
        status = output_json(json_pack("{s:o}", "text", output_text(data, text.n_bytes)), error);
    else if (status == HEFT_OK)
        visible_text(data, text.n_bytes, stdout);
    if (status == HEFT_OK && !tokenize->json) putchar('\n');
    buffer_free(&text);
    return status;
}

/* Ids may stand between spaces, commas and brackets, as other programs print them. */
static heft_status next_id(const char **at, int n_vocab, int32_t *id, heft_error *error)
{
    static const char between[] = " ,\t\r\n[]";
    char *end;
    errno = 0;
    long value = strtol(*at, &end, 10);
    bool ended = *end == 0 || strchr(between, *end);
    if (end == *at || !ended)
        return error_set(error, HEFT_USAGE, "--decode needs tokens, not \"%.*s\"",
                         (int)strcspn(*at, between), *at);
    if (errno || value < 0 || value >= n_vocab)
        return error_set(error, HEFT_USAGE, "there is no token %.*s: they go from 0 to %d",
                         (int)(end - *at), *at, n_vocab - 1);
    *id = (int32_t)value;
    *at = end + strspn(end, between);
    return HEFT_OK;
}

static void decode_one(const struct tokenize *tokenize, const heft_engine *engine,
                       heft_stream *stream, int32_t token, struct buffer *text)
{
    char piece[PIECE_BYTES];
    int n = tokenize->special ? heft_decode(engine, token, true, piece, sizeof piece)
                              : heft_stream_push(engine, stream, token, piece, sizeof piece);
    buffer_append(text, piece, (size_t)(n < PIECE_BYTES ? n : PIECE_BYTES));
}
