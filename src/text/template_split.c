/* Finding, and cutting apart: the methods of strings that give several. */
#include "text/template_private.h"

const char *split_find(struct slice text, size_t from, struct slice wanted)
{
    if (from + wanted.n_bytes > text.n_bytes) return NULL;
    if (!wanted.n_bytes) return text.data + from;
    return memmem(text.data + from, text.n_bytes - from, wanted.data, wanted.n_bytes);
}

/* The last place of `wanted` that ends at or before `end`; NULL if none. */
const char *split_find_last(struct render *render, struct slice text, size_t end,
                            struct slice wanted)
{
    if (wanted.n_bytes > end) return NULL;
    for (size_t at = end - wanted.n_bytes + 1; at-- > 0;) {
        render_charge_bytes(render, 8 + wanted.n_bytes);
        if (slice_equal((struct slice){text.data + at, wanted.n_bytes}, wanted))
            return text.data + at;
    }
    return NULL;
}

static size_t skip_class(struct slice text, size_t at, bool space)
{
    while (at < text.n_bytes) {
        size_t next = at;
        if (unicode_is_space(unicode_next(text, &next)) != space) break;
        at = next;
    }
    return at;
}

static void cut_words(struct render *render, struct slice text, int64_t max_splits,
                      struct list *out)
{
    size_t at = skip_class(text, 0, true);
    while (at < text.n_bytes) {
        size_t end = skip_class(text, at, false);
        if (max_splits >= 0 && (int64_t)out->n >= max_splits) end = text.n_bytes;
        list_append(render, out, value_text(text_part(text, at, end)));
        render_charge(render, 1);
        at = skip_class(text, end, true);
    }
}

static void cut_left(struct render *render, struct slice text, struct slice separator,
                     int64_t max_splits, struct list *out)
{
    size_t at = 0;
    while (max_splits < 0 || (int64_t)out->n < max_splits) {
        const char *found = split_find(text, at, separator);
        if (!found) break;
        size_t end = (size_t)(found - text.data);
        render_charge(render, 1);
        list_append(render, out, value_text(text_part(text, at, end)));
        at = end + separator.n_bytes;
    }
    list_append(render, out, value_text(text_part(text, at, text.n_bytes)));
}

static void cut_right(struct render *render, struct slice text, struct slice separator,
                      int64_t max_splits, struct list *out)
{
    size_t end = text.n_bytes;
    while (max_splits < 0 || (int64_t)out->n < max_splits) {
        const char *found = split_find_last(render, text, end, separator);
        if (!found) break;
        size_t at = (size_t)(found - text.data);
        render_charge(render, 1);
        list_append(render, out, value_text(text_part(text, at + separator.n_bytes, end)));
        end = at;
    }
    list_append(render, out, value_text(text_part(text, 0, end)));
    list_reverse(out);
}

/* All but the last `max_splits` words become one again. */
static void cut_words_right(struct render *render, struct slice text, int64_t max_splits,
                            struct list *out)
{
    cut_words(render, text, -1, out);
    if (max_splits < 0 || (int64_t)out->n <= max_splits + 1) return;
    size_t n_front = out->n - (size_t)max_splits;
    struct slice last = out->items[n_front - 1].text;
    out->items[n_front - 1] =
        value_text(text_part(text, 0, (size_t)(last.data - text.data) + last.n_bytes));
    out->items += n_front - 1;
    out->n -= n_front - 1;
    out->capacity -= n_front - 1;
}

struct list *split_text(struct render *render, struct slice text, const struct slice *separator,
                        int64_t max_splits, bool from_right)
{
    struct list *out = list_create(render, 0);
    render_charge_bytes(render, text.n_bytes);
    if (separator && !separator->n_bytes)
        render_fail(render, "split() needs a separator that is not empty");
    if (separator)
        (from_right ? cut_right : cut_left)(render, text, *separator, max_splits, out);
    else
        (from_right ? cut_words_right : cut_words)(render, text, max_splits, out);
    return out;
}

static struct value split(struct render *render, struct value self, const struct value *slots,
                          bool right)
{
    bool has_separator = slots[0].kind != VALUE_ABSENT && slots[0].kind != VALUE_NONE;
    struct slice separator = has_separator ? slot_text(render, slots[0], NULL) : (struct slice){0};
    struct list *list = split_text(render, self.text, has_separator ? &separator : NULL,
                                   slot_int(render, slots[1], -1), right);
    for (size_t i = 0; i < list->n; i++) list->items[i].safe = self.safe;
    return value_list(list);
}

BUILTIN(split_method)
{
    return split(render, self, slots, false);
}

BUILTIN(split_method_right)
{
    return split(render, self, slots, true);
}

static bool ends_line(uint32_t code)
{
    return (code >= '\n' && code <= '\r') || (code >= 0x1c && code <= 0x1e) || code == 0x85 ||
           code == 0x2028 || code == 0x2029;
}

struct list *split_lines(struct render *render, struct slice text, bool keep_ends)
{
    struct list *lines = list_create(render, 0);
    size_t start = 0;
    render_charge_characters(render, text.n_bytes);
    for (size_t at = 0; at < text.n_bytes;) {
        size_t end = at;
        uint32_t code = unicode_next(text, &at);
        if (!ends_line(code)) continue;
        if (code == '\r' && at < text.n_bytes && text.data[at] == '\n') at++;
        render_charge(render, 1);
        list_append(render, lines, value_text(text_part(text, start, keep_ends ? at : end)));
        start = at;
    }
    if (start < text.n_bytes)
        list_append(render, lines, value_text(text_part(text, start, text.n_bytes)));
    return lines;
}

BUILTIN(split_method_lines)
{
    return value_list(split_lines(render, self.text, slot_truth(render, slots[0], false)));
}

/* A string that keeps the markup of the one it was made from. */
static struct value like(struct value self, struct slice text)
{
    self.text = text;
    return self;
}

static struct value partition(struct render *render, struct value self, struct value separator,
                              bool right)
{
    struct slice by = slot_text(render, separator, NULL), empty = {"", 0};
    struct list *pieces = split_text(render, self.text, &by, 1, right);
    struct list *out = list_create(render, 3);
    bool found = pieces->n == 2;
    struct slice three[3] = {pieces->items[0].text, by, found ? pieces->items[1].text : empty};
    if (!found) {
        three[1] = empty;
        if (right) three[2] = three[0];
        if (right) three[0] = empty;
    }
    for (int i = 0; i < 3; i++) list_append(render, out, like(self, three[i]));
    return (struct value){.kind = VALUE_TUPLE, .list = out};
}

BUILTIN(split_partition)
{
    return partition(render, self, slots[0], false);
}

BUILTIN(split_partition_right)
{
    return partition(render, self, slots[0], true);
}
