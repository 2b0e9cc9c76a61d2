/* Values as text: Python's str() and repr(). */
#include "text/template_private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void print_float(struct render *render, double number);
static void print_items(struct render *render, const struct list *list);
static void print_dict(struct render *render, const struct dict *dict);
static void print_quoted(struct render *render, struct slice text);
static void print_range(struct render *render, const struct range *range);

void print_value(struct render *render, struct value value)
{
    if (value.kind == VALUE_STRING)
        emit(render, value.text);
    else if (value.kind != VALUE_UNDEFINED)
        print_repr(render, value);
}

static void print_integer(struct render *render, int64_t integer)
{
    char digits[32];
    snprintf(digits, sizeof digits, "%lld", (long long)integer);
    emit_text(render, digits);
}

static void print_wrapped(struct render *render, const char *before, const struct list *list,
                          const char *after)
{
    emit_text(render, before);
    print_items(render, list);
    emit_text(render, after);
}

static void print_markup(struct render *render, struct slice text)
{
    emit_text(render, "Markup(");
    print_quoted(render, text);
    emit_text(render, ")");
}

void print_repr(struct render *render, struct value value)
{
    render_enter(render);
    render_charge(render, 1);
    switch (value.kind) {
    case VALUE_ABSENT:
    case VALUE_UNDEFINED:
        emit_text(render, "Undefined");
        break;
    case VALUE_NONE:
        emit_text(render, "None");
        break;
    case VALUE_BOOL:
        emit_text(render, value.boolean ? "True" : "False");
        break;
    case VALUE_INT:
        print_integer(render, value.integer);
        break;
    case VALUE_FLOAT:
        print_float(render, value.number);
        break;
    case VALUE_STRING:
        (value.safe ? print_markup : print_quoted)(render, value.text);
        break;
    case VALUE_LIST:
        print_wrapped(render, "[", value.list, "]");
        break;
    case VALUE_TUPLE:
        print_wrapped(render, "(", value.list, value.list->n == 1 ? ",)" : ")");
        break;
    case VALUE_VIEW:
        print_wrapped(render, "dict_view([", value.list, "])");
        break;
    case VALUE_GENERATOR:
        emit_text(render, "<generator object>");
        break;
    case VALUE_RANGE:
        print_range(render, value.range);
        break;
    case VALUE_DICT:
        print_dict(render, value.dict);
        break;
    case VALUE_NAMESPACE:
        emit_text(render, "<Namespace ");
        print_dict(render, value.dict);
        emit_text(render, ">");
        break;
    case VALUE_MACRO:
        emit_text(render, "<Macro ");
        print_quoted(render, value.macro->node->text);
        emit_text(render, ">");
        break;
    case VALUE_FUNCTION:
        emit_text(render, "<function>");
        break;
    case VALUE_LOOP:
        emit_text(render, "<LoopContext>");
        break;
    }
    render_leave(render);
}

struct slice print_to_text(struct render *render, struct value value)
{
    if (value.kind == VALUE_STRING) return value.text;
    size_t mark = capture_begin(render);
    print_value(render, value);
    return capture_end(render, mark);
}

static void print_items(struct render *render, const struct list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        if (i) emit_text(render, ", ");
        print_repr(render, list->items[i]);
    }
}

static void print_dict(struct render *render, const struct dict *dict)
{
    emit_text(render, "{");
    for (size_t i = 0; i < dict->n; i++) {
        if (i) emit_text(render, ", ");
        print_repr(render, dict->entries[i].key);
        emit_text(render, ": ");
        print_repr(render, dict->entries[i].value);
    }
    emit_text(render, "}");
}

static void print_range(struct render *render, const struct range *range)
{
    char text[96];
    long long start = range->start, stop = range->stop, step = range->step;
    if (step == 1)
        snprintf(text, sizeof text, "range(%lld, %lld)", start, stop);
    else
        snprintf(text, sizeof text, "range(%lld, %lld, %lld)", start, stop, step);
    emit_text(render, text);
}

static void print_escaped(struct render *render, uint32_t code)
{
    char text[16];
    if (code == '\n' || code == '\r' || code == '\t')
        snprintf(text, sizeof text, "\\%c", code == '\n' ? 'n' : code == '\r' ? 'r' : 't');
    else if (code < 0x100)
        snprintf(text, sizeof text, "\\x%02x", (unsigned)code);
    else
        snprintf(text, sizeof text, code < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)code);
    emit_text(render, text);
}

/* In single quotes, unless double ones save escaping. */
static void print_quoted(struct render *render, struct slice text)
{
    bool has_single = text.n_bytes && memchr(text.data, '\'', text.n_bytes);
    bool has_double = text.n_bytes && memchr(text.data, '"', text.n_bytes);
    uint32_t quote = has_single && !has_double ? '"' : '\'';
    render_charge_characters(render, text.n_bytes);
    emit_code(render, quote);
    for (size_t at = 0; at < text.n_bytes;) {
        size_t start = at;
        uint32_t code = unicode_next(text, &at);
        if (code == quote || code == '\\') emit_text(render, "\\");
        if (code < 0x7f ? code >= ' ' : code > 0x7f && unicode_is_printable(code))
            emit(render, (struct slice){text.data + start, at - start});
        else
            print_escaped(render, code);
    }
    emit_code(render, quote);
}

/* ---- floats ---- */

/* The fewest digits that read back as `number`: "d.ddde+xx". */
static void shortest_digits(double number, char text[40])
{
    for (int precision = 0; precision < 17; precision++) {
        snprintf(text, 40, "%.*e", precision, number);
        if (strtod(text, NULL) == number) return;
    }
}

static void print_float(struct render *render, double number)
{
    if (isnan(number) || isinf(number)) {
        emit_text(render, isnan(number) ? "nan" : number < 0 ? "-inf" : "inf");
        return;
    }
    char text[40], digits[20], out[64];
    int n_digits = 0, n = 0;
    shortest_digits(number, text);
    const char *c = text;
    for (; *c != 'e'; c++)
        if (*c >= '0' && *c <= '9') digits[n_digits++] = *c;
    int exponent = atoi(c + 1);
    if (signbit(number)) out[n++] = '-';

    if (exponent < -4 || exponent >= 16) {
        n += snprintf(out + n, sizeof out - (size_t)n, "%c%s%.*se%c%02d", digits[0],
                      n_digits > 1 ? "." : "", n_digits - 1, digits + 1, exponent < 0 ? '-' : '+',
                      abs(exponent));
    } else {
        int n_whole = exponent + 1;
        if (n_whole <= 0) {
            out[n++] = '0';
            out[n++] = '.';
        }
        for (int i = n_whole; i < 0; i++) out[n++] = '0';
        for (int i = 0; i < n_digits || i < n_whole + 1; i++) {
            if (i == n_whole && n_whole > 0) out[n++] = '.';
            out[n++] = i < n_digits ? digits[i] : '0';
        }
    }
    emit(render, (struct slice){out, (size_t)n});
}

double number_read(const char *text, const char **end)
{
    char copy[128], half[8];
    size_t n = strspn(text, "0123456789.eE+-");
    if (n >= sizeof copy) n = sizeof copy - 1;
    memcpy(copy, text, n);
    copy[n] = 0;
    /* strtod wants the point of the locale that the program runs in. */
    snprintf(half, sizeof half, "%.1f", 0.5);
    char *point = strchr(copy, '.');
    if (point) *point = half[1];
    char *stop;
    double number = strtod(copy, &stop);
    if (end) *end = text + (stop - copy);
    return number;
}
