/* Joins the bytes of tokens into whole characters. */
#include <string.h>

#include "text/tokenizer.h"
#include "text/utf8.h"

static const char replacement[] = "\xEF\xBF\xBD";

struct sink {
    char *text;
    int n, cap; /* `cap` leaves room for the NUL */
};

static struct slice next_piece(const struct tokenizer *tokenizer, heft_stream *stream,
                               int32_t token);
static int flush(heft_stream *stream, char *text, int cap);
static void push_byte(heft_stream *stream, char byte, struct sink *sink);
static void put(struct sink *sink, const char *text, int n_bytes);

int tokenizer_stream(const struct tokenizer *tokenizer, heft_stream *stream, int32_t token,
                     char *text, int cap)
{
    if (token < 0) return flush(stream, text, cap);
    return tokenizer_stream_piece(stream, next_piece(tokenizer, stream, token), text, cap);
}

int tokenizer_stream_piece(heft_stream *stream, struct slice piece, char *text, int cap)
{
    if (cap <= 0) return 0;
    if (stream->n_held < 0 || stream->n_held > 3) stream->n_held = 0; /* the caller's struct */
    stream->started = stream->started || piece.n_bytes;
    struct sink sink = {text, 0, cap - 1};
    for (size_t i = 0; i < piece.n_bytes; i++) push_byte(stream, piece.data[i], &sink);
    text[sink.n] = 0;
    return sink.n;
}

static int flush(heft_stream *stream, char *text, int cap)
{
    if (cap <= 0) return 0;
    struct sink sink = {text, 0, cap - 1};
    if (stream->n_held) put(&sink, replacement, 3);
    stream->n_held = 0;
    text[sink.n] = 0;
    return sink.n;
}

/* Encoding put a space before the first word of the text, if the vocabulary wants one. */
static struct slice next_piece(const struct tokenizer *tokenizer, heft_stream *stream,
                               int32_t token)
{
    struct slice piece = tokenizer_piece(tokenizer, token, false);
    if (piece.n_bytes == 0 || stream->started) return piece;
    stream->started = true;
    if (tokenizer_adds_space(tokenizer) && piece.data[0] == ' ') {
        piece.data++;
        piece.n_bytes--;
    }
    return piece;
}

/* What is held is always the start of a character, or nothing. */
static void push_byte(heft_stream *stream, char byte, struct sink *sink)
{
    stream->held[stream->n_held++] = byte;
    while (stream->n_held) {
        int length = utf8_next(stream->held, (size_t)stream->n_held);
        if (length == 0) return;
        if (length > 0)
            put(sink, stream->held, length);
        else
            put(sink, replacement, 3);
        int n_used = length > 0 ? length : -length;
        stream->n_held -= n_used;
        memmove(stream->held, stream->held + n_used, (size_t)stream->n_held);
    }
}

/* A character is written whole or not at all. */
static void put(struct sink *sink, const char *text, int n_bytes)
{
    if (sink->cap - sink->n < n_bytes) {
        sink->cap = sink->n; /* nothing after a gap */
        return;
    }
    memcpy(sink->text + sink->n, text, (size_t)n_bytes);
    sink->n += n_bytes;
}
