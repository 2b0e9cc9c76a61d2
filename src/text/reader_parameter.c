/* Parameters between tags: each key and value becomes a member of the JSON object of arguments. */
#include "text/reader_private.h"
#include "text/tool_types.h"

static struct slice end_of_parameters(const struct reader *reader);
static struct slice end_of_value(const struct reader *reader);
static struct slice other_end_of_value(const struct reader *reader);
static bool ends_with(const struct buffer *buffer, struct slice mark);
static size_t longest_end(const struct reader *reader);
static struct slice name_of(const struct buffer *buffer);
static enum taken begin_value(struct reader *reader, char byte);
static void flush_value(struct reader *reader, size_t n_kept);
static void end_value(struct reader *reader);

/* Before a parameter, or their end. */
enum taken reader_parameters_byte(struct reader *reader, char byte)
{
    struct buffer *capture = &reader->capture;
    if (capture->n_bytes == 0 && reader_is_space(byte)) return TAKEN;
    buffer_append(capture, &byte, 1);
    struct slice choices[] = {pattern_literal(reader->dialect->parameter),
                              end_of_parameters(reader)};
    bool may_follow = false;
    for (int i = 0; i < 2; i++) {
        bool begins = capture->n_bytes <= choices[i].n_bytes &&
                      memcmp(capture->data, choices[i].data, capture->n_bytes) == 0;
        may_follow = may_follow || begins;
        if (!begins || capture->n_bytes < choices[i].n_bytes) continue;
        buffer_clear(capture);
        reader_parameters_choose(reader, choices[i]);
        break;
    }
    return may_follow ? TAKEN : TAKEN_FAILED;
}

void reader_parameters_choose(struct reader *reader, struct slice literal)
{
    struct slice end = end_of_parameters(reader);
    if (!reader->is_begun) reader_call_arguments(reader, "{", 1);
    buffer_clear(&reader->raw);
    if (slice_equal(literal, end)) {
        reader_call_arguments(reader, "}", 1);
        reader_call_end(reader, false);
        reader_calls_begin(reader, end.data + end.n_bytes);
        return;
    }
    buffer_append(&reader->raw, literal.data, literal.n_bytes);
    reader->return_to = reader->at;
    reader->at = reader->dialect->parameter + literal.n_bytes;
    reader->value = VALUE_BEGIN;
}

/* A string is given out as it comes, but for what may be its end. */
enum taken reader_value_byte(struct reader *reader, char byte)
{
    struct buffer *capture = &reader->capture;
    if (reader->value == VALUE_BEGIN && begin_value(reader, byte) == TAKEN) return TAKEN;
    buffer_append(capture, &byte, 1);
    struct slice end = end_of_value(reader), other = other_end_of_value(reader);
    if (ends_with(capture, end)) {
        capture->n_bytes -= end.n_bytes;
        end_value(reader);
        return TAKEN_LAST;
    }
    if (other.n_bytes) {
        capture->n_bytes -= other.n_bytes;
        if (capture->n_bytes && capture->data[capture->n_bytes - 1] == '\n') capture->n_bytes--;
        end_value(reader);
        reader->at = reader->return_to;
        reader_parameters_choose(reader, other);
        return TAKEN;
    }
    if (reader->value == VALUE_HELD && capture->n_bytes > MAX_RAW_BYTES) {
        reader_call_arguments(reader, "\"", 1);
        reader->value = VALUE_TEXT;
    }
    if (reader->value == VALUE_TEXT) flush_value(reader, longest_end(reader) + 1);
    buffer_clear(&reader->raw); /* its bytes are in the value */
    return TAKEN;
}

void reader_value_abort(struct reader *reader)
{
    if (reader->value == VALUE_BEGIN) return;
    if (reader->value == VALUE_HELD) reader_call_arguments(reader, "\"", 1);
    flush_value(reader, 0);
    buffer_clear(&reader->raw);
}

static struct slice end_of_parameters(const struct reader *reader)
{
    const char *next = strchr(reader->at, '}') + 1;
    return pattern_literal(next + strspn(next, "\n"));
}

static struct slice end_of_value(const struct reader *reader)
{
    return pattern_literal(strchr(reader->at, '}') + 1);
}

/* Where models leave out the end of a value, the next parameter ends it, or the end of them all;
 * where values stand on lines of their own, on such a line. Empty if neither is there. */
static struct slice other_end_of_value(const struct reader *reader)
{
    const struct buffer *capture = &reader->capture;
    const char *behind = strchr(reader->return_to, '}') + 1;
    struct slice marks[] = {pattern_literal(reader->dialect->parameter),
                            pattern_literal(behind + strspn(behind, "\n"))};
    for (int i = 0; i < 2; i++) {
        size_t before = capture->n_bytes - marks[i].n_bytes;
        if (!ends_with(capture, marks[i])) continue;
        bool on_line = before == 0 || capture->data[before - 1] == '\n';
        if (on_line || !reader->dialect->value_on_lines) return marks[i];
    }
    return (struct slice){NULL, 0};
}

static bool ends_with(const struct buffer *buffer, struct slice mark)
{
    return buffer->n_bytes >= mark.n_bytes &&
           memcmp(buffer->data + buffer->n_bytes - mark.n_bytes, mark.data, mark.n_bytes) == 0;
}

static size_t longest_end(const struct reader *reader)
{
    const char *behind = strchr(reader->return_to, '}') + 1;
    size_t lengths[] = {end_of_value(reader).n_bytes,
                        pattern_literal(reader->dialect->parameter).n_bytes,
                        pattern_literal(behind + strspn(behind, "\n")).n_bytes};
    size_t longest = 0;
    for (int i = 0; i < 3; i++)
        if (lengths[i] > longest) longest = lengths[i];
    return longest;
}

static struct slice name_of(const struct buffer *buffer)
{
    return (struct slice){buffer->data, buffer->n_bytes};
}

/* TAKEN if the byte is the line end before a value. */
static enum taken begin_value(struct reader *reader, char byte)
{
    struct slice tool = name_of(&reader->name), key = name_of(&reader->key);
    bool is_text = parameter_is_text(reader->tools, tool, key);
    if (reader->n_parameters++) reader_call_arguments(reader, ", ", 2);
    reader_call_arguments(reader, "\"", 1);
    reader_call_text(reader, key.data, key.n_bytes);
    reader_call_arguments(reader, is_text ? "\": \"" : "\": ", is_text ? 4 : 3);
    reader->value = is_text ? VALUE_TEXT : VALUE_HELD;
    return reader->dialect->value_on_lines && byte == '\n' ? TAKEN : TAKEN_NOT;
}

static void flush_value(struct reader *reader, size_t n_kept)
{
    struct buffer *capture = &reader->capture;
    if (capture->n_bytes <= n_kept) return;
    size_t n = capture->n_bytes - n_kept;
    reader_call_text(reader, capture->data, n);
    memmove(capture->data, capture->data + n, n_kept);
    capture->n_bytes = n_kept;
}

static void end_value(struct reader *reader)
{
    struct buffer *capture = &reader->capture;
    bool on_line = reader->dialect->value_on_lines && capture->n_bytes &&
                   capture->data[capture->n_bytes - 1] == '\n';
    if (on_line) capture->n_bytes--;
    struct slice value = {capture->data, capture->n_bytes}, json = {NULL, 0};
    if (reader->value == VALUE_HELD) {
        json = parameter_json(reader->tools, name_of(&reader->name), name_of(&reader->key), value);
        if (json.n_bytes)
            reader_call_arguments(reader, json.data, json.n_bytes);
        else
            reader_call_arguments(reader, "\"", 1);
    }
    if (json.n_bytes == 0) {
        flush_value(reader, 0);
        reader_call_arguments(reader, "\"", 1);
    }
    buffer_clear(capture);
}
