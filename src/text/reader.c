#include "text/reader.h"

#include <stdlib.h>

#include "text/reader_private.h"
#include "text/utf8.h"

static void begin(struct reader *reader, struct slice prompt);
static void hold_events(struct reader *reader);
static bool is_well(const struct reader *reader);
static void forget_given(struct reader *reader);
static void carry(struct reader *reader);
static size_t cut_character(struct slice text);
static bool is_text_kind(heft_event_kind kind);
static struct reader_event *new_event(struct reader *reader);
static size_t keep_id(struct reader *reader);

struct reader *reader_create(const struct dialect *dialect, json_t *tools, struct slice prompt)
{
    struct reader *reader = calloc(1, sizeof *reader);
    if (!reader) return NULL;
    reader->dialect = dialect;
    reader->tools = json_incref(tools);
    buffer_append(&reader->ids, "", 1);
    begin(reader, prompt);
    hold_events(reader);
    if (is_well(reader)) return reader;
    reader_free(reader);
    return NULL;
}

void reader_free(struct reader *reader)
{
    if (!reader) return;
    struct buffer *const buffers[] = {
        &reader->out,     &reader->ids,  &reader->space, &reader->held, &reader->raw,
        &reader->capture, &reader->name, &reader->id,    &reader->late, &reader->key};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) buffer_free(buffers[i]);
    json_decref(reader->tools);
    free(reader->events);
    free(reader);
}

const struct dialect *reader_dialect(const struct reader *reader)
{
    return reader->dialect;
}

bool reader_push(struct reader *reader, const char *text, size_t n_bytes)
{
    if (n_bytes == 0) return is_well(reader);
    reader->holds = false;
    forget_given(reader);
    reader_bytes(reader, text, n_bytes);
    carry(reader);
    return is_well(reader);
}

bool reader_finish(struct reader *reader)
{
    reader->holds = false;
    forget_given(reader);
    if (reader->state == READER_CALL) reader_call_abort(reader);
    if (reader->state == READER_CALLS) reader_calls_leave(reader);
    if (reader->state == READER_HEADER) reader_channel_finish(reader);
    reader_text_finish(reader);
    return is_well(reader);
}

bool reader_next(struct reader *reader, heft_event *event)
{
    if (reader->holds || reader->n_given == reader->n_events) return false;
    const struct reader_event *next = &reader->events[reader->n_given++];
    *event = (heft_event){.kind = next->kind,
                          .text = next->n_bytes ? reader->out.data + next->start : "",
                          .n_bytes = next->n_bytes,
                          .call = next->call,
                          .id = reader->ids.data + next->id_start,
                          .is_malformed = next->is_malformed};
    return true;
}

void reader_byte(struct reader *reader, char byte)
{
    switch (reader->state) {
    case READER_TEXT:
        reader_text_byte(reader, byte);
        break;
    case READER_CALLS:
        reader_calls_byte(reader, byte);
        break;
    case READER_CALL:
        reader_call_byte(reader, byte);
        break;
    case READER_HEADER:
        reader_channel_byte(reader, byte);
        break;
    }
}

void reader_bytes(struct reader *reader, const char *text, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++) reader_byte(reader, text[i]);
}

/* A text goes on the event before it if that is of the same kind. */
void reader_emit(struct reader *reader, heft_event_kind kind, const char *text, size_t n_bytes,
                 bool is_malformed)
{
    bool is_text = is_text_kind(kind);
    if (is_text && n_bytes == 0) return;
    int i = reader->n_events - 1;
    struct reader_event *last = i >= reader->n_given ? &reader->events[i] : NULL;
    size_t start = reader->out.n_bytes;
    buffer_append(&reader->out, text, n_bytes);
    if (is_text && last && last->kind == kind && last->is_malformed == is_malformed) {
        last->n_bytes += n_bytes;
        return;
    }
    struct reader_event *event = new_event(reader);
    if (!event) return;
    *event = (struct reader_event){.kind = kind,
                                   .start = start,
                                   .n_bytes = n_bytes,
                                   .id_start = is_text ? 0 : keep_id(reader),
                                   .call = reader->n_calls - 1,
                                   .is_malformed = is_malformed};
}

bool reader_is_space(char byte)
{
    return byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r';
}

/* A prompt that ends with the begin of a thought leaves its end to the answer. */
static void begin(struct reader *reader, struct slice prompt)
{
    const char *thought = reader->dialect->thought_begin;
    if (reader->dialect->channels) {
        reader_channel_begin(reader, prompt);
        return;
    }
    while (prompt.n_bytes && reader_is_space(prompt.data[prompt.n_bytes - 1])) prompt.n_bytes--;
    size_t n = thought ? strlen(thought) : 0;
    bool thinks =
        n && prompt.n_bytes >= n && memcmp(prompt.data + prompt.n_bytes - n, thought, n) == 0;
    reader_text_begin(reader, thinks ? HEFT_THOUGHT : HEFT_CONTENT);
}

/* What the prompt wrote is not of the answer, so it is no event. Only a call that it has begun and
 * not ended goes on in the answer, and begins with the answer's first byte. */
static void hold_events(struct reader *reader)
{
    int first = reader->n_events;
    while (reader->is_begun && first > 0 && reader->events[first - 1].kind != HEFT_CALL_END)
        first--;
    while (first < reader->n_events && reader->events[first].kind != HEFT_CALL_BEGIN) first++;
    reader->n_events -= first;
    if (reader->n_events > 0)
        memmove(reader->events, reader->events + first,
                (size_t)reader->n_events * sizeof *reader->events);
    for (int i = 0; i < reader->n_events; i++) reader->events[i].call = 0;
    reader->n_calls = reader->n_events > 0;
    reader->holds = true;
}

static bool is_well(const struct reader *reader)
{
    const struct buffer *const buffers[] = {
        &reader->out,     &reader->ids,  &reader->space, &reader->held, &reader->raw,
        &reader->capture, &reader->name, &reader->id,    &reader->late, &reader->key};
    bool failed = reader->failed;
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        failed = failed || buffers[i]->failed;
    return !failed;
}

/* Those that nobody has taken stay. */
static void forget_given(struct reader *reader)
{
    if (reader->n_given == reader->n_events) {
        reader->n_given = reader->n_events = 0;
        reader->failed = !is_well(reader); /* clearing forgets it */
        buffer_clear(&reader->out);
        buffer_clear(&reader->ids);
        buffer_append(&reader->ids, "", 1);
    }
    const struct reader_event *carrier = &reader->carrier;
    reader_emit(reader, carrier->kind, reader->carried, reader->n_carried, carrier->is_malformed);
    reader->n_carried = 0;
}

/* Holds back the start of a character that the piece was cut in. */
static void carry(struct reader *reader)
{
    if (reader->n_events == reader->n_given) return;
    struct reader_event *last = &reader->events[reader->n_events - 1];
    if (!is_text_kind(last->kind) || !is_well(reader)) return;
    const char *text = reader->out.data + last->start;
    reader->n_carried = cut_character((struct slice){text, last->n_bytes});
    if (reader->n_carried == 0) return;
    last->n_bytes -= reader->n_carried;
    reader->out.n_bytes -= reader->n_carried;
    memcpy(reader->carried, reader->out.data + reader->out.n_bytes, reader->n_carried);
    reader->carrier = *last;
    if (last->n_bytes == 0) reader->n_events--;
}

/* How many of the last bytes are the start of a character. */
static size_t cut_character(struct slice text)
{
    for (size_t n = 1; n <= 3 && n <= text.n_bytes; n++) {
        const char *start = text.data + text.n_bytes - n;
        bool is_continuation = ((unsigned char)*start & 0xC0) == 0x80;
        if (!is_continuation) return utf8_next(start, n) == 0 ? n : 0;
    }
    return 0;
}

static bool is_text_kind(heft_event_kind kind)
{
    return kind == HEFT_CONTENT || kind == HEFT_THOUGHT || kind == HEFT_CALL_ARGUMENTS;
}

static struct reader_event *new_event(struct reader *reader)
{
    if (reader->n_events == reader->capacity) {
        int capacity = reader->capacity * 2 + 16;
        struct reader_event *events = realloc(reader->events, (size_t)capacity * sizeof *events);
        reader->failed = reader->failed || !events;
        if (!events) return NULL;
        reader->events = events;
        reader->capacity = capacity;
    }
    return &reader->events[reader->n_events++];
}

static size_t keep_id(struct reader *reader)
{
    if (reader->id.n_bytes == 0) return 0;
    size_t start = reader->ids.n_bytes;
    buffer_append(&reader->ids, reader->id.data, reader->id.n_bytes + 1);
    return start;
}
