/* The first byte chooses a dialect, the second how the rest is cut, the third what the prompt ends
 * with, which is no event itself. However it is cut the events
 * are the same; calls are opened and closed in order; arguments that are not called malformed are a
 * JSON object; and without a dialect the text comes back as it is. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "text/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static const char tools_json[] =
    "[{\"function\": {\"name\": \"f\", \"parameters\": {\"properties\": {\"s\": {\"type\": "
    "\"string\"}, \"n\": {\"type\": [\"integer\", \"null\"]}, \"o\": {\"type\": \"object\"}}}}}]";

struct reading {
    struct buffer transcript, content, arguments;
    int n_calls;
    bool is_open;
    heft_event_kind last;
    bool last_malformed;
};

static void take(struct reading *reading, const heft_event *event)
{
    bool goes_on = reading->transcript.n_bytes && reading->last == event->kind &&
                   reading->last_malformed == event->is_malformed &&
                   event->kind != HEFT_CALL_BEGIN && event->kind != HEFT_CALL_END;
    if (!goes_on)
        buffer_format(&reading->transcript, "\n%d %d:", (int)event->kind, event->is_malformed);
    buffer_append(&reading->transcript, event->text, event->n_bytes);
    reading->last = event->kind;
    reading->last_malformed = event->is_malformed;
    switch (event->kind) {
    case HEFT_CONTENT:
        assert(!reading->is_open && event->n_bytes);
        buffer_append(&reading->content, event->text, event->n_bytes);
        break;
    case HEFT_THOUGHT:
        assert(!reading->is_open && event->n_bytes);
        break;
    case HEFT_CALL_BEGIN:
        assert(!reading->is_open && event->n_bytes && event->call == reading->n_calls++);
        reading->is_open = true;
        buffer_clear(&reading->arguments);
        break;
    case HEFT_CALL_ARGUMENTS:
        assert(reading->is_open && event->n_bytes && event->call == reading->n_calls - 1);
        buffer_append(&reading->arguments, event->text, event->n_bytes);
        break;
    case HEFT_CALL_END:
        assert(reading->is_open);
        reading->is_open = false;
        break;
    }
}

static void take_all(struct reader *reader, struct reading *reading)
{
    heft_event event;
    while (reader_next(reader, &event)) {
        take(reading, &event);
        if (event.kind != HEFT_CALL_END || event.is_malformed) continue;
        /* jansson refuses numbers that it cannot hold, and text that is not UTF-8. */
        const struct buffer *arguments = &reading->arguments;
        assert(arguments->n_bytes >= 2 && arguments->data[0] == '{' &&
               arguments->data[arguments->n_bytes - 1] == '}');
    }
}

static const char *const prompts[] = {
    "",
    "<think>\n",
    "<|start|>assistant",
    "<|start|>assistant to=functions.f",
    "<|start|>assistant to=functions.f<|message|>",
    "<|start|>assistant to=functions.f<|message|>{\"s\": \"x",
    "<|start|>assistant to=functions.f<|message|>{}",
    "<|start|>assistant<|channel|>analysis<|message|>So",
};
enum { N_PROMPTS = sizeof prompts / sizeof *prompts };

static struct reading run(const struct dialect *dialect, json_t *tools, const char *prompt,
                          const char *text, size_t n_bytes, size_t n_piece)
{
    struct reading reading = {0};
    heft_event event;
    struct reader *reader = reader_create(dialect, tools, slice_of(prompt));
    assert(reader && !reader_next(reader, &event));
    for (size_t i = 0; i < n_bytes; i += n_piece) {
        size_t n = n_bytes - i < n_piece ? n_bytes - i : n_piece;
        bool done = reader_push(reader, text + i, n);
        assert(done);
        take_all(reader, &reading);
    }
    bool done = reader_finish(reader);
    assert(done);
    take_all(reader, &reading);
    assert(!reading.is_open);
    reader_free(reader);
    return reading;
}

static void forget(struct reading *reading)
{
    buffer_free(&reading->transcript);
    buffer_free(&reading->content);
    buffer_free(&reading->arguments);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    int n_dialects = 0;
    while (dialect_at(n_dialects)) n_dialects++;
    if (n_bytes < 3) return 0;
    const struct dialect *dialect = dialect_at(data[0] % n_dialects);
    json_t *tools = data[1] & 1 ? json_loads(tools_json, 0, NULL) : NULL;
    const char *text = (const char *)data + 3, *prompt = prompts[data[2] % N_PROMPTS];
    n_bytes -= 3;
    struct reading whole = run(dialect, tools, prompt, text, n_bytes, n_bytes + 1);
    struct reading cut = run(dialect, tools, prompt, text, n_bytes, data[1] / 2 % 7 + 1);
    assert(whole.transcript.n_bytes == cut.transcript.n_bytes);
    assert(!whole.transcript.n_bytes ||
           !memcmp(whole.transcript.data, cut.transcript.data, cut.transcript.n_bytes));
    if (strcmp(dialect->name, "none") == 0) {
        assert(whole.content.n_bytes == n_bytes);
        assert(!n_bytes || !memcmp(whole.content.data, text, n_bytes));
    }
    forget(&whole);
    forget(&cut);
    json_decref(tools);
    return 0;
}
