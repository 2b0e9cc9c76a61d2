/* What Llama writes behind <|python_tag|>: an object as without the tag, name.call(key="value"), or
 * code. Code is a call of the tool "code_interpreter", as its makers named it. */
#include <stdlib.h>

#include "text/reader_private.h"

enum { MAX_CALL_BYTES = 8192 };

static enum taken decide(struct reader *reader, char byte);
static enum taken begin_code(struct reader *reader);
static bool take_call(struct reader *reader);
static struct slice word(struct slice *rest);
static bool argument(struct slice *rest, json_t *arguments);
static json_t *value_of(struct slice text);
static size_t n_of_value(struct slice text);

enum taken reader_python_byte(struct reader *reader, char byte)
{
    switch (reader->python) {
    case PYTHON_UNDECIDED:
        return decide(reader, byte);
    case PYTHON_OBJECT:
        return reader_object_byte(reader, byte);
    case PYTHON_CODE:
        reader_call_text(reader, &byte, 1);
        return TAKEN;
    default:
        buffer_append(&reader->capture, &byte, 1);
        if (byte == ')' && take_call(reader)) return TAKEN_LAST;
        return reader->capture.n_bytes < MAX_CALL_BYTES ? TAKEN : TAKEN_FAILED;
    }
}

/* Code has no end of its own. */
void reader_python_finish(struct reader *reader)
{
    bool may_be_code = reader->python == PYTHON_UNDECIDED && reader->capture.n_bytes;
    if (may_be_code) begin_code(reader);
    if (reader->python != PYTHON_CODE) return;
    reader_call_arguments(reader, "\"}", 2);
    reader_call_end(reader, false);
    reader_calls_begin(reader, "");
    reader_calls_leave(reader);
}

/* By what comes behind the first word. */
static enum taken decide(struct reader *reader, char byte)
{
    struct buffer *capture = &reader->capture;
    if (capture->n_bytes == 0 && reader_is_space(byte)) return TAKEN;
    if (capture->n_bytes == 0 && byte == '{') {
        reader->python = PYTHON_OBJECT;
        return reader_object_byte(reader, byte);
    }
    buffer_append(capture, &byte, 1);
    struct slice rest = {capture->data, capture->n_bytes};
    struct slice name = word(&rest);
    static const char mark[] = ".call(";
    size_t n = rest.n_bytes < sizeof mark - 1 ? rest.n_bytes : sizeof mark - 1;
    if (name.n_bytes == 0 || name.n_bytes > MAX_NAME_BYTES ||
        (n && memcmp(rest.data, mark, n) != 0))
        return begin_code(reader);
    if (n == sizeof mark - 1) reader->python = PYTHON_CALL;
    return TAKEN;
}

static enum taken begin_code(struct reader *reader)
{
    reader->python = PYTHON_CODE;
    reader_call_set_name(reader, slice_of("code_interpreter"));
    reader_call_arguments(reader, "{\"code\": \"", 10);
    reader_call_text(reader, reader->capture.data, reader->capture.n_bytes);
    buffer_clear(&reader->capture);
    return TAKEN;
}

/* name.call(key="value", other=2) */
static bool take_call(struct reader *reader)
{
    struct slice rest = {reader->capture.data, reader->capture.n_bytes};
    struct slice name = word(&rest);
    rest.data += strlen(".call(");
    rest.n_bytes -= strlen(".call(");
    json_t *arguments = json_object();
    bool good = arguments != NULL;
    while (good && !(rest.n_bytes == 1 && rest.data[0] == ')')) good = argument(&rest, arguments);
    char *text = good ? json_dumps(arguments, JSON_COMPACT) : NULL;
    json_decref(arguments);
    if (!text) return false;
    reader_call_set_name(reader, name);
    reader_call_arguments(reader, text, strlen(text));
    reader_call_end(reader, false);
    free(text);
    return true;
}

/* Takes a word of letters, digits and _ from the front. */
static struct slice word(struct slice *rest)
{
    struct slice all = *rest;
    while (rest->n_bytes) {
        char c = rest->data[0], letter = (char)(c | 32);
        if (!(letter >= 'a' && letter <= 'z') && !(c >= '0' && c <= '9') && c != '_') break;
        *rest = (struct slice){rest->data + 1, rest->n_bytes - 1};
    }
    return (struct slice){all.data, all.n_bytes - rest->n_bytes};
}

/* Takes key=value, and the comma behind it, from the front. */
static bool argument(struct slice *rest, json_t *arguments)
{
    struct slice key = word(rest);
    if (key.n_bytes == 0 || rest->n_bytes == 0 || rest->data[0] != '=') return false;
    *rest = (struct slice){rest->data + 1, rest->n_bytes - 1};
    struct slice text = {rest->data, n_of_value(*rest)};
    json_t *value = value_of(text);
    if (!value || json_object_setn_new(arguments, key.data, key.n_bytes, value) != 0) return false;
    *rest = (struct slice){rest->data + text.n_bytes, rest->n_bytes - text.n_bytes};
    bool comma = false;
    while (rest->n_bytes && (rest->data[0] == ',' || rest->data[0] == ' ')) {
        comma = comma || rest->data[0] == ',';
        *rest = (struct slice){rest->data + 1, rest->n_bytes - 1};
    }
    return comma || (rest->n_bytes && rest->data[0] == ')');
}

static json_t *value_of(struct slice text)
{
    if (slice_is(text, "True")) return json_true();
    if (slice_is(text, "False")) return json_false();
    if (slice_is(text, "None")) return json_null();
    return json_loadb(text.data, text.n_bytes, JSON_DECODE_ANY, NULL);
}

static size_t n_of_value(struct slice text)
{
    struct json_scan scan = {0};
    for (size_t i = 0; i < text.n_bytes; i++) {
        enum json_scan_result result = json_scan_push(&scan, text.data[i]);
        if (result == JSON_SCAN_LAST) return i + 1;
        if (result == JSON_SCAN_PAST) return i;
        if (result == JSON_SCAN_BAD) break;
    }
    size_t n = 0; /* True, False, None */
    while (n < text.n_bytes && text.data[n] != ',' && text.data[n] != ')') n++;
    return n;
}
