/* a.b, a[b] and a[b:c:d], and the methods of lists and dicts. What is not there is undefined,
 * except on what is undefined itself. */
#include "text/template_private.h"

static struct value method(struct render *render, struct value owner, struct slice name);
static struct value item_at(struct render *render, struct value owner, int64_t at);

/* The sandbox hides the methods that change a value, even from a dict that has such a key. */
bool attribute_is_mutation(enum value_kind owner, struct slice name)
{
    static const char *const of_list[] = {"append", "clear",  "extend",  "insert",
                                          "pop",    "remove", "reverse", "sort"};
    static const char *const of_dict[] = {"clear", "pop", "popitem", "setdefault", "update"};
    const char *const *names = owner == VALUE_LIST ? of_list : of_dict;
    size_t n = owner == VALUE_LIST   ? sizeof of_list / sizeof *of_list
               : owner == VALUE_DICT ? sizeof of_dict / sizeof *of_dict
                                     : 0;
    for (size_t i = 0; i < n; i++)
        if (slice_is(name, names[i])) return true;
    return false;
}

/* Attributes come first, then items: `message.items` is the method even if there is such a key. */
struct value attribute_get(struct render *render, struct value owner, struct slice name)
{
    if (owner.kind == VALUE_UNDEFINED) render_fail_undefined(render, owner);
    if (owner.kind == VALUE_LOOP) return loop_attribute(render, owner.loop, name);
    struct value found = method(render, owner, name);
    if (found.kind != VALUE_ABSENT) return found;
    if (owner.kind == VALUE_DICT || owner.kind == VALUE_NAMESPACE) {
        const struct value *item = dict_find_text(render, owner.dict, name);
        if (item) return *item;
    }
    return value_undefined(name, owner.kind);
}

static struct value undefined_item(struct render *render, struct value owner, struct value key)
{
    return value_undefined(print_to_text(render, key), owner.kind);
}

static bool is_hashable(struct value key)
{
    if (key.kind != VALUE_TUPLE) return key.kind <= VALUE_STRING;
    for (size_t i = 0; i < key.list->n; i++)
        if (key.list->items[i].kind > VALUE_STRING) return false;
    return true;
}

/* Items come first, then attributes. */
struct value attribute_item(struct render *render, struct value owner, struct value key)
{
    if (owner.kind == VALUE_UNDEFINED) render_fail_undefined(render, owner);
    if (owner.kind == VALUE_DICT) {
        const struct value *item = is_hashable(key) ? dict_find(render, owner.dict, key) : NULL;
        if (item) return *item;
        struct value found = {0};
        if (key.kind == VALUE_STRING) found = method(render, owner, key.text);
        return found.kind != VALUE_ABSENT ? found : undefined_item(render, owner, key);
    }
    if (key.kind == VALUE_STRING) return attribute_get(render, owner, key.text);
    if (key.kind == VALUE_INT || key.kind == VALUE_BOOL)
        return item_at(render, owner, value_integer(key));
    return undefined_item(render, owner, key);
}

static bool has_places(struct value owner)
{
    return owner.kind == VALUE_LIST || owner.kind == VALUE_TUPLE || owner.kind == VALUE_RANGE ||
           owner.kind == VALUE_STRING;
}

/* An item of something with places; `at` is inside. */
static struct value item_inside(struct value owner, size_t at)
{
    if (owner.kind == VALUE_RANGE)
        return value_int(owner.range->start + (int64_t)at * owner.range->step);
    if (owner.kind != VALUE_STRING) return owner.list->items[at];
    size_t start = unicode_offset(owner.text, at), end = start;
    unicode_next(owner.text, &end);
    struct value character = owner;
    character.text = (struct slice){owner.text.data + start, end - start};
    return character;
}

static struct value item_at(struct render *render, struct value owner, int64_t at)
{
    int64_t n = has_places(owner) ? (int64_t)value_length(render, owner) : 0;
    int64_t place = at < 0 ? at + n : at;
    if (place < 0 || place >= n) return undefined_item(render, owner, value_int(at));
    return item_inside(owner, (size_t)place);
}

/* ---- slices ---- */

struct span {
    int64_t start, step;
    size_t n;
};

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

static struct span find_span(struct render *render, struct value start, struct value stop,
                             struct value step, int64_t n)
{
    int64_t by = slot_int(render, step, 1);
    if (by == 0) render_fail(render, "a slice has step zero");
    if (by == INT64_MIN) by = -INT64_MAX;
    /* Where a slice may start and stop: one before the first place when it runs backwards. */
    int64_t low = by < 0 ? -1 : 0, high = by < 0 ? n - 1 : n;
    int64_t from = slot_int(render, start, by < 0 ? INT64_MAX : 0);
    int64_t to = slot_int(render, stop, by < 0 ? INT64_MIN : INT64_MAX);
    bool to_the_end = stop.kind == VALUE_NONE;
    from = clamp(from < 0 ? from + n : from, low, high);
    to = to_the_end ? (by < 0 ? -1 : n) : clamp(to < 0 ? to + n : to, low, high);
    if (by > 0 ? from >= to : from <= to) return (struct span){from, by, 0};
    int64_t distance = by > 0 ? to - from : from - to, stride = by > 0 ? by : -by;
    return (struct span){from, by, (size_t)((distance - 1) / stride + 1)};
}

static struct value slice_string(struct render *render, struct value owner, struct span span)
{
    struct value result = owner;
    render_charge_bytes(render, owner.text.n_bytes);
    if (span.step == 1) {
        struct slice rest = owner.text;
        size_t start = unicode_offset(rest, (size_t)span.start);
        rest = (struct slice){rest.data + start, rest.n_bytes - start};
        result.text = (struct slice){rest.data, unicode_offset(rest, span.n)};
        return result;
    }
    const struct list *characters = list_from(render, owner);
    size_t mark = capture_begin(render);
    for (size_t i = 0; i < span.n; i++)
        emit(render, characters->items[span.start + (int64_t)i * span.step].text);
    result.text = capture_end(render, mark);
    return result;
}

static struct value slice_range(struct render *render, struct value owner, struct span span)
{
    struct range *range = render_alloc(render, 1, sizeof *range);
    const struct range *old = owner.range;
    /* A step that leaves the range makes a range of one item, whatever its step. */
    int64_t step = span.n > 1 ? span.step * old->step : 1;
    *range =
        (struct range){.start = old->start + span.start * old->step, .step = step, .n = span.n};
    range->stop = range->start + (int64_t)span.n * step;
    return (struct value){.kind = VALUE_RANGE, .range = range};
}

/* Lists do not change once they are made, so a run of one needs no copy. */
static struct value share_list(struct render *render, struct value owner, struct span span)
{
    struct list *run = render_alloc(render, 1, sizeof *run);
    *run = (struct list){.n = span.n, .capacity = span.n};
    if (span.n) run->items = owner.list->items + span.start;
    return (struct value){.kind = owner.kind, .list = run};
}

struct value attribute_slice(struct render *render, struct value owner, struct value start,
                             struct value stop, struct value step)
{
    if (owner.kind == VALUE_UNDEFINED) render_fail_undefined(render, owner);
    if (!has_places(owner))
        render_fail(render, "a value of type '%s' cannot be sliced", value_type(owner));
    struct span span = find_span(render, start, stop, step, (int64_t)value_length(render, owner));
    if (owner.kind == VALUE_STRING) return slice_string(render, owner, span);
    if (owner.kind == VALUE_RANGE) return slice_range(render, owner, span);
    if (span.step == 1) return share_list(render, owner, span);
    struct list *list = list_create(render, span.n);
    render_charge(render, span.n / 8);
    for (size_t i = 0; i < span.n; i++)
        list_append(render, list, owner.list->items[span.start + (int64_t)i * span.step]);
    return (struct value){.kind = owner.kind, .list = list};
}

/* ---- paths ---- */

/* A part that is all digits is a place. */
static struct value path_key(struct slice part)
{
    int64_t place = 0;
    for (size_t i = 0; i < part.n_bytes; i++) {
        char c = part.data[i];
        if (c < '0' || c > '9' || i >= 15) return value_text(part);
        place = place * 10 + c - '0';
    }
    return part.n_bytes ? value_int(place) : value_text(part);
}

struct value attribute_path(struct render *render, struct value owner, struct value path,
                            struct value otherwise)
{
    if (path.kind == VALUE_ABSENT || path.kind == VALUE_NONE) return owner;
    struct slice rest = path.kind == VALUE_STRING ? path.text : (struct slice){0};
    bool more = true;
    while (more) {
        const char *dot = rest.n_bytes ? memchr(rest.data, '.', rest.n_bytes) : NULL;
        struct slice part = {rest.data, dot ? (size_t)(dot - rest.data) : rest.n_bytes};
        owner = attribute_item(render, owner, path.kind == VALUE_STRING ? path_key(part) : path);
        bool has_default = otherwise.kind != VALUE_ABSENT && otherwise.kind != VALUE_NONE;
        if (owner.kind == VALUE_UNDEFINED && has_default) owner = otherwise;
        more = dot != NULL;
        if (more) rest = (struct slice){dot + 1, rest.n_bytes - part.n_bytes - 1};
    }
    return owner;
}

/* ---- methods ---- */

static BUILTIN(list_index)
{
    for (size_t i = 0; i < self.list->n; i++)
        if (value_equal(render, self.list->items[i], slots[0])) return value_int((int64_t)i);
    render_fail(render, "index() does not find the value");
}

static BUILTIN(list_count)
{
    int64_t n = 0;
    for (size_t i = 0; i < self.list->n; i++)
        n += value_equal(render, self.list->items[i], slots[0]);
    return value_int(n);
}

static BUILTIN(list_copy)
{
    return attribute_slice(render, self, NONE, NONE, NONE);
}

static BUILTIN(dict_get)
{
    const struct value *item = dict_find(render, self.dict, slots[0]);
    return item ? *item : slots[1].kind == VALUE_ABSENT ? NONE : slots[1];
}

static struct value view(struct render *render, const struct dict *dict, bool keys, bool values)
{
    struct list *list = list_create(render, dict->n);
    render_charge(render, dict->n);
    for (size_t i = 0; i < dict->n; i++) {
        const struct dict_entry *entry = &dict->entries[i];
        list_append(render, list,
                    keys && values ? list_of_two(render, entry->key, entry->value)
                    : keys         ? entry->key
                                   : entry->value);
    }
    return (struct value){.kind = VALUE_VIEW, .list = list};
}

static BUILTIN(dict_items)
{
    return view(render, self.dict, true, true);
}

static BUILTIN(dict_keys)
{
    return view(render, self.dict, true, false);
}

static BUILTIN(dict_values)
{
    return view(render, self.dict, false, true);
}

static BUILTIN(dict_copy)
{
    struct dict *copy = dict_create(render, self.dict->n);
    for (size_t i = 0; i < self.dict->n; i++)
        dict_set(render, copy, self.dict->entries[i].key, self.dict->entries[i].value);
    return (struct value){.kind = VALUE_DICT, .dict = copy};
}

static const struct builtin list_methods[] = {
    {"index", "value", 1, list_index},
    {"count", "value", 1, list_count},
    {"copy", "", 0, list_copy},
};

static const struct builtin dict_methods[] = {
    {"get", "key default", 1, dict_get}, {"items", "", 0, dict_items}, {"keys", "", 0, dict_keys},
    {"values", "", 0, dict_values},      {"copy", "", 0, dict_copy},
};

const struct builtin *attribute_find_method(struct value owner, struct slice name)
{
    switch (owner.kind) {
    case VALUE_STRING:
        return string_find_method(name);
    case VALUE_LIST:
        return builtin_find(list_methods, sizeof list_methods / sizeof *list_methods, name);
    case VALUE_TUPLE:
        return builtin_find(list_methods, 2, name); /* which is not copied */
    case VALUE_DICT:
        return builtin_find(dict_methods, sizeof dict_methods / sizeof *dict_methods, name);
    default:
        return NULL;
    }
}

/* The method that `owner` has under that name; VALUE_ABSENT if none. */
static struct value method(struct render *render, struct value owner, struct slice name)
{
    if (attribute_is_mutation(owner.kind, name)) return value_undefined(name, owner.kind);
    if (owner.kind == VALUE_MACRO && slice_is(name, "name"))
        return value_text(owner.macro->node->text);
    const struct builtin *found = attribute_find_method(owner, name);
    return found ? function_value(render, found, owner) : (struct value){0};
}
