/* The methods of strings. */
#include "text/template_private.h"

/* A string that keeps the markup of the one it was made from. */
static struct value like(struct value self, struct slice text)
{
    self.text = text;
    return self;
}

/* ---- strip, prefixes and suffixes ---- */

static struct value strip(struct render *render, struct value self, struct value chars, bool left,
                          bool right)
{
    bool given = chars.kind != VALUE_ABSENT && chars.kind != VALUE_NONE;
    struct slice set = given ? slot_text(render, chars, NULL) : (struct slice){0};
    render_charge_characters(render, self.text.n_bytes * (1 + set.n_bytes / 4));
    return like(self, unicode_strip(self.text, given ? &set : NULL, left, right));
}

static BUILTIN(string_strip)
{
    return strip(render, self, slots[0], true, true);
}

static BUILTIN(string_lstrip)
{
    return strip(render, self, slots[0], true, false);
}

static BUILTIN(string_rstrip)
{
    return strip(render, self, slots[0], false, true);
}

static bool has_affix(struct slice text, struct slice affix, bool at_end)
{
    if (affix.n_bytes > text.n_bytes) return false;
    size_t from = at_end ? text.n_bytes - affix.n_bytes : 0;
    return slice_equal(text_part(text, from, from + affix.n_bytes), affix);
}

/* The part between two places counted in characters, as slices take them. */
static struct slice window(struct render *render, struct slice text, struct value start,
                           struct value stop)
{
    if (start.kind == VALUE_ABSENT && stop.kind == VALUE_ABSENT) return text;
    struct value bounds[2] = {start, stop};
    for (int i = 0; i < 2; i++)
        if (bounds[i].kind == VALUE_ABSENT) bounds[i] = NONE;
    return attribute_slice(render, value_text(text), bounds[0], bounds[1], NONE).text;
}

/* One affix, or a tuple of which any will do. */
static struct value test_affix(struct render *render, struct value self, const struct value *slots,
                               bool at_end)
{
    struct slice text = window(render, self.text, slots[1], slots[2]);
    if (slots[0].kind != VALUE_TUPLE)
        return value_bool(has_affix(text, slot_text(render, slots[0], NULL), at_end));
    for (size_t i = 0; i < slots[0].list->n; i++)
        if (has_affix(text, slot_text(render, slots[0].list->items[i], NULL), at_end))
            return value_bool(true);
    return value_bool(false);
}

static BUILTIN(string_startswith)
{
    return test_affix(render, self, slots, false);
}

static BUILTIN(string_endswith)
{
    return test_affix(render, self, slots, true);
}

static BUILTIN(string_removeprefix)
{
    struct slice prefix = slot_text(render, slots[0], NULL);
    if (!has_affix(self.text, prefix, false)) return self;
    return like(self, text_part(self.text, prefix.n_bytes, self.text.n_bytes));
}

static BUILTIN(string_removesuffix)
{
    struct slice suffix = slot_text(render, slots[0], NULL);
    if (!has_affix(self.text, suffix, true)) return self;
    return like(self, text_part(self.text, 0, self.text.n_bytes - suffix.n_bytes));
}

/* ---- search ---- */

/* In characters from the start of `text`; -1 if it is not there. */
static int64_t find(struct render *render, struct value self, const struct value *slots, bool last)
{
    struct slice wanted = slot_text(render, slots[0], NULL);
    struct slice text = window(render, self.text, slots[1], slots[2]);
    render_charge_bytes(render, self.text.n_bytes);
    const char *found =
        last ? split_find_last(render, text, text.n_bytes, wanted) : split_find(text, 0, wanted);
    return found
               ? (int64_t)unicode_length(text_part(self.text, 0, (size_t)(found - self.text.data)))
               : -1;
}

static BUILTIN(string_find)
{
    return value_int(find(render, self, slots, false));
}

static BUILTIN(string_rfind)
{
    return value_int(find(render, self, slots, true));
}

static struct value must_find(struct render *render, int64_t at)
{
    if (at < 0) render_fail(render, "index() does not find the text");
    return value_int(at);
}

static BUILTIN(string_index)
{
    return must_find(render, find(render, self, slots, false));
}

static BUILTIN(string_rindex)
{
    return must_find(render, find(render, self, slots, true));
}

static BUILTIN(string_count)
{
    struct slice wanted = slot_text(render, slots[0], NULL);
    struct slice text = window(render, self.text, slots[1], slots[2]);
    if (!wanted.n_bytes) return value_int((int64_t)unicode_length(text) + 1);
    return value_int((int64_t)split_text(render, text, &wanted, -1, false)->n - 1);
}

/* ---- replace ---- */

/* An empty `old` stands before every character and at the end. */
static void replace_nothing(struct render *render, struct slice text, struct slice new,
                            int64_t count)
{
    size_t at = 0;
    while (count != 0) {
        emit(render, new);
        count--;
        if (at == text.n_bytes) break;
        size_t start = at;
        unicode_next(text, &at);
        emit(render, text_part(text, start, at));
        render_charge(render, 1);
    }
    emit(render, text_part(text, at, text.n_bytes));
}

struct slice string_replace(struct render *render, struct slice text, struct slice old,
                            struct slice new, int64_t count)
{
    render_charge_bytes(render, text.n_bytes);
    if (old.n_bytes && !split_find(text, 0, old)) return text;
    size_t mark = capture_begin(render), at = 0;
    if (!old.n_bytes) {
        replace_nothing(render, text, new, count);
        return capture_end(render, mark);
    }
    for (; count != 0; count--) {
        const char *found = split_find(text, at, old);
        if (!found) break;
        render_charge(render, 1);
        emit(render, text_part(text, at, (size_t)(found - text.data)));
        emit(render, new);
        at = (size_t)(found - text.data) + old.n_bytes;
    }
    emit(render, text_part(text, at, text.n_bytes));
    return capture_end(render, mark);
}

static BUILTIN(string_replace_method)
{
    return like(self,
                string_replace(render, self.text, slot_text(render, slots[0], NULL),
                               slot_text(render, slots[1], NULL), slot_int(render, slots[2], -1)));
}

void string_escape(struct render *render, struct slice text)
{
    static const char special[] = "&<>'\"";
    static const char *const names[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
    size_t start = 0;
    render_charge_bytes(render, text.n_bytes);
    for (size_t i = 0; i < text.n_bytes; i++) {
        const char *found = text.data[i] ? strchr(special, text.data[i]) : NULL;
        if (!found) continue;
        emit(render, text_part(text, start, i));
        emit_text(render, names[found - special]);
        start = i + 1;
    }
    emit(render, text_part(text, start, text.n_bytes));
}

/* ---- case and classes ---- */

static struct value change_case(struct render *render, struct value self, enum unicode_case form)
{
    size_t mark = capture_begin(render);
    unicode_print_case(render, self.text, form);
    return like(self, capture_end(render, mark));
}

#define CASE_METHOD(name, form)                                                                    \
    static BUILTIN(name)                                                                           \
    {                                                                                              \
        return change_case(render, self, form);                                                    \
    }

CASE_METHOD(string_upper, CASE_UPPER)
CASE_METHOD(string_lower, CASE_LOWER)
CASE_METHOD(string_title, CASE_TITLE)
CASE_METHOD(string_capitalize, CASE_CAPITALIZE)
CASE_METHOD(string_swapcase, CASE_SWAP)

/* True if every character is of the class and there is one, except that no text is ASCII text. */
static struct value test_class(struct render *render, struct value self, enum unicode_class class)
{
    render_charge_characters(render, self.text.n_bytes);
    for (size_t at = 0; at < self.text.n_bytes;)
        if (!unicode_is(unicode_next(self.text, &at), class)) return value_bool(false);
    return value_bool(self.text.n_bytes || class == CLASS_ASCII);
}

#define CLASS_METHOD(name, class)                                                                  \
    static BUILTIN(name)                                                                           \
    {                                                                                              \
        return test_class(render, self, class);                                                    \
    }

CLASS_METHOD(string_isalpha, CLASS_ALPHA)
CLASS_METHOD(string_isdigit, CLASS_DIGIT)
CLASS_METHOD(string_isdecimal, CLASS_DECIMAL)
CLASS_METHOD(string_isalnum, CLASS_ALNUM)
CLASS_METHOD(string_isspace, CLASS_SPACE)
CLASS_METHOD(string_isascii, CLASS_ASCII)

static bool has_only_case(struct slice text, bool upper)
{
    bool found = false;
    for (size_t at = 0; at < text.n_bytes;) {
        uint32_t code = unicode_next(text, &at);
        if (upper ? unicode_is_lower(code) : unicode_is_upper(code)) return false;
        found |= upper ? unicode_is_upper(code) : unicode_is_lower(code);
    }
    return found;
}

static BUILTIN(string_islower)
{
    render_charge_characters(render, self.text.n_bytes);
    return value_bool(has_only_case(self.text, false));
}

static BUILTIN(string_isupper)
{
    render_charge_characters(render, self.text.n_bytes);
    return value_bool(has_only_case(self.text, true));
}

/* ---- padding and joining ---- */

static void emit_fill(struct render *render, struct slice fill, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        render_charge(render, 1);
        emit(render, fill);
    }
}

/* `left` and `right`: where the padding goes. */
static struct value pad(struct render *render, struct value self, const struct value *slots,
                        bool left, bool right)
{
    int64_t width = slot_int(render, slots[0], 0), n = (int64_t)value_length(render, self);
    struct slice fill = slot_text(render, slots[1], " ");
    if (unicode_length(fill) != 1) render_fail(render, "the padding must be one character");
    if (width <= n) return self;
    int64_t missing = width - n;
    /* Python puts the odd one of center() on the left only if the width is odd too. */
    int64_t before = left && right ? missing / 2 + (missing & width & 1) : left ? missing : 0;
    size_t mark = capture_begin(render);
    emit_fill(render, fill, before);
    emit(render, self.text);
    emit_fill(render, fill, missing - before);
    return like(self, capture_end(render, mark));
}

BUILTIN(string_center)
{
    return pad(render, self, slots, true, true);
}

static BUILTIN(string_ljust)
{
    return pad(render, self, slots, false, true);
}

static BUILTIN(string_rjust)
{
    return pad(render, self, slots, true, false);
}

static BUILTIN(string_zfill)
{
    int64_t missing = slot_int(render, slots[0], 0) - (int64_t)value_length(render, self);
    struct slice text = self.text;
    bool has_sign = text.n_bytes && (text.data[0] == '+' || text.data[0] == '-');
    if (missing <= 0) return self;
    size_t mark = capture_begin(render);
    emit(render, text_part(text, 0, has_sign));
    emit_fill(render, slice_of("0"), missing);
    emit(render, text_part(text, has_sign, text.n_bytes));
    return like(self, capture_end(render, mark));
}

static BUILTIN(string_join)
{
    size_t mark = capture_begin(render), n = 0;
    struct cursor cursor = cursor_open(render, slots[0]);
    struct value item;
    while (cursor_next(render, &cursor, &item)) {
        if (item.kind != VALUE_STRING)
            render_fail(render, "join() needs strings and found '%s'", value_type(item));
        if (n++) emit(render, self.text);
        emit(render, item.text);
    }
    return like(self, capture_end(render, mark));
}

const struct builtin *string_find_method(struct slice name)
{
    static const struct builtin methods[] = {
        {"split", "sep maxsplit", 0, split_method},
        {"strip", "chars", 0, string_strip},
        {"startswith", "prefix start end", 1, string_startswith},
        {"endswith", "suffix start end", 1, string_endswith},
        {"rstrip", "chars", 0, string_rstrip},
        {"lstrip", "chars", 0, string_lstrip},
        {"replace", "old new count", 2, string_replace_method},
        {"upper", "", 0, string_upper},
        {"lower", "", 0, string_lower},
        {"casefold", "", 0, string_lower},
        {"title", "", 0, string_title},
        {"capitalize", "", 0, string_capitalize},
        {"swapcase", "", 0, string_swapcase},
        {"find", "sub start end", 1, string_find},
        {"rfind", "sub start end", 1, string_rfind},
        {"index", "sub start end", 1, string_index},
        {"rindex", "sub start end", 1, string_rindex},
        {"count", "sub start end", 1, string_count},
        {"join", "iterable", 1, string_join},
        {"format", "...", 0, format_braces},
        {"rsplit", "sep maxsplit", 0, split_method_right},
        {"splitlines", "keepends", 0, split_method_lines},
        {"partition", "sep", 1, split_partition},
        {"rpartition", "sep", 1, split_partition_right},
        {"removeprefix", "prefix", 1, string_removeprefix},
        {"removesuffix", "suffix", 1, string_removesuffix},
        {"isalpha", "", 0, string_isalpha},
        {"isdigit", "", 0, string_isdigit},
        {"isdecimal", "", 0, string_isdecimal},
        {"isnumeric", "", 0, string_isdigit},
        {"isalnum", "", 0, string_isalnum},
        {"isspace", "", 0, string_isspace},
        {"isascii", "", 0, string_isascii},
        {"islower", "", 0, string_islower},
        {"isupper", "", 0, string_isupper},
        {"center", "width fillchar", 1, string_center},
        {"ljust", "width fillchar", 1, string_ljust},
        {"rjust", "width fillchar", 1, string_rjust},
        {"zfill", "width", 1, string_zfill},
    };
    return builtin_find(methods, sizeof methods / sizeof *methods, name);
}
