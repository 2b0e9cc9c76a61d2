/* heft_reader: a reader of text/ with the tokens of an engine. */
#include "text/reader.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/engine.h"

struct heft_reader {
    const heft_engine *engine;
    struct reader *reader;
    heft_stream stream;
};

/* What a template writes behind the last message fits in that. */
enum { PROMPT_TOKENS = 64 };

static bool is_dialect_mark(const heft_reader *reader, int32_t token);
static heft_status find_dialect(const heft_engine *engine, const char *name,
                                const struct dialect **out, heft_error *error);
static heft_status parse_tools(const char *text, json_t **out, heft_error *error);
static void decode_end(const struct tokenizer *tokenizer, const struct dialect *dialect,
                       const heft_reading *reading, struct buffer *out);
static bool is_mark(const struct tokenizer *tokenizer, int32_t token);
static bool ends_with_text(const struct tokenizer *tokenizer, const heft_reading *reading);
static void append_text(struct buffer *out, struct slice piece);
static heft_status without_memory(heft_error *error);

heft_status heft_reader_create(const heft_engine *engine, const heft_reading *reading,
                               heft_reader **out, heft_error *error)
{
    const struct dialect *dialect = NULL;
    json_t *tools = NULL;
    heft_status status = find_dialect(engine, reading->dialect, &dialect, error);
    if (status == HEFT_OK) status = parse_tools(reading->tools_json, &tools, error);
    if (status != HEFT_OK) return status;
    struct buffer prompt = {0};
    decode_end(engine->tokenizer, dialect, reading, &prompt);
    heft_reader *reader = calloc(1, sizeof *reader);
    if (reader && !prompt.failed)
        reader->reader = reader_create(dialect, tools, (struct slice){prompt.data, prompt.n_bytes});
    buffer_free(&prompt);
    json_decref(tools);
    if (!reader || !reader->reader) {
        heft_reader_free(reader);
        return without_memory(error);
    }
    reader->engine = engine;
    reader->stream.started = reading->continues;
    *out = reader;
    return HEFT_OK;
}

void heft_reader_free(heft_reader *reader)
{
    if (!reader) return;
    reader_free(reader->reader);
    free(reader);
}

int heft_reader_decode(heft_reader *reader, int32_t token, char *text, int cap)
{
    const struct tokenizer *tokenizer = reader->engine->tokenizer;
    if (is_dialect_mark(reader, token))
        return tokenizer_stream_piece(&reader->stream, tokenizer_piece(tokenizer, token, true),
                                      text, cap);
    return tokenizer_stream(tokenizer, &reader->stream, token, text, cap);
}

bool heft_reader_shows(const heft_reader *reader, int32_t token)
{
    return tokenizer_piece(reader->engine->tokenizer, token, false).n_bytes > 0 ||
           is_dialect_mark(reader, token);
}

heft_status heft_reader_push(heft_reader *reader, const char *text, size_t n_bytes,
                             heft_error *error)
{
    return reader_push(reader->reader, text, n_bytes) ? HEFT_OK : without_memory(error);
}

heft_status heft_reader_finish(heft_reader *reader, heft_error *error)
{
    return reader_finish(reader->reader) ? HEFT_OK : without_memory(error);
}

bool heft_reader_next(heft_reader *reader, heft_event *event)
{
    return reader_next(reader->reader, event);
}

const char *heft_dialect_name(int index)
{
    const struct dialect *dialect = dialect_at(index);
    return dialect ? dialect->name : NULL;
}

static bool is_dialect_mark(const heft_reader *reader, int32_t token)
{
    const struct tokenizer *tokenizer = reader->engine->tokenizer;
    return tokenizer_type(tokenizer, token) == TOKEN_CONTROL &&
           dialect_has_mark(reader_dialect(reader->reader),
                            tokenizer_piece(tokenizer, token, true));
}

static heft_status find_dialect(const heft_engine *engine, const char *name,
                                const struct dialect **out, heft_error *error)
{
    *out = name ? dialect_find(name) : engine->dialect;
    if (*out) return HEFT_OK;
    return error_set(error, HEFT_USAGE, "there is no dialect \"%s\"", name);
}

/* An empty list is as good as none. */
static heft_status parse_tools(const char *text, json_t **out, heft_error *error)
{
    json_error_t reason;
    if (!text) return HEFT_OK;
    *out = json_loads(text, JSON_REJECT_DUPLICATES, &reason);
    if (!*out)
        return error_set(error, HEFT_USAGE, "tools: line %d is not JSON: %s", reason.line,
                         reason.text);
    if (json_array_size(*out) > 0) return HEFT_OK;
    heft_status status = json_is_array(*out)
                             ? HEFT_OK
                             : error_set(error, HEFT_USAGE, "tools: an array was expected");
    json_decref(*out);
    *out = NULL;
    return status;
}

/* The end of the prompt as the reader is to see it. Where a mark is a token of its own, the same
 * letters in ordinary tokens are what a person wrote, and no mark. */
static void decode_end(const struct tokenizer *tokenizer, const struct dialect *dialect,
                       const heft_reading *reading, struct buffer *out)
{
    const char *thought = dialect->thought_begin;
    bool is_token = thought && is_mark(tokenizer, tokenizer_find(tokenizer, slice_of(thought)));
    if (is_token && ends_with_text(tokenizer, reading)) return;
    int first = reading->n_prompt > PROMPT_TOKENS ? reading->n_prompt - PROMPT_TOKENS : 0;
    for (int i = first; i < reading->n_prompt; i++) {
        struct slice piece = tokenizer_piece(tokenizer, reading->prompt[i], true);
        if (dialect->channels && !is_mark(tokenizer, reading->prompt[i]))
            append_text(out, piece);
        else
            buffer_append(out, piece.data, piece.n_bytes);
    }
}

static bool is_mark(const struct tokenizer *tokenizer, int32_t token)
{
    enum token_type type = tokenizer_type(tokenizer, token);
    return type == TOKEN_CONTROL || type == TOKEN_USER_DEFINED;
}

/* Line ends and spaces may follow a mark. */
static bool ends_with_text(const struct tokenizer *tokenizer, const heft_reading *reading)
{
    for (int i = reading->n_prompt - 1; i >= 0; i--) {
        if (is_mark(tokenizer, reading->prompt[i])) return false;
        struct slice piece = tokenizer_piece(tokenizer, reading->prompt[i], true);
        for (size_t j = 0; j < piece.n_bytes; j++)
            if (!strchr(" \t\r\n", piece.data[j]) || !piece.data[j]) return true;
    }
    return true;
}

/* The marks of channels begin with "<|", which is broken here. */
static void append_text(struct buffer *out, struct slice piece)
{
    for (size_t i = 0; i < piece.n_bytes; i++) {
        bool opens = piece.data[i] == '|' && out->n_bytes && out->data[out->n_bytes - 1] == '<';
        buffer_append(out, opens ? " " : piece.data + i, 1);
    }
}

static heft_status without_memory(heft_error *error)
{
    return error_set(error, HEFT_INTERNAL, "no memory for reading the answer");
}
