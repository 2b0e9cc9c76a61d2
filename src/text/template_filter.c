/* Filters on values and sequences; those on text are in template_filter_text.c, those that take
 * another filter or test in template_filter_select.c. */
#include "text/template_private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static struct value generator(struct list *list)
{
    return (struct value){.kind = VALUE_GENERATOR, .list = list};
}

static struct value lower_case(struct render *render, struct value value, bool case_sensitive)
{
    if (case_sensitive || value.kind != VALUE_STRING) return value;
    size_t mark = capture_begin(render);
    unicode_print_case(render, value.text, CASE_LOWER);
    return value_text(capture_end(render, mark));
}

/* What each item is compared by. */
static struct list *keys_of(struct render *render, const struct list *items, struct value attribute,
                            struct value otherwise, bool case_sensitive)
{
    struct list *keys = list_create(render, items->n);
    for (size_t i = 0; i < items->n; i++) {
        struct value key = attribute_path(render, items->items[i], attribute, otherwise);
        list_append(render, keys, lower_case(render, key, case_sensitive));
    }
    return keys;
}

static struct list *copy_list(struct render *render, const struct list *from)
{
    struct list *copy = list_create(render, from->n);
    render_charge(render, from->n / 8);
    if (from->n) memcpy(copy->items, from->items, from->n * sizeof *from->items);
    copy->n = from->n;
    return copy;
}

/* ---- one value ---- */

static BUILTIN(filter_default)
{
    bool replace = self.kind == VALUE_UNDEFINED ||
                   (slot_truth(render, slots[1], false) && !value_truth(render, self));
    if (!replace) return self;
    return slots[0].kind == VALUE_ABSENT ? value_text(slice_of("")) : slots[0];
}

static BUILTIN(filter_length)
{
    return value_int((int64_t)value_length(render, self));
}

static BUILTIN(filter_abs)
{
    bool negative = value_is_number(self) && value_number(self) < 0;
    return operate_negative(render, self, negative);
}

/* The whole number that `text` is, with a sign and white space around; false if it is none. */
static bool read_int(struct slice text, int base, int64_t *out)
{
    char copy[72];
    text = unicode_strip(text, NULL, true, true);
    if (!text.n_bytes || text.n_bytes >= sizeof copy || base == 1 || base < 0 || base > 36)
        return false;
    size_t n = 0;
    for (size_t i = 0; i < text.n_bytes; i++) {
        bool between = i && i + 1 < text.n_bytes && text.data[i - 1] != '_';
        if (text.data[i] != '_' || !between) copy[n++] = text.data[i];
    }
    copy[n] = 0;
    char *end;
    *out = strtoll(copy, &end, base);
    bool in_range = *out != INT64_MAX && *out != INT64_MIN;
    return end > copy && !*end && in_range;
}

static bool read_float(struct slice text, double *out)
{
    char copy[72];
    text = unicode_strip(text, NULL, true, true);
    if (!text.n_bytes || text.n_bytes >= sizeof copy) return false;
    memcpy(copy, text.data, text.n_bytes);
    copy[text.n_bytes] = 0;
    bool negative = copy[0] == '-';
    const char *word = copy + (copy[0] == '-' || copy[0] == '+'), *end;
    if (!strcasecmp(word, "inf") || !strcasecmp(word, "infinity") || !strcasecmp(word, "nan")) {
        *out = (word[0] | 0x20) == 'n' ? NAN : negative ? -INFINITY : INFINITY;
        return true;
    }
    *out = number_read(copy, &end);
    return end == copy + text.n_bytes;
}

static BUILTIN(filter_int)
{
    int64_t integer;
    double number;
    struct value otherwise = slots[0].kind == VALUE_ABSENT ? value_int(0) : slots[0];
    if (self.kind == VALUE_UNDEFINED) render_fail_undefined(render, self);
    if (self.kind == VALUE_STRING &&
        read_int(self.text, (int)slot_int(render, slots[1], 10), &integer))
        return value_int(integer);
    if (self.kind == VALUE_INT || self.kind == VALUE_BOOL) return value_int(value_integer(self));
    if (self.kind == VALUE_FLOAT)
        number = self.number;
    else if (self.kind != VALUE_STRING || !read_float(self.text, &number))
        return otherwise;
    if (isnan(number) || isinf(number)) return otherwise;
    if (number >= 0x1p63 || number < -0x1p63)
        render_fail(render, "a number is too large for an integer");
    return value_int((int64_t)number);
}

static BUILTIN(filter_float)
{
    double number;
    if (self.kind == VALUE_UNDEFINED) render_fail_undefined(render, self);
    if (value_is_number(self)) return value_float(value_number(self));
    if (self.kind == VALUE_STRING && read_float(self.text, &number)) return value_float(number);
    return slots[0].kind == VALUE_ABSENT ? value_float(0) : slots[0];
}

/* Rounds the decimal value, halves to even, as Python's round() does. */
static double round_decimal(double number, int64_t precision)
{
    char text[400];
    if (isnan(number) || isinf(number) || precision > 300) return number;
    if (precision < 0) {
        double scale = pow(10, (double)(precision < -300 ? 300 : -precision));
        return nearbyint(number / scale) * scale;
    }
    int n = snprintf(text, sizeof text, "%.*f", (int)precision, number);
    return n > 0 && (size_t)n < sizeof text ? strtod(text, NULL) : number;
}

static BUILTIN(filter_round)
{
    int64_t precision = slot_int(render, slots[0], 0);
    render_charge(render, (size_t)(precision > 0 && precision < 300 ? precision : 300) / 8);
    struct slice how = slot_text(render, slots[1], "common");
    if (self.kind == VALUE_UNDEFINED) render_fail_undefined(render, self);
    if (!value_is_number(self))
        render_fail(render, "round: '%s' is not a number", value_type(self));
    if (slice_is(how, "common")) {
        if (self.kind == VALUE_FLOAT) return value_float(round_decimal(self.number, precision));
        if (precision >= 0) return value_int(value_integer(self));
        return value_int((int64_t)round_decimal(value_number(self), precision));
    }
    if (!slice_is(how, "ceil") && !slice_is(how, "floor"))
        render_fail(render, "round: the method is common, ceil or floor");
    double scale = pow(10, (double)precision), scaled = value_number(self) * scale;
    return value_float((slice_is(how, "ceil") ? ceil(scaled) : floor(scaled)) / scale);
}

static BUILTIN(filter_tojson)
{
    struct json_style style = {.ensure_ascii = slot_truth(render, slots[0], false),
                               .sort_keys = slot_truth(render, slots[3], false),
                               .between_items = slice_of(", "),
                               .after_key = slice_of(": "),
                               .indent = slice_of("")};
    if (slots[1].kind == VALUE_STRING) {
        style.indented = true;
        style.indent = slots[1].text;
    } else if (slots[1].kind != VALUE_ABSENT && slots[1].kind != VALUE_NONE) {
        size_t mark = capture_begin(render);
        for (int64_t i = slot_int(render, slots[1], 0); i > 0; i--) emit_text(render, " ");
        style.indented = true;
        style.indent = capture_end(render, mark);
    }
    if (style.indented) style.between_items = slice_of(",");
    if (slots[2].kind == VALUE_LIST || slots[2].kind == VALUE_TUPLE) {
        if (slots[2].list->n != 2) render_fail(render, "tojson: separators are two strings");
        style.between_items = slot_text(render, slots[2].list->items[0], NULL);
        style.after_key = slot_text(render, slots[2].list->items[1], NULL);
    }
    size_t mark = capture_begin(render);
    json_print(render, self, &style);
    return value_text(capture_end(render, mark));
}

/* ---- sequences ---- */

static BUILTIN(filter_first)
{
    struct value item;
    struct cursor cursor = cursor_open(render, self);
    return cursor_next(render, &cursor, &item) ? item : UNDEFINED;
}

static BUILTIN(filter_last)
{
    if (self.kind == VALUE_GENERATOR)
        render_fail(render, "last: a generator has no last item, use list first");
    const struct list *list = list_from(render, self);
    return list->n ? list->items[list->n - 1] : UNDEFINED;
}

static BUILTIN(filter_list)
{
    return value_list(copy_list(render, list_from(render, self)));
}

static BUILTIN(filter_items)
{
    struct list *items = list_create(render, 0);
    if (self.kind == VALUE_UNDEFINED) return generator(items);
    if (self.kind != VALUE_DICT)
        render_fail(render, "items: '%s' is not a mapping", value_type(self));
    for (size_t i = 0; i < self.dict->n; i++)
        list_append(render, items,
                    list_of_two(render, self.dict->entries[i].key, self.dict->entries[i].value));
    return generator(items);
}

static BUILTIN(filter_join)
{
    struct slice separator =
        slots[0].kind == VALUE_ABSENT ? slice_of("") : print_to_text(render, slots[0]);
    struct cursor cursor = cursor_open(render, self);
    struct value item;
    size_t mark = capture_begin(render), n = 0;
    while (cursor_next(render, &cursor, &item)) {
        if (n++) emit(render, separator);
        print_value(render, attribute_path(render, item, slots[1], (struct value){0}));
    }
    return value_text(capture_end(render, mark));
}

static BUILTIN(filter_reverse)
{
    struct list *reversed = copy_list(render, list_from(render, self));
    list_reverse(reversed);
    if (self.kind != VALUE_STRING) return generator(reversed);
    size_t mark = capture_begin(render);
    for (size_t i = 0; i < reversed->n; i++) emit(render, reversed->items[i].text);
    self.text = capture_end(render, mark);
    return self;
}

static BUILTIN(filter_sort)
{
    struct list *items = copy_list(render, list_from(render, self));
    struct list *keys = list_create(render, items->n);
    bool case_sensitive = slot_truth(render, slots[1], false);
    struct slice paths = slots[2].kind == VALUE_STRING ? slots[2].text : (struct slice){0};
    if (!memchr(paths.data ? paths.data : "", ',', paths.n_bytes)) {
        keys = keys_of(render, items, slots[2], (struct value){0}, case_sensitive);
    } else { /* several attributes, with commas between them */
        struct slice comma = slice_of(",");
        const struct list *parts = split_text(render, paths, &comma, -1, false);
        for (size_t i = 0; i < items->n; i++) {
            struct list *key = list_create(render, parts->n);
            for (size_t j = 0; j < parts->n; j++)
                list_append(render, key,
                            lower_case(render,
                                       attribute_path(render, items->items[i], parts->items[j],
                                                      (struct value){0}),
                                       case_sensitive));
            list_append(render, keys, value_list(key));
        }
    }
    list_sort(render, items, keys, slot_truth(render, slots[0], false));
    return value_list(items);
}

static BUILTIN(filter_dictsort)
{
    struct slice by = slot_text(render, slots[1], "key");
    if (self.kind != VALUE_DICT)
        render_fail(render, "dictsort: '%s' is not a mapping", value_type(self));
    if (!slice_is(by, "key") && !slice_is(by, "value"))
        render_fail(render, "dictsort: by is key or value");
    struct list *items = list_create(render, self.dict->n);
    for (size_t i = 0; i < self.dict->n; i++)
        list_append(render, items,
                    list_of_two(render, self.dict->entries[i].key, self.dict->entries[i].value));
    struct value place = value_int(slice_is(by, "value"));
    struct list *keys =
        keys_of(render, items, place, (struct value){0}, slot_truth(render, slots[0], false));
    list_sort(render, items, keys, slot_truth(render, slots[2], false));
    return value_list(items);
}

static BUILTIN(filter_unique)
{
    const struct list *items = list_from(render, self);
    const struct list *keys =
        keys_of(render, items, slots[1], (struct value){0}, slot_truth(render, slots[0], false));
    struct dict *seen = dict_create(render, 0);
    struct list *unique = list_create(render, 0);
    for (size_t i = 0; i < items->n; i++) {
        if (dict_find(render, seen, keys->items[i])) continue;
        dict_set(render, seen, keys->items[i], NONE);
        list_append(render, unique, items->items[i]);
    }
    return generator(unique);
}

static struct value extreme(struct render *render, struct value self, const struct value *slots,
                            int sign)
{
    const struct list *items = list_from(render, self);
    const struct list *keys =
        keys_of(render, items, slots[1], (struct value){0}, slot_truth(render, slots[0], false));
    size_t best = 0;
    for (size_t i = 1; i < items->n; i++)
        if (value_compare(render, keys->items[i], keys->items[best]) == sign) best = i;
    return items->n ? items->items[best] : UNDEFINED;
}

static BUILTIN(filter_min)
{
    return extreme(render, self, slots, -1);
}

static BUILTIN(filter_max)
{
    return extreme(render, self, slots, 1);
}

static BUILTIN(filter_sum)
{
    struct cursor cursor = cursor_open(render, self);
    struct value item, sum = slots[1].kind == VALUE_ABSENT ? value_int(0) : slots[1];
    if (sum.kind == VALUE_STRING) render_fail(render, "sum: strings are joined with join");
    while (cursor_next(render, &cursor, &item))
        sum = operate(render, OPERATOR_ADD, sum,
                      attribute_path(render, item, slots[0], (struct value){0}));
    return sum;
}

static void fill_up(struct render *render, struct list *list, struct value fill, size_t n)
{
    if (fill.kind == VALUE_ABSENT || fill.kind == VALUE_NONE) return;
    while (list->n < n) {
        render_charge(render, 1);
        list_append(render, list, fill);
    }
}

static BUILTIN(filter_batch)
{
    int64_t size = slot_int(render, slots[0], 0);
    struct list *batches = list_create(render, 0), *batch = NULL;
    struct cursor cursor = cursor_open(render, self);
    struct value item;
    if (size < 1) render_fail(render, "batch: needs a size above zero");
    while (cursor_next(render, &cursor, &item)) {
        if (!batch || batch->n == (size_t)size) {
            batch = list_create(render, 0);
            list_append(render, batches, value_list(batch));
        }
        list_append(render, batch, item);
    }
    if (batch) fill_up(render, batch, slots[1], (size_t)size);
    return generator(batches);
}

static BUILTIN(filter_slice)
{
    int64_t n_slices = slot_int(render, slots[0], 0);
    const struct list *items = list_from(render, self);
    struct list *slices = list_create(render, 0);
    if (n_slices < 1) render_fail(render, "slice: needs a number of slices above zero");
    size_t n = (size_t)n_slices, each = items->n / n, n_longer = items->n % n, at = 0;
    for (size_t i = 0; i < n; i++) {
        struct list *slice = list_create(render, 0);
        render_charge(render, 1);
        for (size_t end = at + each + (i < n_longer); at < end; at++)
            list_append(render, slice, items->items[at]);
        if (i >= n_longer) fill_up(render, slice, slots[1], slice->n + 1);
        list_append(render, slices, value_list(slice));
    }
    return generator(slices);
}

static BUILTIN(filter_groupby)
{
    bool case_sensitive = slot_truth(render, slots[2], false);
    struct list *items = copy_list(render, list_from(render, self));
    list_sort(render, items, keys_of(render, items, slots[0], slots[1], case_sensitive), false);
    const struct list *keys = keys_of(render, items, slots[0], slots[1], case_sensitive);
    struct list *groups = list_create(render, 0), *members = NULL;
    for (size_t i = 0; i < items->n; i++) {
        if (!members || !value_equal(render, keys->items[i], keys->items[i - 1])) {
            members = list_create(render, 0);
            struct value key = attribute_path(render, items->items[i], slots[0], slots[1]);
            list_append(render, groups, list_of_two(render, key, value_list(members)));
        }
        list_append(render, members, items->items[i]);
    }
    return value_list(groups);
}

static BUILTIN(filter_attr)
{
    struct slice name = slot_text(render, slots[0], NULL);
    if (self.kind == VALUE_UNDEFINED) render_fail_undefined(render, self);
    struct value found = attribute_get(render, self, name);
    bool is_item = self.kind == VALUE_DICT && found.kind != VALUE_FUNCTION;
    return is_item ? value_undefined(name, self.kind) : found;
}

const struct builtin *filter_find(struct slice name)
{
    static const struct builtin filters[] = {
        {"tojson", "ensure_ascii indent separators sort_keys", 0, filter_tojson},
        {"length", "", 0, filter_length},
        {"count", "", 0, filter_length},
        {"default", "default_value boolean", 0, filter_default},
        {"d", "default_value boolean", 0, filter_default},
        {"items", "", 0, filter_items},
        {"list", "", 0, filter_list},
        {"join", "d attribute", 0, filter_join},
        {"first", "", 0, filter_first},
        {"last", "", 0, filter_last},
        {"reverse", "", 0, filter_reverse},
        {"int", "default base", 0, filter_int},
        {"float", "default", 0, filter_float},
        {"abs", "", 0, filter_abs},
        {"round", "precision method", 0, filter_round},
        {"sort", "reverse case_sensitive attribute", 0, filter_sort},
        {"dictsort", "case_sensitive by reverse", 0, filter_dictsort},
        {"unique", "case_sensitive attribute", 0, filter_unique},
        {"min", "case_sensitive attribute", 0, filter_min},
        {"max", "case_sensitive attribute", 0, filter_max},
        {"sum", "attribute start", 0, filter_sum},
        {"batch", "linecount fill_with", 1, filter_batch},
        {"slice", "slices fill_with", 1, filter_slice},
        {"groupby", "attribute default case_sensitive", 1, filter_groupby},
        {"attr", "name", 1, filter_attr},
    };
    const struct builtin *found = builtin_find(filters, sizeof filters / sizeof *filters, name);
    if (!found) found = filter_find_text(name);
    return found ? found : filter_find_select(name);
}
