/* The two ways across to JSON: variables come in from jansson, and the filter tojson writes what
 * Python's json.dumps would. */
#include "text/template_private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { STEPS_A_VALUE = 1000 };

static void print_any(struct render *render, struct value value, const struct json_style *style,
                      int level);

static struct value import_array(struct render *render, const json_t *json)
{
    size_t n = json_array_size(json);
    struct list *list = list_create(render, n);
    render_enter(render);
    for (size_t i = 0; i < n; i++)
        list_append(render, list, json_import(render, json_array_get(json, i)));
    render_leave(render);
    return value_list(list);
}

static struct slice import_text(struct render *render, const char *data, size_t n_bytes)
{
    struct slice text = {data, n_bytes};
    if (!unicode_is_valid(text)) render_fail(render, "a variable holds text that is not UTF-8");
    return text;
}

/* jansson walks an object in the order of insertion. */
static struct value import_object(struct render *render, const json_t *json)
{
    struct dict *dict = dict_create(render, json_object_size(json));
    const char *key;
    size_t key_bytes;
    json_t *item;
    render_enter(render);
    json_object_keylen_foreach((json_t *)json, key, key_bytes, item) dict_set(
        render, dict, value_text(import_text(render, key, key_bytes)), json_import(render, item));
    render_leave(render);
    return (struct value){.kind = VALUE_DICT, .dict = dict};
}

/* Strings stay where they are: the variables outlive the render. A long conversation earns a longer
 * render; since dicts are charged as they fill, keys made to collide do not. */
struct value json_import(struct render *render, const json_t *json)
{
    render->limits.steps += STEPS_A_VALUE;
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return import_object(render, json);
    case JSON_ARRAY:
        return import_array(render, json);
    case JSON_STRING:
        return value_text(import_text(render, json_string_value(json), json_string_length(json)));
    case JSON_INTEGER:
        return value_int(json_integer_value(json));
    case JSON_REAL:
        return value_float(json_real_value(json));
    case JSON_TRUE:
        return value_bool(true);
    case JSON_FALSE:
        return value_bool(false);
    case JSON_NULL:
        break;
    }
    return NONE;
}

void json_print(struct render *render, struct value value, const struct json_style *style)
{
    print_any(render, value, style, 0);
}

static void print_code(struct render *render, uint32_t code)
{
    static const char letters[] = "\b\t\n\f\r\"\\", names[] = "btnfr\"\\";
    const char *letter = code && code < 0x80 ? strchr(letters, (int)code) : NULL;
    char text[16];
    if (letter)
        snprintf(text, sizeof text, "\\%c", names[letter - letters]);
    else if (code < 0x10000)
        snprintf(text, sizeof text, "\\u%04x", (unsigned)code);
    else
        snprintf(text, sizeof text, "\\u%04x\\u%04x", 0xd7c0u + (unsigned)(code >> 10),
                 0xdc00u + (unsigned)(code & 0x3ff));
    emit_text(render, text);
}

static bool needs_escape(unsigned char c, bool ensure_ascii)
{
    return c < 0x20 || c == '"' || c == '\\' || (ensure_ascii && c >= 0x7f);
}

/* Runs of plain bytes go out together. */
static void print_string(struct render *render, struct slice text, bool ensure_ascii)
{
    render_charge_bytes(render, text.n_bytes);
    emit_text(render, "\"");
    for (size_t at = 0; at < text.n_bytes;) {
        size_t end = at;
        while (end < text.n_bytes && !needs_escape((unsigned char)text.data[end], ensure_ascii))
            end++;
        emit(render, (struct slice){text.data + at, end - at});
        at = end;
        if (at == text.n_bytes) break;
        print_code(render, unicode_next(text, &at));
    }
    emit_text(render, "\"");
}

static void print_number(struct render *render, struct value value)
{
    if (value.kind == VALUE_FLOAT && isnan(value.number))
        emit_text(render, "NaN");
    else if (value.kind == VALUE_FLOAT && isinf(value.number))
        emit_text(render, value.number < 0 ? "-Infinity" : "Infinity");
    else
        print_repr(render, value);
}

static void new_line(struct render *render, const struct json_style *style, int level)
{
    if (!style->indented) return;
    emit_text(render, "\n");
    for (int i = 0; i < level; i++) emit(render, style->indent);
}

static void print_list(struct render *render, const struct list *list,
                       const struct json_style *style, int level)
{
    emit_text(render, "[");
    for (size_t i = 0; i < list->n; i++) {
        if (i) emit(render, style->between_items);
        new_line(render, style, level + 1);
        print_any(render, list->items[i], style, level + 1);
    }
    if (list->n) new_line(render, style, level);
    emit_text(render, "]");
}

static void print_key(struct render *render, struct value key, const struct json_style *style)
{
    if (key.kind == VALUE_STRING) {
        print_string(render, key.text, style->ensure_ascii);
        return;
    }
    if (key.kind != VALUE_NONE && !value_is_number(key))
        render_fail(render, "tojson: a key of type '%s' cannot be written", value_type(key));
    emit_text(render, "\"");
    print_any(render, key, style, 0);
    emit_text(render, "\"");
}

/* Places of the entries in the order of their keys. */
static const struct dict_entry **sorted_entries(struct render *render, const struct dict *dict)
{
    const struct dict_entry **sorted = render_alloc(render, dict->n, sizeof *sorted);
    struct list *keys = list_create(render, dict->n), *order = list_create(render, dict->n);
    for (size_t i = 0; i < dict->n; i++) {
        list_append(render, keys, dict->entries[i].key);
        list_append(render, order, value_int((int64_t)i));
    }
    list_sort(render, order, keys, false);
    for (size_t i = 0; i < dict->n; i++) sorted[i] = &dict->entries[order->items[i].integer];
    return sorted;
}

static void print_dict(struct render *render, const struct dict *dict,
                       const struct json_style *style, int level)
{
    const struct dict_entry **sorted = style->sort_keys ? sorted_entries(render, dict) : NULL;
    emit_text(render, "{");
    for (size_t i = 0; i < dict->n; i++) {
        const struct dict_entry *entry = sorted ? sorted[i] : &dict->entries[i];
        if (i) emit(render, style->between_items);
        new_line(render, style, level + 1);
        print_key(render, entry->key, style);
        emit(render, style->after_key);
        print_any(render, entry->value, style, level + 1);
    }
    if (dict->n) new_line(render, style, level);
    emit_text(render, "}");
}

static void print_any(struct render *render, struct value value, const struct json_style *style,
                      int level)
{
    render_enter(render);
    render_charge(render, 1);
    switch (value.kind) {
    case VALUE_NONE:
        emit_text(render, "null");
        break;
    case VALUE_BOOL:
        emit_text(render, value.boolean ? "true" : "false");
        break;
    case VALUE_INT:
    case VALUE_FLOAT:
        print_number(render, value);
        break;
    case VALUE_STRING:
        print_string(render, value.text, style->ensure_ascii);
        break;
    case VALUE_LIST:
    case VALUE_TUPLE:
        print_list(render, value.list, style, level);
        break;
    case VALUE_DICT:
        print_dict(render, value.dict, style, level);
        break;
    default:
        render_fail(render, "tojson: a value of type '%s' cannot be written as JSON",
                    value_type(value));
    }
    render_leave(render);
}
