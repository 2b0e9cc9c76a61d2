/* Text and thoughts up to the next mark, and what stands between calls. */
#include "text/reader_private.h"

enum { MAX_MARKS = 20 };

enum action {
    THOUGHT_BEGIN,
    THOUGHT_END,
    CALLS_BEGIN,
    CALLS_END,
    CALL_BEGIN,
    BARE_CALL_BEGIN,
    FENCED_CALL_BEGIN,
    CALL_TAIL, /* what may follow a call */
    HIDDEN,
    MESSAGE_END, /* these two of channels */
    HEADER_BEGIN
};

struct mark {
    struct slice text;
    enum action action;
};

struct marks {
    struct mark items[MAX_MARKS];
    int n;
};

static void settle(struct reader *reader);
static void release(struct reader *reader, char byte);
static void put_space(struct reader *reader);
static void drop_held(struct reader *reader, size_t n_bytes);
static struct marks marks_of_text(const struct reader *reader);
static struct marks marks_of_calls(const struct reader *reader);
static void add_call_begins(const struct reader *reader, struct marks *marks);
static void add_channel_marks(struct marks *marks);
static void add(struct marks *marks, const char *text, enum action action);
static const struct mark *match(const struct marks *marks, struct slice held, bool *may_follow);
static bool is_line_begin(const struct reader *reader);
static void act(struct reader *reader, struct mark mark);
static void act_on_call(struct reader *reader, struct mark mark);

void reader_text_begin(struct reader *reader, heft_event_kind kind)
{
    reader->state = READER_TEXT;
    reader->kind = kind;
    reader->fresh = true;
    reader->trims = kind == HEFT_THOUGHT;
    buffer_clear(&reader->space);
    buffer_clear(&reader->held);
}

void reader_text_byte(struct reader *reader, char byte)
{
    buffer_append(&reader->held, &byte, 1);
    settle(reader);
}

/* The answer is over: nothing held can become a mark. */
void reader_text_finish(struct reader *reader)
{
    for (size_t i = 0; i < reader->held.n_bytes; i++) release(reader, reader->held.data[i]);
    buffer_clear(&reader->held);
    if (reader->kind == HEFT_CONTENT && !reader->trims) put_space(reader);
    buffer_clear(&reader->space);
}

void reader_calls_begin(struct reader *reader, const char *tail)
{
    reader->state = READER_CALLS;
    reader->at = tail;
    buffer_clear(&reader->held);
}

/* White space and marks; anything else ends the calls and is text. */
void reader_calls_byte(struct reader *reader, char byte)
{
    struct buffer *held = &reader->held;
    if (held->n_bytes == 0 && reader_is_space(byte)) {
        bool is_held = reader->raw.n_bytes && reader->raw.n_bytes < MAX_RAW_BYTES;
        if (is_held) buffer_append(&reader->raw, &byte, 1);
        return;
    }
    buffer_append(held, &byte, 1);
    struct marks marks = marks_of_calls(reader);
    bool may_follow = false;
    const struct mark *mark = match(&marks, (struct slice){held->data, held->n_bytes}, &may_follow);
    if (mark)
        act(reader, *mark);
    else if (!may_follow)
        reader_calls_leave(reader);
}

/* A section without a call is no section. */
void reader_calls_leave(struct reader *reader)
{
    struct buffer *raw = &reader->raw;
    bool trims = raw->n_bytes == 0;
    if (trims) reader->kind = HEFT_CONTENT; /* else a thought goes on */
    reader_emit(reader, reader->kind, raw->data, raw->n_bytes, reader->kind == HEFT_CONTENT);
    buffer_clear(raw);
    reader->state = READER_TEXT;
    reader->fresh = false;
    reader->trims = trims;
    settle(reader);
}

/* A thought goes on in which a mark was only mentioned. The end of what was read may be the begin
 * of a mark: it is held as if it had just come. */
void reader_text_give_back(struct reader *reader, bool announced)
{
    struct buffer *raw = &reader->raw;
    reader->state = READER_TEXT;
    reader->fresh = reader->trims = false;
    buffer_clear(&reader->space);
    buffer_clear(&reader->held);
    struct marks marks = marks_of_text(reader);
    size_t n_given = raw->n_bytes;
    for (size_t i = 1; i < raw->n_bytes && n_given == raw->n_bytes; i++) {
        bool may_follow = false;
        match(&marks, (struct slice){raw->data + i, raw->n_bytes - i}, &may_follow);
        if (may_follow) n_given = i;
    }
    bool is_malformed = announced && reader->kind == HEFT_CONTENT;
    reader_emit(reader, reader->kind, raw->data, n_given, is_malformed);
    buffer_append(&reader->held, raw->data + n_given, raw->n_bytes - n_given);
    buffer_clear(raw);
}

static void settle(struct reader *reader)
{
    struct buffer *held = &reader->held;
    while (reader->state == READER_TEXT && held->n_bytes) {
        struct marks marks = marks_of_text(reader);
        bool may_follow = false;
        const struct mark *mark =
            match(&marks, (struct slice){held->data, held->n_bytes}, &may_follow);
        if (mark) act(reader, *mark);
        if (mark || may_follow) return;
        char first = held->data[0];
        drop_held(reader, 1);
        release(reader, first);
    }
}

/* White space waits for what follows it: before a mark it goes. */
static void release(struct reader *reader, char byte)
{
    if (reader_is_space(byte)) {
        buffer_append(&reader->space, &byte, 1);
        if (reader->space.n_bytes == MAX_SPACE_BYTES) put_space(reader);
        return;
    }
    put_space(reader);
    reader->fresh = reader->trims = false;
    reader_emit(reader, reader->kind, &byte, 1, false);
}

static void put_space(struct reader *reader)
{
    if (!reader->trims)
        reader_emit(reader, reader->kind, reader->space.data, reader->space.n_bytes, false);
    buffer_clear(&reader->space);
}

static void drop_held(struct reader *reader, size_t n_bytes)
{
    struct buffer *held = &reader->held;
    memmove(held->data, held->data + n_bytes, held->n_bytes - n_bytes);
    held->n_bytes -= n_bytes;
}

static struct marks marks_of_text(const struct reader *reader)
{
    const struct dialect *dialect = reader->dialect;
    struct marks marks = {0};
    if (dialect->channels) {
        add_channel_marks(&marks);
        return marks;
    }
    bool thinks = reader->kind == HEFT_THOUGHT;
    /* Models repeat the begin that the prompt has, and end a thought that it has ended. */
    if (reader->fresh) add(&marks, dialect->thought_begin, thinks ? HIDDEN : THOUGHT_BEGIN);
    if (reader->fresh || thinks) add(&marks, dialect->thought_end, thinks ? THOUGHT_END : HIDDEN);
    for (int i = 0; i < DIALECT_HIDDEN; i++) add(&marks, dialect->hidden[i], HIDDEN);
    bool offered = !dialect->plain || (reader->tools && is_line_begin(reader));
    if (offered && (!thinks || dialect->ends_thought)) add_call_begins(reader, &marks);
    if (dialect->bare && reader->tools && reader->fresh) add(&marks, "{", BARE_CALL_BEGIN);
    if (dialect->bare && reader->tools && is_line_begin(reader)) {
        add(&marks, "```json\n{", FENCED_CALL_BEGIN);
        add(&marks, "```\n{", FENCED_CALL_BEGIN);
    }
    return marks;
}

static struct marks marks_of_calls(const struct reader *reader)
{
    struct marks marks = {0};
    for (const char *at = reader->at; *at;) {
        struct slice literal = pattern_literal(at);
        if (literal.n_bytes) marks.items[marks.n++] = (struct mark){literal, CALL_TAIL};
        at += literal.n_bytes ? literal.n_bytes : 1;
    }
    if (reader->dialect->channels) {
        add_channel_marks(&marks);
        return marks;
    }
    add(&marks, reader->dialect->calls_end, CALLS_END);
    add(&marks, reader->dialect->calls_end_too, CALLS_END);
    for (int i = 0; i < DIALECT_TAILS; i++) add(&marks, reader->dialect->tails[i], CALL_TAIL);
    add_call_begins(reader, &marks);
    if (reader->dialect->bare) add(&marks, "{", BARE_CALL_BEGIN);
    return marks;
}

static void add_call_begins(const struct reader *reader, struct marks *marks)
{
    add(marks, reader->dialect->calls_begin, CALLS_BEGIN);
    add(marks, reader->dialect->calls_begin_too, CALLS_BEGIN);
    if (!reader->dialect->call) return;
    struct slice literal = pattern_literal(reader->dialect->call);
    marks->items[marks->n++] = (struct mark){literal, CALL_BEGIN};
}

static void add_channel_marks(struct marks *marks)
{
    add(marks, "<|end|>", MESSAGE_END);
    add(marks, "<|return|>", MESSAGE_END);
    add(marks, "<|call|>", MESSAGE_END);
    add(marks, "<|start|>", HEADER_BEGIN);
    add(marks, "<|channel|>", HEADER_BEGIN);
}

static void add(struct marks *marks, const char *text, enum action action)
{
    if (text) marks->items[marks->n++] = (struct mark){slice_of(text), action};
}

/* `may_follow` is set if `held` is the begin of one. No mark is the begin of another. */
static const struct mark *match(const struct marks *marks, struct slice held, bool *may_follow)
{
    for (int i = 0; i < marks->n; i++) {
        struct slice text = marks->items[i].text;
        if (held.n_bytes > text.n_bytes || memcmp(held.data, text.data, held.n_bytes) != 0)
            continue;
        if (held.n_bytes == text.n_bytes) return &marks->items[i];
        *may_follow = true;
    }
    return NULL;
}

static bool is_line_begin(const struct reader *reader)
{
    const struct buffer *space = &reader->space;
    return reader->fresh || (space->n_bytes && memchr(space->data, '\n', space->n_bytes));
}

static void act(struct reader *reader, struct mark mark)
{
    buffer_clear(&reader->held);
    switch (mark.action) {
    case THOUGHT_BEGIN:
        reader_text_begin(reader, HEFT_THOUGHT);
        break;
    case THOUGHT_END:
        reader_text_begin(reader, HEFT_CONTENT);
        reader->trims = true;
        break;
    case HIDDEN:
        reader->trims = true;
        buffer_clear(&reader->space);
        break;
    case MESSAGE_END:
        reader_channel_header_begin(reader, slice_of(""));
        break;
    case HEADER_BEGIN:
        reader_channel_header_begin(reader, mark.text);
        break;
    default:
        act_on_call(reader, mark);
    }
}

/* `raw` is what is given back should no call come of it; with white space before it, where that
 * has not been dropped yet. */
static void act_on_call(struct reader *reader, struct mark mark)
{
    struct buffer *raw = &reader->raw;
    if (reader->state == READER_TEXT) {
        if (!reader->trims) buffer_append(raw, reader->space.data, reader->space.n_bytes);
        buffer_clear(&reader->space);
    }
    bool is_begun_section = raw->n_bytes > 0;
    bool is_read = mark.action == CALL_TAIL || mark.action == BARE_CALL_BEGIN;
    if (!is_read) buffer_append(raw, mark.text.data, mark.text.n_bytes);
    switch (mark.action) {
    case CALLS_BEGIN:
        reader_calls_begin(reader, "");
        break;
    case CALLS_END:
        if (!is_begun_section) buffer_clear(raw);
        reader_calls_leave(reader);
        break;
    case CALL_TAIL:
        reader->at = mark.text.data + mark.text.n_bytes;
        break;
    case FENCED_CALL_BEGIN:
        raw->n_bytes--; /* the brace comes again */
        reader_call_begin_fenced(reader);
        reader_call_byte(reader, '{');
        break;
    case BARE_CALL_BEGIN:
        reader_call_begin(reader, "{call}\n;", true);
        reader_call_byte(reader, '{');
        break;
    default:
        reader_call_begin(reader, reader->dialect->call + mark.text.n_bytes, false);
    }
}
