/* Values: truth, equality, order, length and iteration, as Python defines them. */
#include "text/template_private.h"

#include <math.h>

struct value value_undefined(struct slice name, enum value_kind owner)
{
    return (struct value){.kind = VALUE_UNDEFINED, .owner = (uint8_t)owner, .text = name};
}

const char *value_type(struct value value)
{
    static const char *const names[] = {
        [VALUE_ABSENT] = "nothing",   [VALUE_UNDEFINED] = "Undefined",
        [VALUE_NONE] = "NoneType",    [VALUE_BOOL] = "bool",
        [VALUE_INT] = "int",          [VALUE_FLOAT] = "float",
        [VALUE_STRING] = "str",       [VALUE_LIST] = "list",
        [VALUE_TUPLE] = "tuple",      [VALUE_GENERATOR] = "generator",
        [VALUE_VIEW] = "dict view",   [VALUE_RANGE] = "range",
        [VALUE_DICT] = "dict",        [VALUE_NAMESPACE] = "Namespace",
        [VALUE_MACRO] = "Macro",      [VALUE_FUNCTION] = "function",
        [VALUE_LOOP] = "LoopContext",
    };
    return names[value.kind];
}

bool value_is_number(struct value value)
{
    return value.kind == VALUE_BOOL || value.kind == VALUE_INT || value.kind == VALUE_FLOAT;
}

int64_t value_integer(struct value value)
{
    return value.kind == VALUE_BOOL ? value.boolean : value.integer;
}

double value_number(struct value value)
{
    return value.kind == VALUE_FLOAT ? value.number : (double)value_integer(value);
}

bool value_truth(struct render *render, struct value value)
{
    switch (value.kind) {
    case VALUE_ABSENT:
    case VALUE_UNDEFINED:
    case VALUE_NONE:
        return false;
    case VALUE_BOOL:
        return value.boolean;
    case VALUE_INT:
        return value.integer != 0;
    case VALUE_FLOAT:
        return value.number != 0;
    default:
        return !value_has_length(value) || value_length(render, value) != 0;
    }
}

/* -1, 0, 1; 2 where a NaN has no order. Integers too large for a double compare exactly. */
static int compare_numbers(struct value a, struct value b)
{
    if (a.kind != VALUE_FLOAT && b.kind != VALUE_FLOAT) {
        int64_t x = value_integer(a), y = value_integer(b);
        return (x > y) - (x < y);
    }
    if (a.kind == VALUE_FLOAT && b.kind == VALUE_FLOAT) {
        if (isnan(a.number) || isnan(b.number)) return 2;
        return (a.number > b.number) - (a.number < b.number);
    }
    if (a.kind == VALUE_FLOAT) {
        int order = compare_numbers(b, a);
        return order == 2 ? 2 : -order;
    }
    int64_t x = value_integer(a);
    if (isnan(b.number)) return 2;
    if (b.number >= 0x1p63) return -1;
    if (b.number < -0x1p63) return 1;
    int64_t whole = (int64_t)b.number;
    if (x != whole) return x > whole ? 1 : -1;
    double rest = b.number - (double)whole;
    return (rest < 0) - (rest > 0);
}

static int compare_text(struct slice a, struct slice b)
{
    size_t n = a.n_bytes < b.n_bytes ? a.n_bytes : b.n_bytes;
    int order = n ? memcmp(a.data, b.data, n) : 0;
    if (order) return order < 0 ? -1 : 1;
    return (a.n_bytes > b.n_bytes) - (a.n_bytes < b.n_bytes);
}

static bool equal_lists(struct render *render, const struct list *a, const struct list *b)
{
    if (a->n != b->n) return false;
    for (size_t i = 0; i < a->n; i++)
        if (!value_equal(render, a->items[i], b->items[i])) return false;
    return true;
}

static bool equal_dicts(struct render *render, const struct dict *a, const struct dict *b)
{
    if (a->n != b->n) return false;
    for (size_t i = 0; i < a->n; i++) {
        const struct value *other = dict_find(render, b, a->entries[i].key);
        if (!other || !value_equal(render, a->entries[i].value, *other)) return false;
    }
    return true;
}

bool value_equal(struct render *render, struct value a, struct value b)
{
    render_charge(render, 1);
    if (value_is_number(a) && value_is_number(b)) return compare_numbers(a, b) == 0;
    if (a.kind != b.kind) return false;
    bool equal;
    switch (a.kind) {
    case VALUE_ABSENT:
    case VALUE_UNDEFINED:
    case VALUE_NONE:
        return true;
    case VALUE_STRING:
        render_charge_bytes(render, a.text.n_bytes);
        return slice_equal(a.text, b.text);
    case VALUE_RANGE:
        return a.range->n == b.range->n &&
               (a.range->n == 0 || (a.range->start == b.range->start &&
                                    (a.range->n == 1 || a.range->step == b.range->step)));
    case VALUE_LIST:
    case VALUE_TUPLE:
        render_enter(render);
        equal = equal_lists(render, a.list, b.list);
        render_leave(render);
        return equal;
    case VALUE_DICT:
        render_enter(render);
        equal = equal_dicts(render, a.dict, b.dict);
        render_leave(render);
        return equal;
    default:
        return value_same(a, b);
    }
}

bool value_same(struct value a, struct value b)
{
    if (a.kind != b.kind) return false;
    switch (a.kind) {
    case VALUE_NONE:
        return true;
    case VALUE_BOOL:
        return a.boolean == b.boolean;
    case VALUE_INT:
        return a.integer == b.integer;
    case VALUE_FLOAT:
        return a.number == b.number;
    case VALUE_STRING:
        return slice_equal(a.text, b.text);
    case VALUE_UNDEFINED:
        return false;
    default:
        return a.list == b.list;
    }
}

static int compare_lists(struct render *render, const struct list *a, const struct list *b)
{
    for (size_t i = 0; i < a->n && i < b->n; i++)
        if (!value_equal(render, a->items[i], b->items[i]))
            return value_compare(render, a->items[i], b->items[i]);
    return (a->n > b->n) - (a->n < b->n);
}

int value_compare(struct render *render, struct value a, struct value b)
{
    render_charge(render, 1);
    if (value_is_number(a) && value_is_number(b)) return compare_numbers(a, b);
    if (a.kind == VALUE_UNDEFINED) render_fail_undefined(render, a);
    if (b.kind == VALUE_UNDEFINED) render_fail_undefined(render, b);
    if (a.kind == VALUE_STRING && b.kind == VALUE_STRING) {
        render_charge_bytes(render, a.text.n_bytes);
        return compare_text(a.text, b.text);
    }
    if (a.kind == b.kind && (a.kind == VALUE_LIST || a.kind == VALUE_TUPLE)) {
        render_enter(render);
        int order = compare_lists(render, a.list, b.list);
        render_leave(render);
        return order;
    }
    render_fail(render, "'%s' and '%s' have no order", value_type(a), value_type(b));
}

bool value_has_length(struct value value)
{
    switch (value.kind) {
    case VALUE_UNDEFINED:
    case VALUE_STRING:
    case VALUE_LIST:
    case VALUE_TUPLE:
    case VALUE_VIEW:
    case VALUE_RANGE:
    case VALUE_DICT:
    case VALUE_LOOP:
        return true;
    default:
        return false;
    }
}

size_t value_length(struct render *render, struct value value)
{
    switch (value.kind) {
    case VALUE_UNDEFINED:
        return 0;
    case VALUE_STRING:
        render_charge_bytes(render, value.text.n_bytes);
        return unicode_length(value.text);
    case VALUE_LIST:
    case VALUE_TUPLE:
    case VALUE_VIEW:
        return value.list->n;
    case VALUE_RANGE:
        return value.range->n;
    case VALUE_DICT:
        return value.dict->n;
    case VALUE_LOOP:
        return value.loop->n;
    default:
        render_fail(render, "a value of type '%s' has no length", value_type(value));
    }
}

bool value_contains(struct render *render, struct value container, struct value item)
{
    if (container.kind == VALUE_STRING) {
        if (item.kind != VALUE_STRING)
            render_fail(render, "'in' a string needs a string on its left, not '%s'",
                        value_type(item));
        render_charge_bytes(render, container.text.n_bytes);
        return item.text.n_bytes == 0 ||
               (container.text.n_bytes && memmem(container.text.data, container.text.n_bytes,
                                                 item.text.data, item.text.n_bytes));
    }
    if (container.kind == VALUE_DICT) return dict_find(render, container.dict, item) != NULL;
    if (!cursor_is_possible(container))
        render_fail(render, "a value of type '%s' cannot be searched with 'in'",
                    value_type(container));
    struct cursor cursor = cursor_open(render, container);
    struct value found;
    while (cursor_next(render, &cursor, &found))
        if (value_equal(render, found, item)) return true;
    return false;
}

/* ---- lists and iteration ---- */

struct list *list_create(struct render *render, size_t capacity)
{
    struct list *list = render_alloc(render, 1, sizeof *list);
    *list = (struct list){.capacity = capacity};
    if (capacity) list->items = render_alloc(render, capacity, sizeof *list->items);
    return list;
}

void list_append(struct render *render, struct list *list, struct value item)
{
    if (list->n == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 4;
        struct value *items = render_alloc(render, capacity, sizeof *items);
        if (list->n) memcpy(items, list->items, list->n * sizeof *items);
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->n++] = item;
}

void list_reverse(struct list *list)
{
    for (size_t i = 0; i < list->n / 2; i++) {
        struct value swap = list->items[i];
        list->items[i] = list->items[list->n - 1 - i];
        list->items[list->n - 1 - i] = swap;
    }
}

/* Merges the sorted runs [from, middle) and [middle, to) of `places` by way of `scratch`. */
static void merge(struct render *render, const struct list *keys, size_t *places, size_t *scratch,
                  const size_t run[3], int sign)
{
    size_t a = run[0], b = run[1];
    for (size_t i = run[0]; i < run[2]; i++) {
        bool take_b = a == run[1];
        if (!take_b && b < run[2])
            take_b =
                sign * value_compare(render, keys->items[places[b]], keys->items[places[a]]) < 0;
        scratch[i] = places[take_b ? b++ : a++];
    }
    memcpy(places + run[0], scratch + run[0], (run[2] - run[0]) * sizeof *places);
}

void list_sort(struct render *render, struct list *items, struct list *keys, bool reverse)
{
    size_t n = items->n;
    size_t *places = render_alloc(render, n, sizeof *places);
    size_t *scratch = render_alloc(render, n, sizeof *scratch);
    struct value *sorted = render_alloc(render, n, sizeof *sorted);
    for (size_t i = 0; i < n; i++) places[i] = i;
    for (size_t width = 1; width < n; width *= 2)
        for (size_t from = 0; from + width < n; from += 2 * width) {
            size_t to = from + 2 * width < n ? from + 2 * width : n;
            merge(render, keys, places, scratch, (size_t[]){from, from + width, to},
                  reverse ? -1 : 1);
        }
    for (size_t i = 0; i < n; i++) sorted[i] = items->items[places[i]];
    if (n) memcpy(items->items, sorted, n * sizeof *sorted);
}

struct value list_of_two(struct render *render, struct value a, struct value b)
{
    struct list *pair = list_create(render, 2);
    list_append(render, pair, a);
    list_append(render, pair, b);
    return (struct value){.kind = VALUE_TUPLE, .list = pair};
}

struct list *list_from(struct render *render, struct value iterable)
{
    if (iterable.kind == VALUE_LIST || iterable.kind == VALUE_TUPLE || iterable.kind == VALUE_VIEW)
        return iterable.list;
    struct cursor cursor = cursor_open(render, iterable);
    bool counts_cheaply = iterable.kind == VALUE_DICT || iterable.kind == VALUE_RANGE;
    struct list *list = list_create(render, counts_cheaply ? value_length(render, iterable) : 0);
    struct value item;
    while (cursor_next(render, &cursor, &item)) list_append(render, list, item);
    return list;
}

bool cursor_is_possible(struct value source)
{
    return (value_has_length(source) && source.kind != VALUE_LOOP) ||
           source.kind == VALUE_GENERATOR;
}

struct cursor cursor_open(struct render *render, struct value source)
{
    if (!cursor_is_possible(source))
        render_fail(render, "a value of type '%s' cannot be walked through", value_type(source));
    return (struct cursor){.source = source};
}

static bool next_character(struct slice text, size_t *at, struct value *item)
{
    if (*at >= text.n_bytes) return false;
    size_t start = *at;
    unicode_next(text, at);
    *item = value_text((struct slice){text.data + start, *at - start});
    return true;
}

bool cursor_next(struct render *render, struct cursor *cursor, struct value *item)
{
    struct value source = cursor->source;
    render_charge(render, 1);
    switch (source.kind) {
    case VALUE_STRING:
        return next_character(source.text, &cursor->at, item);
    case VALUE_GENERATOR:
        if (source.list->n_taken >= source.list->n) return false;
        *item = source.list->items[source.list->n_taken++];
        return true;
    case VALUE_LIST:
    case VALUE_TUPLE:
    case VALUE_VIEW:
        if (cursor->at >= source.list->n) return false;
        *item = source.list->items[cursor->at++];
        return true;
    case VALUE_RANGE:
        if (cursor->at >= source.range->n) return false;
        *item = value_int(source.range->start + (int64_t)cursor->at++ * source.range->step);
        return true;
    case VALUE_DICT:
        if (cursor->at >= source.dict->n) return false;
        *item = source.dict->entries[cursor->at++].key;
        return true;
    default:
        return false;
    }
}
