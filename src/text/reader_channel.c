/* Messages in channels, as gpt-oss writes them:
 *
 *   <|channel|>analysis<|message|>a thought<|end|><|start|>assistant<|channel|>final<|message|>text
 *   ... to=functions.name<|channel|>commentary <|constrain|>json<|message|>{...}<|call|>
 *
 * A prompt ends with <|start|>assistant, so that an answer begins inside of a header. */
#include "text/reader_private.h"

static const char start_mark[] = "<|start|>", message_mark[] = "<|message|>";
enum { MAX_HEADER_BYTES = 512 };

static struct slice after_last(struct slice text, const char *mark);
static bool says_more(struct slice header);
static bool may_be_header(struct slice header);
static void take_header(struct reader *reader);
static struct slice word_after(struct slice text, const char *mark);

/* A prompt may also begin the message, or say more in its header than who speaks. */
void reader_channel_begin(struct reader *reader, struct slice prompt)
{
    struct slice header = after_last(prompt, start_mark);
    reader_channel_header_begin(reader, slice_of(""));
    if (!header.data || !says_more(header)) return;
    reader_channel_header_begin(reader, slice_of(start_mark));
    reader_bytes(reader, header.data, header.n_bytes);
}

/* `header`: what has been read of it. */
void reader_channel_header_begin(struct reader *reader, struct slice header)
{
    reader->state = READER_HEADER;
    buffer_clear(&reader->space);
    reader->kind = HEFT_CONTENT;
    reader->n_space = 0;
    buffer_clear(&reader->raw);
    buffer_append(&reader->raw, header.data, header.n_bytes);
}

void reader_channel_byte(struct reader *reader, char byte)
{
    struct buffer *raw = &reader->raw;
    if (reader->n_space == raw->n_bytes && reader_is_space(byte)) reader->n_space++;
    buffer_append(raw, &byte, 1);
    struct slice header = {raw->data + reader->n_space, raw->n_bytes - reader->n_space};
    if (raw->failed || (header.n_bytes == 0 && reader->n_space < MAX_HEADER_BYTES)) return;
    size_t n = sizeof message_mark - 1;
    if (header.n_bytes >= n && memcmp(header.data + header.n_bytes - n, message_mark, n) == 0)
        take_header(reader);
    else if (!may_be_header(header))
        reader_channel_finish(reader);
}

/* What is no header is text. */
void reader_channel_finish(struct reader *reader)
{
    struct buffer *raw = &reader->raw;
    bool announced = raw->n_bytes && memmem(raw->data, raw->n_bytes, "<|", 2);
    if (reader->n_space == raw->n_bytes) buffer_clear(raw);
    reader_text_give_back(reader, announced);
}

/* NULL data if the mark is not there. */
static struct slice after_last(struct slice text, const char *mark)
{
    struct slice rest = {NULL, 0};
    size_t n = strlen(mark);
    const char *at = text.n_bytes ? memmem(text.data, text.n_bytes, mark, n) : NULL;
    while (at) {
        rest = (struct slice){at + n, text.n_bytes - (size_t)(at + n - text.data)};
        at = rest.n_bytes ? memmem(rest.data, rest.n_bytes, mark, n) : NULL;
    }
    return rest;
}

static bool says_more(struct slice header)
{
    static const char *const words[] = {message_mark, "<|channel|>", "to="};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (header.n_bytes && memmem(header.data, header.n_bytes, words[i], strlen(words[i])))
            return true;
    return false;
}

/* Anything may stand behind <|start|> and <|channel|> but a message. */
static bool may_be_header(struct slice header)
{
    static const char *const begins[] = {start_mark, "<|channel|>", "<|constrain|>", message_mark,
                                         "to="};
    if (header.n_bytes == 0 || header.n_bytes > MAX_HEADER_BYTES) return false;
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
        size_t n = strlen(begins[i]);
        if (n > header.n_bytes) n = header.n_bytes;
        if (memcmp(header.data, begins[i], n) == 0) return true;
    }
    return false;
}

static void take_header(struct reader *reader)
{
    struct slice header = {reader->raw.data, reader->raw.n_bytes};
    struct slice tool = word_after(header, "to="), channel = word_after(header, "<|channel|>");
    static const char prefix[] = "functions.";
    enum { PREFIX_BYTES = sizeof prefix - 1 };
    if (tool.n_bytes > PREFIX_BYTES && memcmp(tool.data, prefix, PREFIX_BYTES) == 0)
        tool = (struct slice){tool.data + PREFIX_BYTES, tool.n_bytes - PREFIX_BYTES};
    if (tool.n_bytes) {
        reader_call_begin(reader, "{arguments}", false);
        if (!reader_call_set_name(reader, tool)) reader_call_abort(reader); /* it is too long */
        return;
    }
    buffer_clear(&reader->raw);
    reader_text_begin(reader, slice_is(channel, "analysis") ? HEFT_THOUGHT : HEFT_CONTENT);
    reader->trims = true;
}

/* The word behind the last `mark`, up to white space or the next mark; empty if there is none. */
static struct slice word_after(struct slice text, const char *mark)
{
    struct slice rest = after_last(text, mark);
    size_t n = 0;
    while (n < rest.n_bytes && !reader_is_space(rest.data[n]) && rest.data[n] != '<') n++;
    return (struct slice){rest.data, n};
}
