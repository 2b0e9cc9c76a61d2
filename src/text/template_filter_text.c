/* Filters on text. */
#include "text/template_private.h"

#include <stdio.h>

/* Text as the filters take it: anything is printed first, markup stays markup. */
static struct value as_text(struct render *render, struct value value)
{
    return value.kind == VALUE_STRING ? value : value_text(print_to_text(render, value));
}

static struct value invoke_method(struct render *render, const char *name, struct value self,
                                  const struct arguments *arguments)
{
    return builtin_invoke(render, string_find_method(slice_of(name)), as_text(render, self),
                          arguments);
}

#define METHOD_FILTER(filter, method)                                                              \
    static BUILTIN(filter)                                                                         \
    {                                                                                              \
        return invoke_method(render, method, self, arguments);                                     \
    }

METHOD_FILTER(filter_upper, "upper")
METHOD_FILTER(filter_lower, "lower")
METHOD_FILTER(filter_capitalize, "capitalize")
METHOD_FILTER(filter_trim, "strip")

static BUILTIN(filter_string)
{
    return as_text(render, self);
}

static BUILTIN(filter_safe)
{
    struct value text = value_text(print_to_text(render, self));
    text.safe = true;
    return text;
}

static BUILTIN(filter_escape)
{
    if (self.kind == VALUE_STRING && self.safe) return self;
    struct slice text = print_to_text(render, self);
    size_t mark = capture_begin(render);
    string_escape(render, text);
    struct value escaped = value_text(capture_end(render, mark));
    escaped.safe = true;
    return escaped;
}

static BUILTIN(filter_forceescape)
{
    self = value_text(print_to_text(render, self));
    return filter_escape(render, self, slots, arguments);
}

static BUILTIN(filter_replace)
{
    struct slice text = print_to_text(render, self);
    return value_text(string_replace(render, text, print_to_text(render, slots[0]),
                                     print_to_text(render, slots[1]),
                                     slot_int(render, slots[2], -1)));
}

static bool begins_word(uint32_t code)
{
    return unicode_is_space(code) || (code < 0x80 && code && strchr("-({[<", (int)code));
}

/* Words begin behind white space and -({[<, not behind every character that is no letter. */
static BUILTIN(filter_title)
{
    struct value text = as_text(render, self);
    size_t mark = capture_begin(render);
    bool first = true;
    for (size_t at = 0; at < text.text.n_bytes;) {
        size_t start = at;
        uint32_t code = unicode_next(text.text, &at);
        struct slice character = {text.text.data + start, at - start};
        unicode_print_case(render, character, first ? CASE_UPPER : CASE_LOWER);
        first = begins_word(code);
        render_charge(render, 1);
    }
    text.text = capture_end(render, mark);
    return text;
}

static BUILTIN(filter_center)
{
    struct value width[2] = {slots[0].kind == VALUE_ABSENT ? value_int(80) : slots[0]};
    return string_center(render, as_text(render, self), width, arguments);
}

static BUILTIN(filter_indent)
{
    struct value text = self;
    struct slice indent = {0};
    bool first = slot_truth(render, slots[1], false), blank = slot_truth(render, slots[2], false);
    if (text.kind == VALUE_UNDEFINED) render_fail_undefined(render, text);
    if (text.kind != VALUE_STRING)
        render_fail(render, "indent: '%s' is not a string", value_type(text));
    size_t mark = capture_begin(render);
    if (slots[0].kind != VALUE_STRING)
        for (int64_t i = slot_int(render, slots[0], 4); i > 0; i--) emit_text(render, " ");
    indent = slots[0].kind == VALUE_STRING ? slots[0].text : capture_end(render, mark);

    /* The newline put behind keeps a last line that is empty. */
    const struct list *lines =
        split_lines(render, render_join(render, text.text, slice_of("\n")), false);
    mark = capture_begin(render);
    for (size_t i = 0; i < lines->n; i++) {
        struct slice line = lines->items[i].text;
        if (i) emit_text(render, "\n");
        if (i ? blank || line.n_bytes : first) emit(render, indent);
        emit(render, line);
    }
    text.text = capture_end(render, mark);
    return text;
}

static struct slice first_characters(struct slice text, int64_t n)
{
    return (struct slice){text.data, unicode_offset(text, (size_t)n)};
}

static BUILTIN(filter_truncate)
{
    struct value text = as_text(render, self);
    struct slice end = slot_text(render, slots[2], "...");
    int64_t length = slot_int(render, slots[0], 255), n_end = (int64_t)unicode_length(end);
    int64_t leeway = slot_int(render, slots[3], 5);
    if (length < n_end || leeway < 0)
        render_fail(render, "truncate: the length is shorter than its end");
    if ((int64_t)value_length(render, text) - leeway <= length) return text;
    struct slice kept = first_characters(text.text, length - n_end);
    if (!slot_truth(render, slots[1], false)) {
        struct slice space = slice_of(" ");
        kept = split_text(render, kept, &space, 1, true)->items[0].text;
    }
    text.text = render_join(render, kept, end);
    return text;
}

static BUILTIN(filter_wordcount)
{
    struct slice text = print_to_text(render, self);
    int64_t n = 0;
    bool inside = false;
    render_charge_characters(render, text.n_bytes);
    for (size_t at = 0; at < text.n_bytes;) {
        bool is_word = unicode_is_word(unicode_next(text, &at));
        n += is_word && !inside;
        inside = is_word;
    }
    return value_int(n);
}

static BUILTIN(filter_format)
{
    struct value text = as_text(render, self);
    if (arguments->n_positional && arguments->n_named)
        render_fail(render, "format: takes arguments with or without names, not both");
    if (arguments->n_named) {
        struct dict *dict = dict_create(render, arguments->n_named);
        for (size_t i = 0; i < arguments->n_named; i++)
            dict_set(render, dict, value_text(arguments->names[i]), arguments->named[i]);
        return format_percent(render, text, (struct value){.kind = VALUE_DICT, .dict = dict});
    }
    struct list *list = list_create(render, arguments->n_positional);
    for (size_t i = 0; i < arguments->n_positional; i++)
        list_append(render, list, arguments->positional[i]);
    return format_percent(render, text, (struct value){.kind = VALUE_TUPLE, .list = list});
}

static void emit_quoted(struct render *render, struct slice text, const char *also_safe)
{
    render_charge(render, text.n_bytes);
    for (size_t i = 0; i < text.n_bytes; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool plain = (c >= '0' && c <= '9') ||
                     ((c | 0x20) >= 'a' && (c | 0x20) <= 'z' && c < 0x80) ||
                     (c && strchr("_.-~", c)) || (c && strchr(also_safe, c));
        char hex[4];
        if (!plain) snprintf(hex, sizeof hex, "%%%02X", c);
        emit(render, plain ? (struct slice){text.data + i, 1} : slice_of(hex));
    }
}

/* In a query a space is a plus. */
static void emit_query_part(struct render *render, struct value value)
{
    struct slice text = print_to_text(render, value), space = slice_of(" ");
    const struct list *words = split_text(render, text, &space, -1, false);
    for (size_t i = 0; i < words->n; i++) {
        if (i) emit_text(render, "+");
        emit_quoted(render, words->items[i].text, "");
    }
}

static BUILTIN(filter_urlencode)
{
    bool is_query =
        self.kind != VALUE_STRING && cursor_is_possible(self) && self.kind != VALUE_UNDEFINED;
    struct slice text = is_query ? (struct slice){0} : print_to_text(render, self);
    struct list *pairs = list_create(render, 0);
    if (self.kind == VALUE_DICT) {
        for (size_t i = 0; i < self.dict->n; i++)
            list_append(
                render, pairs,
                list_of_two(render, self.dict->entries[i].key, self.dict->entries[i].value));
    } else if (is_query) {
        pairs = list_from(render, self);
    }
    size_t mark = capture_begin(render);
    emit_quoted(render, text, "/");
    for (size_t i = 0; i < pairs->n; i++) {
        const struct list *pair = list_from(render, pairs->items[i]);
        if (pair->n != 2) render_fail(render, "urlencode: needs pairs");
        if (i) emit_text(render, "&");
        emit_query_part(render, pair->items[0]);
        emit_text(render, "=");
        emit_query_part(render, pair->items[1]);
    }
    return value_text(capture_end(render, mark));
}

const struct builtin *filter_find_text(struct slice name)
{
    static const struct builtin filters[] = {
        {"trim", "chars", 0, filter_trim},
        {"string", "", 0, filter_string},
        {"safe", "", 0, filter_safe},
        {"upper", "", 0, filter_upper},
        {"lower", "", 0, filter_lower},
        {"capitalize", "", 0, filter_capitalize},
        {"title", "", 0, filter_title},
        {"replace", "old new count", 2, filter_replace},
        {"indent", "width first blank", 0, filter_indent},
        {"escape", "", 0, filter_escape},
        {"e", "", 0, filter_escape},
        {"forceescape", "", 0, filter_forceescape},
        {"center", "width", 0, filter_center},
        {"truncate", "length killwords end leeway", 0, filter_truncate},
        {"wordcount", "", 0, filter_wordcount},
        {"format", "...", 0, filter_format},
        {"urlencode", "", 0, filter_urlencode},
    };
    return builtin_find(filters, sizeof filters / sizeof *filters, name);
}
