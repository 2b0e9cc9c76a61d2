/* A call as a JSON object with the name and the arguments under the keys that models use. */
#include "text/reader_private.h"
#include "text/tool_types.h"

static enum taken key_byte(struct reader *reader, char byte);
static enum taken value_of_key_byte(struct reader *reader, char byte);
static enum taken scan_byte(struct reader *reader, char byte);
static bool take_key(struct reader *reader);
static bool take_value(struct reader *reader);
static bool take_name(struct reader *reader, const json_t *text);
static enum taken begin_function(struct reader *reader);
static enum taken end_object(struct reader *reader);
static json_t *captured(struct reader *reader);
static enum taken go_on(struct object *object, enum object_state state);

enum taken reader_object_byte(struct reader *reader, char byte)
{
    struct object *object = &reader->object;
    if (object->state == OBJECT_KEY) return key_byte(reader, byte);
    if (object->state == OBJECT_VALUE) return value_of_key_byte(reader, byte);
    if (reader_is_space(byte)) return TAKEN;
    switch (object->state) {
    case OBJECT_BEGIN:
        return byte == '{' ? go_on(object, OBJECT_KEY_OR_END) : TAKEN_FAILED;
    case OBJECT_KEY_OR_END:
    case OBJECT_KEY_BEGIN:
        if (byte == '}' && object->state == OBJECT_KEY_OR_END) return end_object(reader);
        object->scan = (struct json_scan){0};
        object->state = OBJECT_KEY;
        return byte == '"' ? key_byte(reader, byte) : TAKEN_FAILED;
    case OBJECT_COLON:
        object->scan = (struct json_scan){0};
        reader->arguments = (struct arguments){0};
        return byte == ':' ? go_on(object, OBJECT_VALUE) : TAKEN_FAILED;
    default:
        if (byte == '}') return end_object(reader);
        return byte == ',' ? go_on(object, OBJECT_KEY_BEGIN) : TAKEN_FAILED;
    }
}

/* A single object is taken for a list of one. */
enum taken reader_list_byte(struct reader *reader, char byte)
{
    bool in_object = reader->list == LIST_OBJECT || reader->list == LIST_SINGLE;
    if (!in_object && reader_is_space(byte)) return TAKEN;
    bool is_single = reader->list == LIST_BEGIN && byte == '{';
    if (is_single || (reader->list == LIST_ITEM && byte == '{')) {
        reader->list = is_single ? LIST_SINGLE : LIST_OBJECT;
        reader->object = (struct object){0};
        buffer_clear(&reader->name);
        buffer_clear(&reader->id);
        return reader_object_byte(reader, byte);
    }
    if (in_object) {
        enum taken taken = reader_object_byte(reader, byte);
        if (taken != TAKEN_LAST || reader->list == LIST_SINGLE) return taken;
        reader->list = LIST_COMMA_OR_END;
        return TAKEN;
    }
    if (reader->list == LIST_COMMA_OR_END && byte == ']') return TAKEN_LAST;
    bool goes_on =
        reader->list == LIST_BEGIN ? byte == '[' : reader->list == LIST_COMMA_OR_END && byte == ',';
    reader->list = LIST_ITEM;
    return goes_on ? TAKEN : TAKEN_FAILED;
}

static enum taken key_byte(struct reader *reader, char byte)
{
    enum taken taken = scan_byte(reader, byte);
    if (taken != TAKEN_LAST) return taken;
    return take_key(reader) ? go_on(&reader->object, OBJECT_COLON) : TAKEN_FAILED;
}

static enum taken value_of_key_byte(struct reader *reader, char byte)
{
    struct object *object = &reader->object;
    bool is_arguments = object->key == KEY_ARGUMENTS;
    bool may_nest = object->key == KEY_FUNCTION && reader->capture.n_bytes == 0;
    if (may_nest && reader_is_space(byte)) return TAKEN;
    if (may_nest && byte == '{') return begin_function(reader);
    enum taken taken = is_arguments ? reader_arguments_byte(reader, byte) : scan_byte(reader, byte);
    if (taken == TAKEN) return TAKEN;
    if (taken == TAKEN_FAILED || (is_arguments && taken == TAKEN_NOT)) return TAKEN_FAILED;
    object->has_arguments = object->has_arguments || is_arguments;
    if (!is_arguments && !take_value(reader)) return TAKEN_FAILED;
    object->state = OBJECT_COMMA_OR_END;
    return taken == TAKEN_NOT ? reader_object_byte(reader, byte) : TAKEN;
}

/* Captures a key or a value. */
static enum taken scan_byte(struct reader *reader, char byte)
{
    enum json_scan_result result = json_scan_push(&reader->object.scan, byte);
    if (result == JSON_SCAN_BAD) return TAKEN_FAILED;
    if (result == JSON_SCAN_PAST) return TAKEN_NOT;
    buffer_append(&reader->capture, &byte, 1);
    return result == JSON_SCAN_LAST ? TAKEN_LAST : TAKEN;
}

/* False for a second object of arguments, and for a bare object that is something else. */
static bool take_key(struct reader *reader)
{
    static const char *const names[][2] = {
        [KEY_NAME] = {"name", "tool_name"},        [KEY_ARGUMENTS] = {"arguments", "parameters"},
        [KEY_ID] = {"id", "tool_call_id"},         [KEY_TYPE] = {"type", "type"},
        [KEY_FUNCTION] = {"function", "function"},
    };
    json_t *text = captured(reader);
    const char *name = json_string_value(text);
    struct object *object = &reader->object;
    object->key = KEY_OTHER;
    for (int i = 0; name && i < KEY_OTHER; i++)
        if (strcmp(name, names[i][0]) == 0 || strcmp(name, names[i][1]) == 0)
            object->key = (enum object_key)i;
    json_decref(text);
    if (object->key == KEY_ARGUMENTS && object->has_arguments) return false;
    return name && (object->key != KEY_OTHER || !reader->is_bare);
}

static bool take_value(struct reader *reader)
{
    enum object_key key = reader->object.key;
    if (key != KEY_NAME && key != KEY_FUNCTION && key != KEY_ID) {
        buffer_clear(&reader->capture);
        return true;
    }
    json_t *text = captured(reader);
    const char *value = json_string_value(text);
    bool good = true;
    if (key != KEY_ID) {
        good = take_name(reader, text);
    } else if (value && json_string_length(text) <= MAX_NAME_BYTES) {
        buffer_clear(&reader->id);
        buffer_text(&reader->id, value);
    }
    json_decref(text);
    return good;
}

static bool take_name(struct reader *reader, const json_t *text)
{
    const struct object *object = &reader->object;
    struct slice name = {json_string_value(text), json_string_length(text)};
    bool is_drift = object->is_drift || object->is_nested || object->key == KEY_FUNCTION;
    if (!name.data || reader->is_begun) return false;
    if (is_drift && !tool_is_offered(reader->tools, name)) return false;
    return reader_call_set_name(reader, name);
}

/* One level deep. */
static enum taken begin_function(struct reader *reader)
{
    struct object *object = &reader->object;
    if (object->is_nested) return TAKEN_FAILED;
    object->is_nested = true;
    return go_on(object, OBJECT_KEY_OR_END);
}

static enum taken end_object(struct reader *reader)
{
    struct object *object = &reader->object;
    if (object->is_nested) {
        object->is_nested = false;
        return go_on(object, OBJECT_COMMA_OR_END);
    }
    if (reader->name.n_bytes == 0 || (reader->is_bare && !object->has_arguments))
        return TAKEN_FAILED;
    if (!reader->is_begun) reader_call_announce(reader);
    if (!object->has_arguments) reader_call_arguments(reader, "{}", 2);
    reader_call_end(reader, false);
    return TAKEN_LAST;
}

static json_t *captured(struct reader *reader)
{
    json_t *value =
        json_loadb(reader->capture.data, reader->capture.n_bytes, JSON_DECODE_ANY, NULL);
    buffer_clear(&reader->capture);
    return value;
}

static enum taken go_on(struct object *object, enum object_state state)
{
    object->state = state;
    return TAKEN;
}
