#include "cli/reply.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/output.h"
#include "cli/terminal.h"

static heft_status take_events(struct reply *reply, heft_error *error);
static bool take_event(struct reply *reply, const heft_event *event);
static void print_content(struct reply *reply, const char *text, size_t n_bytes);
static void print_thought(struct reply *reply, const char *text, size_t n_bytes);
static void end_thought(struct reply *reply);
static bool take_call(struct reply *reply, const heft_event *event);
static void print_call(struct reply *reply, const json_t *function);
static bool has_colors(void);

heft_status reply_open(struct reply *reply, const heft_engine *engine, const heft_reading *reading,
                       heft_error *error)
{
    return heft_reader_create(engine, reading, &reply->reader, error);
}

void reply_close(struct reply *reply)
{
    heft_reader_free(reply->reader);
    buffer_free(&reply->content);
    buffer_free(&reply->thought);
    buffer_free(&reply->name);
    buffer_free(&reply->arguments);
    json_decref(reply->calls);
    *reply = (struct reply){0};
}

heft_status reply_push(struct reply *reply, const char *text, size_t n_bytes, heft_error *error)
{
    heft_status status = heft_reader_push(reply->reader, text, n_bytes, error);
    return status == HEFT_OK ? take_events(reply, error) : status;
}

heft_status reply_finish(struct reply *reply, heft_error *error)
{
    heft_status status = heft_reader_finish(reply->reader, error);
    if (status == HEFT_OK) status = take_events(reply, error);
    end_thought(reply);
    if (reply->stream) visible_end(&reply->shown, reply->stream);
    return status;
}

static heft_status take_events(struct reply *reply, heft_error *error)
{
    heft_event event;
    bool done = true;
    while (heft_reader_next(reply->reader, &event)) done = done && take_event(reply, &event);
    if (reply->stream) fflush(reply->stream);
    if (done && !reply->content.failed && !reply->thought.failed) return HEFT_OK;
    return error_set(error, HEFT_INTERNAL, "no memory for the answer");
}

static bool take_event(struct reply *reply, const heft_event *event)
{
    switch (event->kind) {
    case HEFT_CONTENT:
        print_content(reply, event->text, event->n_bytes);
        buffer_append(&reply->content, event->text, event->n_bytes);
        return true;
    case HEFT_THOUGHT:
        print_thought(reply, event->text, event->n_bytes);
        buffer_append(&reply->thought, event->text, event->n_bytes);
        return true;
    case HEFT_CALL_BEGIN:
        buffer_clear(&reply->name);
        buffer_clear(&reply->arguments);
        buffer_append(&reply->name, event->text, event->n_bytes);
        return true;
    case HEFT_CALL_ARGUMENTS:
        buffer_append(&reply->arguments, event->text, event->n_bytes);
        return true;
    case HEFT_CALL_END:
        return take_call(reply, event);
    }
    return true;
}

static void print_content(struct reply *reply, const char *text, size_t n_bytes)
{
    end_thought(reply);
    if (reply->stream) visible_write(&reply->shown, text, n_bytes, reply->stream);
}

static void print_thought(struct reply *reply, const char *text, size_t n_bytes)
{
    if (!reply->thoughts) return;
    if (!reply->thinks && has_colors()) fputs("\x1b[2m", reply->thoughts);
    reply->thinks = true;
    visible_write(&reply->shown_thoughts, text, n_bytes, reply->thoughts);
    fflush(reply->thoughts);
}

static void end_thought(struct reply *reply)
{
    if (!reply->thinks) return;
    visible_end(&reply->shown_thoughts, reply->thoughts);
    fputs(has_colors() ? "\x1b[0m\n\n" : "\n\n", reply->thoughts);
    fflush(reply->thoughts);
    reply->thinks = false;
}

/* Arguments stay the text that the model wrote: read into numbers and written again they would
 * change. Some templates want an identifier of nine letters and digits. */
static bool take_call(struct reply *reply, const heft_event *event)
{
    char id[16];
    snprintf(id, sizeof id, "call%05d", event->call % 100000);
    const struct buffer *arguments = &reply->arguments;
    json_t *function = json_pack(
        "{s:o, s:o}", "name", output_text(reply->name.data, reply->name.n_bytes), "arguments",
        output_text(arguments->data ? arguments->data : "", arguments->n_bytes));
    if (!reply->calls) reply->calls = json_array();
    print_call(reply, function);
    json_t *call = json_pack("{s:s, s:s, s:o}", "id", event->id[0] ? event->id : id, "type",
                             "function", "function", function);
    bool failed = event->is_malformed && json_object_set_new(call, "malformed", json_true()) != 0;
    return json_array_append_new(reply->calls, call) == 0 && !failed;
}

/* On a line of its own. */
static void print_call(struct reply *reply, const json_t *function)
{
    end_thought(reply);
    if (!reply->stream) return;
    struct buffer text = {0};
    bool is_first = reply->content.n_bytes == 0 && json_array_size(reply->calls) == 0;
    output_json_text(function, JSON_ENCODE_ANY, &text);
    visible_end(&reply->shown, reply->stream);
    visible_print(reply->stream, "%s%s", is_first ? "" : "\n", text.data ? text.data : "");
    buffer_free(&text);
}

/* Thoughts go to standard error. */
static bool has_colors(void)
{
    const char *refused = getenv("NO_COLOR");
    return terminal_is(STDERR_FILENO) && !(refused && refused[0]);
}
