#include "text/tool_types.h"

#include "text/json_scan.h"

enum { IS_STRING = 1, IS_NUMBER = 2, IS_BOOLEAN = 4, IS_NULL = 8, IS_OBJECT = 16, IS_ARRAY = 32 };
enum { MAX_DEPTH = 8 };

static int declared_types(const json_t *tools, struct slice tool, struct slice name);
static const json_t *find_tool(const json_t *tools, struct slice tool);
static const json_t *schema_in(const json_t *tool, struct slice name);
static int types_of(const json_t *schema, int depth);
static int type_named(const char *name);
static int type_of_value(const json_t *value);
static int type_of_json(struct slice text);
static struct slice in_json(struct slice text);
static struct slice trimmed(struct slice text);

bool tool_is_offered(const json_t *tools, struct slice tool)
{
    return find_tool(tools, tool) != NULL;
}

bool parameter_is_text(const json_t *tools, struct slice tool, struct slice name)
{
    return declared_types(tools, tool, name) == IS_STRING;
}

/* Where strings are allowed beside numbers or booleans, a string is never wrong. */
struct slice parameter_json(const json_t *tools, struct slice tool, struct slice name,
                            struct slice value)
{
    int types = declared_types(tools, tool, name);
    struct slice json = in_json(trimmed(value));
    int type = type_of_json(json);
    if (types == 0) types = ~IS_STRING;
    if (types & IS_STRING) types &= ~(IS_NUMBER | IS_BOOLEAN | IS_STRING);
    return type & types ? json : (struct slice){NULL, 0};
}

/* 0: nothing is declared. */
static int declared_types(const json_t *tools, struct slice tool, struct slice name)
{
    return types_of(schema_in(find_tool(tools, tool), name), 0);
}

/* A tool is {"function": {...}} or the function itself. */
static const json_t *find_tool(const json_t *tools, struct slice tool)
{
    size_t i;
    json_t *item;
    json_array_foreach((json_t *)tools, i, item)
    {
        const json_t *function = json_object_get(item, "function");
        if (!function) function = item;
        const json_t *its_name = json_object_get(function, "name");
        struct slice text = {json_string_value(its_name), json_string_length(its_name)};
        if (text.data && slice_equal(text, tool)) return function;
    }
    return NULL;
}

static const json_t *schema_in(const json_t *tool, struct slice name)
{
    static const char *const keys[] = {"parameters", "input_schema"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const json_t *properties = json_object_get(json_object_get(tool, keys[i]), "properties");
        const json_t *schema = json_object_getn(properties, name.data, name.n_bytes);
        if (schema) return schema;
    }
    return NULL;
}

static int types_of(const json_t *schema, int depth)
{
    static const char *const unions[] = {"anyOf", "oneOf"};
    size_t i;
    json_t *item;
    int types = 0;
    const json_t *type = json_object_get(schema, "type");
    if (depth == MAX_DEPTH) return 0;
    if (json_is_string(type)) types = type_named(json_string_value(type));
    json_array_foreach((json_t *)type, i, item) if (json_is_string(item)) types |=
        type_named(json_string_value(item));
    for (size_t u = 0; u < sizeof unions / sizeof *unions; u++)
        json_array_foreach(json_object_get(schema, unions[u]), i, item) types |=
            types_of(item, depth + 1);
    if (types == 0)
        json_array_foreach(json_object_get(schema, "enum"), i, item) types |= type_of_value(item);
    if (json_is_true(json_object_get(schema, "nullable"))) types |= types ? IS_NULL : 0;
    return types;
}

static int type_named(const char *name)
{
    static const struct {
        const char *name;
        int type;
    } types[] = {
        {"string", IS_STRING},   {"number", IS_NUMBER}, {"integer", IS_NUMBER},
        {"boolean", IS_BOOLEAN}, {"null", IS_NULL},     {"object", IS_OBJECT},
        {"array", IS_ARRAY},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, name) == 0) return types[i].type;
    return 0;
}

static int type_of_value(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return IS_OBJECT;
    case JSON_ARRAY:
        return IS_ARRAY;
    case JSON_STRING:
        return IS_STRING;
    case JSON_INTEGER:
    case JSON_REAL:
        return IS_NUMBER;
    case JSON_NULL:
        return IS_NULL;
    default:
        return IS_BOOLEAN;
    }
}

/* 0: the text is no JSON, or a string. The text is not read into numbers, which would round them.
 */
static int type_of_json(struct slice text)
{
    struct json_scan scan = {0};
    enum json_scan_result result = JSON_SCAN_MORE;
    for (size_t i = 0; i < text.n_bytes; i++) {
        if (result != JSON_SCAN_MORE) return 0;
        bool in_string = json_scan_in_string(&scan);
        if (in_string && (unsigned char)text.data[i] < ' ') return 0;
        result = json_scan_push(&scan, text.data[i]);
    }
    bool is_number = result == JSON_SCAN_MORE && json_scan_push(&scan, ' ') == JSON_SCAN_PAST;
    if (is_number) return IS_NUMBER;
    if (result != JSON_SCAN_LAST) return 0;
    switch (text.data[0]) {
    case '{':
        return IS_OBJECT;
    case '[':
        return IS_ARRAY;
    case 'n':
        return IS_NULL;
    case '"':
        return 0;
    default:
        return IS_BOOLEAN;
    }
}

/* Templates write values as Python does. */
static struct slice in_json(struct slice text)
{
    if (slice_is(text, "True")) return slice_of("true");
    if (slice_is(text, "False")) return slice_of("false");
    if (slice_is(text, "None")) return slice_of("null");
    return text;
}

static struct slice trimmed(struct slice text)
{
    const char *spaces = " \n\r\t";
    while (text.n_bytes && strchr(spaces, text.data[0]) && text.data[0])
        text = (struct slice){text.data + 1, text.n_bytes - 1};
    while (text.n_bytes && strchr(spaces, text.data[text.n_bytes - 1]) &&
           text.data[text.n_bytes - 1])
        text.n_bytes--;
    return text;
}
