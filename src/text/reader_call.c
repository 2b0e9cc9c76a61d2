/* A tool call along the pattern of its dialect; see dialect.h for what patterns are made of. */
#include <stdio.h>

#include "text/reader_private.h"

enum { MAX_ENDS = 2 };

/* What may end a capture: the literal behind it, or the first of a parameter. */
struct ends {
    struct slice items[MAX_ENDS];
    int n;
    const char *parameters; /* the placeholder behind the capture, or NULL */
};

static void call_fail(struct reader *reader);
static enum taken step(struct reader *reader, char byte);
static enum taken finish(struct reader *reader, enum taken taken);
static enum taken literal_byte(struct reader *reader, char byte);
static enum taken space_byte(struct reader *reader, char byte);
static enum taken only_arguments_byte(struct reader *reader, char byte);
static enum taken capture_byte(struct reader *reader, char byte);
static struct ends capture_ends(const struct reader *reader);
static size_t overlap(struct slice text, struct slice mark);
static enum taken take_capture(struct reader *reader, const struct ends *ends, struct slice end);
static bool set_name_with_id(struct reader *reader, struct slice text);
static bool set_name_of_id(struct reader *reader, struct slice text);
static bool is_name(struct slice text, bool is_key);
static bool is_at(const struct reader *reader, const char *placeholder);
static const char *behind(const char *placeholder);
static enum taken string_byte(struct reader *reader, char byte);
static enum taken take_string(struct reader *reader);
static struct slice trimmed(struct slice text);
static size_t escape(char byte, char text[8]);

struct slice pattern_literal(const char *at)
{
    return (struct slice){at, strcspn(at, "{\n")};
}

void reader_call_begin(struct reader *reader, const char *pattern, bool is_bare)
{
    reader->state = READER_CALL;
    reader->at = pattern;
    reader->return_to = NULL;
    reader->is_bare = is_bare;
    reader->is_begun = false;
    struct buffer *const buffers[] = {&reader->capture, &reader->name, &reader->id, &reader->late,
                                      &reader->key};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) buffer_clear(buffers[i]);
    reader->arguments = (struct arguments){0};
    reader->object = (struct object){0};
    reader->list = LIST_BEGIN;
    reader->python = PYTHON_UNDECIDED;
    reader->n_parameters = 0;
    reader->value = VALUE_BEGIN;
}

void reader_call_begin_fenced(struct reader *reader)
{
    reader_call_begin(reader, "{call}\n```", true);
    reader->object.is_drift = true;
}

void reader_call_byte(struct reader *reader, char byte)
{
    buffer_append(&reader->raw, &byte, 1);
    enum taken taken;
    do taken = step(reader, byte);
    while (taken == TAKEN_NOT && reader->state == READER_CALL);
    if (taken == TAKEN_FAILED || reader->raw.n_bytes > MAX_RAW_BYTES)
        call_fail(reader);
    else if (taken == TAKEN_NOT)
        reader_byte(reader, byte);
}

void reader_call_abort(struct reader *reader)
{
    if (is_at(reader, "{python}")) reader_python_finish(reader);
    if (is_at(reader, "{value}")) reader_value_abort(reader);
    if (reader->state == READER_CALL) call_fail(reader);
}

bool reader_call_set_name(struct reader *reader, struct slice name)
{
    if (name.n_bytes == 0 || name.n_bytes > MAX_NAME_BYTES) return false;
    buffer_clear(&reader->name);
    buffer_append(&reader->name, name.data, name.n_bytes);
    return true;
}

void reader_call_announce(struct reader *reader)
{
    reader->n_calls++;
    reader->is_begun = true;
    reader_emit(reader, HEFT_CALL_BEGIN, reader->name.data, reader->name.n_bytes, false);
    reader_emit(reader, HEFT_CALL_ARGUMENTS, reader->late.data, reader->late.n_bytes, false);
    buffer_clear(&reader->late);
    buffer_clear(&reader->raw);
}

void reader_call_arguments(struct reader *reader, const char *text, size_t n_bytes)
{
    if (!reader->is_begun && reader->name.n_bytes) reader_call_announce(reader);
    if (!reader->is_begun) {
        buffer_append(&reader->late, text, n_bytes);
        return;
    }
    reader_emit(reader, HEFT_CALL_ARGUMENTS, text, n_bytes, false);
    buffer_clear(&reader->raw);
}

void reader_call_text(struct reader *reader, const char *text, size_t n_bytes)
{
    char escaped[8];
    for (size_t i = 0; i < n_bytes; i++)
        reader_call_arguments(reader, escaped, escape(text[i], escaped));
}

void reader_call_end(struct reader *reader, bool is_malformed)
{
    reader_emit(reader, HEFT_CALL_END, "", 0, is_malformed);
    reader->is_begun = false;
    if (!is_malformed) buffer_clear(&reader->raw);
}

/* Line ends in strings, which JSON does not allow and models write, are escaped. */
enum taken reader_arguments_byte(struct reader *reader, char byte)
{
    struct arguments *arguments = &reader->arguments;
    if (!arguments->is_begun) {
        if (reader_is_space(byte)) return TAKEN;
        if (byte != '{' && byte != '"') return TAKEN_NOT;
        *arguments = (struct arguments){.is_begun = true, .is_string = byte == '"'};
        buffer_clear(&reader->capture);
    }
    if (arguments->is_string) return string_byte(reader, byte);
    bool in_string = json_scan_in_string(&arguments->scan);
    enum json_scan_result result = json_scan_push(&arguments->scan, byte);
    if (result == JSON_SCAN_BAD) return TAKEN_FAILED;
    if (in_string && (unsigned char)byte < ' ')
        reader_call_text(reader, &byte, 1);
    else
        reader_call_arguments(reader, &byte, 1);
    return result == JSON_SCAN_LAST ? TAKEN_LAST : TAKEN;
}

static void call_fail(struct reader *reader)
{
    if (reader->is_begun) {
        reader_call_end(reader, true);
        reader->kind = HEFT_CONTENT;
    }
    reader_text_give_back(reader, !reader->is_bare && !reader->dialect->plain);
}

static enum taken step(struct reader *reader, char byte)
{
    if (*reader->at == '\n') return space_byte(reader, byte);
    if (*reader->at != '{') return literal_byte(reader, byte);
    if (is_at(reader, "{call}")) return finish(reader, reader_object_byte(reader, byte));
    if (is_at(reader, "{calls}")) return finish(reader, reader_list_byte(reader, byte));
    if (is_at(reader, "{python}")) return finish(reader, reader_python_byte(reader, byte));
    if (is_at(reader, "{arguments}")) return finish(reader, only_arguments_byte(reader, byte));
    if (is_at(reader, "{parameters}")) return reader_parameters_byte(reader, byte);
    if (is_at(reader, "{value}")) {
        enum taken taken = reader_value_byte(reader, byte);
        if (taken == TAKEN_LAST) reader->at = reader->return_to;
        return taken;
    }
    return capture_byte(reader, byte);
}

/* The last part of a pattern that says something: what is behind it may follow or not. */
static enum taken finish(struct reader *reader, enum taken taken)
{
    if (taken != TAKEN_LAST) return taken;
    buffer_clear(&reader->raw);
    reader_calls_begin(reader, behind(reader->at));
    return TAKEN_LAST;
}

static enum taken literal_byte(struct reader *reader, char byte)
{
    if (*reader->at != byte) return TAKEN_FAILED;
    reader->at++;
    return TAKEN;
}

static enum taken space_byte(struct reader *reader, char byte)
{
    if (reader_is_space(byte)) return TAKEN;
    reader->at++;
    return TAKEN_NOT;
}

/* Where nothing stands for the arguments, there are none. */
static enum taken only_arguments_byte(struct reader *reader, char byte)
{
    enum taken taken = reader_arguments_byte(reader, byte);
    if (taken == TAKEN_LAST) reader_call_end(reader, false);
    if (taken != TAKEN_NOT) return taken;
    const char *next = behind(reader->at), *literal = next + strspn(next, "\n");
    if (*literal == 0 || byte != *literal) return TAKEN_FAILED;
    reader_call_arguments(reader, "{}", 2);
    reader_call_end(reader, false);
    reader_calls_begin(reader, next);
    return TAKEN_NOT;
}

static enum taken capture_byte(struct reader *reader, char byte)
{
    buffer_append(&reader->capture, &byte, 1);
    struct slice text = {reader->capture.data, reader->capture.n_bytes};
    struct ends ends = capture_ends(reader);
    size_t n_end = 0;
    for (int i = 0; i < ends.n; i++) {
        size_t n = overlap(text, ends.items[i]);
        if (n == ends.items[i].n_bytes) return take_capture(reader, &ends, ends.items[i]);
        if (n > n_end) n_end = n;
    }
    text.n_bytes -= n_end;
    bool may_be = text.n_bytes <= MAX_NAME_BYTES && is_name(trimmed(text), is_at(reader, "{key}"));
    return may_be ? TAKEN : TAKEN_FAILED;
}

static struct ends capture_ends(const struct reader *reader)
{
    struct ends ends = {0};
    const char *next = behind(reader->at);
    next += strspn(next, "\n");
    if (strncmp(next, "{parameters}", strlen("{parameters}")) == 0) {
        ends.parameters = next;
        ends.items[ends.n++] = pattern_literal(reader->dialect->parameter);
        next = behind(next);
        next += strspn(next, "\n");
    }
    ends.items[ends.n++] = pattern_literal(next);
    return ends;
}

/* The longest end of `text` that is a begin of `mark`. */
static size_t overlap(struct slice text, struct slice mark)
{
    size_t n = text.n_bytes < mark.n_bytes ? text.n_bytes : mark.n_bytes;
    while (n && memcmp(text.data + text.n_bytes - n, mark.data, n) != 0) n--;
    return n;
}

static enum taken take_capture(struct reader *reader, const struct ends *ends, struct slice end)
{
    struct buffer *capture = &reader->capture;
    struct slice text = trimmed((struct slice){capture->data, capture->n_bytes - end.n_bytes});
    bool is_key = is_at(reader, "{key}"), good = is_name(text, is_key) && text.n_bytes;
    if (is_at(reader, "{name}")) good = good && set_name_with_id(reader, text);
    if (is_at(reader, "{id}")) good = good && set_name_of_id(reader, text);
    if (is_key) {
        buffer_clear(&reader->key);
        buffer_append(&reader->key, text.data, text.n_bytes);
    }
    buffer_clear(capture);
    if (!good) return TAKEN_FAILED;
    reader->at = ends->parameters ? ends->parameters : end.data + end.n_bytes;
    if (ends->parameters) reader_parameters_choose(reader, end);
    return TAKEN;
}

/* Mistral's: name[CALL_ID]id */
static bool set_name_with_id(struct reader *reader, struct slice text)
{
    static const char mark[] = "[CALL_ID]";
    const char *id = memmem(text.data, text.n_bytes, mark, sizeof mark - 1);
    if (!id) return reader_call_set_name(reader, text);
    buffer_append(&reader->id, id + sizeof mark - 1,
                  text.n_bytes - (size_t)(id - text.data) - (sizeof mark - 1));
    return reader_call_set_name(reader, (struct slice){text.data, (size_t)(id - text.data)});
}

/* Kimi's: functions.name:0 */
static bool set_name_of_id(struct reader *reader, struct slice text)
{
    static const char prefix[] = "functions.";
    enum { PREFIX_BYTES = sizeof prefix - 1 };
    buffer_append(&reader->id, text.data, text.n_bytes);
    if (text.n_bytes > PREFIX_BYTES && memcmp(text.data, prefix, PREFIX_BYTES) == 0)
        text = (struct slice){text.data + PREFIX_BYTES, text.n_bytes - PREFIX_BYTES};
    size_t n = text.n_bytes;
    while (n && text.data[n - 1] >= '0' && text.data[n - 1] <= '9') n--;
    if (n && n < text.n_bytes && text.data[n - 1] == ':') text.n_bytes = n - 1;
    return reader_call_set_name(reader, text);
}

/* Or the begin of one. What cannot stand in a name shows early that there is no call. */
static bool is_name(struct slice text, bool is_key)
{
    const char *forbidden = is_key ? "<>\"\n" : "<>\"\n \t\r{}()'`,;|";
    for (size_t i = 0; i < text.n_bytes; i++)
        if (text.data[i] == 0 || strchr(forbidden, text.data[i])) return false;
    return true;
}

static bool is_at(const struct reader *reader, const char *placeholder)
{
    return strncmp(reader->at, placeholder, strlen(placeholder)) == 0;
}

static const char *behind(const char *placeholder)
{
    return strchr(placeholder, '}') + 1;
}

/* {"arguments": "{\"city\": ...}"}: the object is in the string. */
static enum taken string_byte(struct reader *reader, char byte)
{
    struct arguments *arguments = &reader->arguments;
    char escaped[8];
    bool is_control = (unsigned char)byte < ' ';
    buffer_append(&reader->capture, is_control ? escaped : &byte,
                  is_control ? escape(byte, escaped) : 1);
    enum json_scan_result result = json_scan_push(&arguments->scan, byte);
    if (result == JSON_SCAN_BAD) return TAKEN_FAILED;
    return result == JSON_SCAN_LAST ? take_string(reader) : TAKEN;
}

/* White space around the object is dropped. */
static enum taken take_string(struct reader *reader)
{
    json_t *string = json_loadb(reader->capture.data, reader->capture.n_bytes,
                                JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    const char *text = json_string_value(string);
    json_t *object = text ? json_loadb(text, json_string_length(string), 0, NULL) : NULL;
    bool good = json_is_object(object);
    buffer_clear(&reader->capture);
    if (good) {
        struct slice bare = trimmed((struct slice){text, json_string_length(string)});
        reader_call_arguments(reader, bare.data, bare.n_bytes);
    }
    json_decref(object);
    json_decref(string);
    return good ? TAKEN_LAST : TAKEN_FAILED;
}

static struct slice trimmed(struct slice text)
{
    while (text.n_bytes && reader_is_space(text.data[text.n_bytes - 1])) text.n_bytes--;
    while (text.n_bytes && reader_is_space(text.data[0])) {
        text.data++;
        text.n_bytes--;
    }
    return text;
}

static size_t escape(char byte, char text[8])
{
    static const char from[] = "\"\\\n\t\r\b\f", to[] = "\"\\ntrbf";
    const char *found = byte ? strchr(from, byte) : NULL;
    text[0] = '\\';
    text[1] = found ? to[found - from] : byte;
    if (found) return 2;
    if ((unsigned char)byte < ' ') return (size_t)snprintf(text, 8, "\\u%04x", (unsigned)byte);
    text[0] = byte;
    return 1;
}
