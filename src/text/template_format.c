/* Python's two ways to fill values into a text: "%s" % x and "{}".format(x). */
#include "text/template_private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct spec {
    struct slice fill;
    char align; /* '<', '>', '^', '=' (between sign and digits) or 0 */
    char sign;  /* '+', ' ' or 0 */
    char group; /* ',' or '_' between thousands, or 0 */
    char type;  /* of the conversion, 0 if none was given */
    bool alternate;
    int width, precision; /* -1: not given */
};

enum { MAX_WIDTH = 1000000, MAX_PRECISION = 300 };

/* A text that is read from the left. */
struct reader {
    struct slice text;
    size_t at;
};

static char peek(const struct reader *reader)
{
    return reader->at < reader->text.n_bytes ? reader->text.data[reader->at] : 0;
}

static bool skip(struct reader *reader, char c)
{
    if (!c || peek(reader) != c) return false;
    reader->at++;
    return true;
}

static int read_number(struct render *render, struct reader *reader, int limit)
{
    int number = 0;
    for (; peek(reader) >= '0' && peek(reader) <= '9'; reader->at++) {
        number = number * 10 + peek(reader) - '0';
        if (number > limit) render_fail(render, "a format has a number above %d", limit);
    }
    return number;
}

/* Text up to a byte of `stops` or the end. */
static struct slice read_until(struct reader *reader, const char *stops)
{
    size_t start = reader->at;
    while (reader->at < reader->text.n_bytes && !(peek(reader) && strchr(stops, peek(reader))))
        reader->at++;
    return (struct slice){reader->text.data + start, reader->at - start};
}

/* ---- one value ---- */

static void emit_padding(struct render *render, struct slice fill, int n)
{
    for (int i = 0; i < n; i++) {
        render_charge(render, 1);
        emit(render, fill);
    }
}

/* `sign` may be empty; `align` is what applies if the format names none. */
static void emit_padded(struct render *render, const struct spec *spec, struct slice sign,
                        struct slice body, char align)
{
    if (spec->align) align = spec->align;
    size_t n = unicode_length(sign) + unicode_length(body);
    int missing = spec->width > 0 && (size_t)spec->width > n ? spec->width - (int)n : 0;
    int before = align == '>' ? missing : align == '^' ? missing / 2 : 0;
    emit_padding(render, spec->fill, before);
    emit(render, sign);
    if (align == '=') emit_padding(render, spec->fill, missing);
    emit(render, body);
    if (align != '=') emit_padding(render, spec->fill, missing - before);
}

static struct slice sign_of(const struct spec *spec, bool negative)
{
    return slice_of(negative ? "-" : spec->sign == '+' ? "+" : spec->sign == ' ' ? " " : "");
}

/* Puts `group` between the thousands of the digits that `text` begins with. */
static struct slice group_thousands(char group, const char *text, char *out)
{
    size_t n_digits = strspn(text, "0123456789"), n = 0;
    for (size_t i = 0; text[i]; i++) {
        if (group && i && i < n_digits && (n_digits - i) % 3 == 0) out[n++] = group;
        out[n++] = text[i];
    }
    return (struct slice){out, n};
}

static void emit_integer(struct render *render, const struct spec *spec, int64_t integer)
{
    char digits[80], grouped[120];
    uint64_t magnitude = integer < 0 ? 0 - (uint64_t)integer : (uint64_t)integer;
    int n = 0, base = spec->type == 'o'            ? 8
                      : spec->type == 'b'          ? 2
                      : (spec->type | 0x20) == 'x' ? 16
                                                   : 10;
    char letter = spec->type == 'X' ? 'A' : 'a', reversed[72];
    do {
        int digit = (int)(magnitude % (uint64_t)base);
        reversed[n++] = (char)(digit < 10 ? '0' + digit : letter + digit - 10);
        magnitude /= (uint64_t)base;
    } while (magnitude);
    int at = 0;
    if (spec->alternate && base != 10) {
        digits[at++] = '0';
        digits[at++] = spec->type;
    }
    while (n) digits[at++] = reversed[--n];
    digits[at] = 0;
    struct slice body = group_thousands(base == 10 ? spec->group : 0, digits, grouped);
    emit_padded(render, spec, sign_of(spec, integer < 0), body, '>');
}

static void emit_float(struct render *render, const struct spec *spec, double number)
{
    char text[700], grouped[960], format[8];
    bool percent = spec->type == '%', finite = isfinite(number);
    char type = !finite || percent ? 'f' : spec->type ? spec->type : 'g';
    int precision = spec->precision < 0 ? 6 : spec->precision;
    render_charge(render, 4 + (size_t)precision / 8);
    double magnitude = fabs(percent ? number * 100 : number);
    snprintf(format, sizeof format, "%%%s.*%c", spec->alternate ? "#" : "", type);
    snprintf(text, sizeof text - 1, format, precision, magnitude);
    if (!finite) snprintf(text, sizeof text, isnan(number) ? "nan" : "inf");
    if (percent) strcat(text, "%");
    struct slice body = group_thousands(spec->group, text, grouped);
    emit_padded(render, spec, sign_of(spec, signbit(number) && !isnan(number)), body, '>');
}

static void emit_string(struct render *render, const struct spec *spec, struct slice text,
                        char align)
{
    if (spec->precision >= 0) text.n_bytes = unicode_offset(text, (size_t)spec->precision);
    emit_padded(render, spec, (struct slice){0}, text, align);
}

static struct slice repr_text(struct render *render, struct value value)
{
    size_t mark = capture_begin(render);
    print_repr(render, value);
    return capture_end(render, mark);
}

static void emit_character(struct render *render, const struct spec *spec, struct value value)
{
    size_t mark = capture_begin(render);
    if (value.kind == VALUE_STRING && unicode_length(value.text) == 1)
        emit(render, value.text);
    else if (value.kind == VALUE_INT && value.integer >= 0 && value.integer < 0x110000 &&
             (value.integer < 0xd800 || value.integer > 0xdfff))
        emit_code(render, (uint32_t)value.integer);
    else
        render_fail(render, "a format needs one character");
    emit_string(render, spec, capture_end(render, mark), '>');
}

static void emit_number(struct render *render, const struct spec *spec, struct value value)
{
    bool as_integer = spec->type && strchr("dxXob", spec->type);
    if (value.kind == VALUE_UNDEFINED) render_fail_undefined(render, value);
    if (!value_is_number(value))
        render_fail(render, "a format needs a number and found '%s'", value_type(value));
    if (as_integer && value.kind == VALUE_FLOAT) {
        double whole = trunc(value.number);
        if (!(whole >= -0x1p63 && whole < 0x1p63))
            render_fail(render, "a number is too large for an integer");
        emit_integer(render, spec, (int64_t)whole);
    } else if (as_integer || (!spec->type && value.kind != VALUE_FLOAT)) {
        emit_integer(render, spec, value_integer(value));
    } else if (!spec->type && spec->precision < 0) {
        struct value magnitude = value_float(fabs(value.number));
        emit_padded(render, spec, sign_of(spec, signbit(value.number)),
                    repr_text(render, magnitude), '>');
    } else {
        emit_float(render, spec, value_number(value));
    }
}

/* ---- "%s" % x ---- */

struct percent {
    struct reader reader;
    struct value values;
    size_t n_used; /* of a tuple; of anything else 1 at most */
};

static struct value next_value(struct render *render, struct percent *percent)
{
    struct value values = percent->values;
    size_t n = values.kind == VALUE_TUPLE ? values.list->n : 1;
    if (percent->n_used >= n) render_fail(render, "a format has more places than there are values");
    return values.kind == VALUE_TUPLE ? values.list->items[percent->n_used++]
                                      : (percent->n_used++, values);
}

static int read_size(struct render *render, struct percent *percent, int limit)
{
    if (!skip(&percent->reader, '*')) return read_number(render, &percent->reader, limit);
    int64_t size = slot_int(render, next_value(render, percent), 0);
    if (size < 0 || size > limit) render_fail(render, "a format has a number above %d", limit);
    return (int)size;
}

static struct spec read_percent_spec(struct render *render, struct percent *percent)
{
    struct spec spec = {.fill = slice_of(" "), .width = -1, .precision = -1};
    struct reader *reader = &percent->reader;
    bool zero = false;
    for (char flag; (flag = peek(reader)) && strchr("-+ #0", flag); reader->at++) {
        if (flag == '-') spec.align = '<';
        if (flag == '+' || (flag == ' ' && !spec.sign)) spec.sign = flag;
        if (flag == '#') spec.alternate = true;
        if (flag == '0') zero = true;
    }
    spec.width = read_size(render, percent, MAX_WIDTH);
    if (skip(reader, '.')) spec.precision = read_size(render, percent, MAX_PRECISION);
    spec.type = peek(reader);
    if (!spec.type || !strchr("sradiufFeEgGxXoc%", spec.type))
        render_fail(render, "a %% format has no known type");
    reader->at++;
    if (zero && !spec.align && !strchr("srac", spec.type)) {
        spec.align = '=';
        spec.fill = slice_of("0");
    }
    return spec;
}

static struct value find_named(struct render *render, struct percent *percent)
{
    struct slice name = read_until(&percent->reader, ")");
    if (!skip(&percent->reader, ')') || percent->values.kind != VALUE_DICT)
        render_fail(render, "a %% format with a name needs a dict");
    const struct value *found = dict_find_text(render, percent->values.dict, name);
    if (!found) render_fail(render, "a %% format names a key that is not there");
    percent->n_used = 1;
    return *found;
}

static void emit_percent(struct render *render, struct percent *percent)
{
    bool has_name = skip(&percent->reader, '(');
    struct value value = has_name ? find_named(render, percent) : NONE;
    struct spec spec = read_percent_spec(render, percent);
    if (spec.type == '%') {
        emit_text(render, "%");
        return;
    }
    if (!has_name) value = next_value(render, percent);
    if (spec.type == 'i' || spec.type == 'u') spec.type = 'd';
    if (spec.type == 's')
        emit_string(render, &spec, print_to_text(render, value), '>');
    else if (spec.type == 'r' || spec.type == 'a')
        emit_string(render, &spec, repr_text(render, value), '>');
    else if (spec.type == 'c')
        emit_character(render, &spec, value);
    else
        emit_number(render, &spec, value);
}

struct value format_percent(struct render *render, struct value format, struct value values)
{
    struct percent percent = {.reader = {format.text, 0}, .values = values};
    size_t mark = capture_begin(render);
    while (percent.reader.at < format.text.n_bytes) {
        emit(render, read_until(&percent.reader, "%"));
        render_charge(render, 1);
        if (skip(&percent.reader, '%')) emit_percent(render, &percent);
    }
    size_t n = values.kind == VALUE_TUPLE ? values.list->n : values.kind == VALUE_DICT ? 0 : 1;
    if (percent.n_used < n) render_fail(render, "a format has fewer places than there are values");
    format.text = capture_end(render, mark);
    return format;
}

/* ---- "{}".format(x) ---- */

static bool is_align(char c)
{
    return c == '<' || c == '>' || c == '^' || c == '=';
}

static struct spec read_brace_spec(struct render *render, struct slice text)
{
    struct spec spec = {.fill = slice_of(" "), .width = -1, .precision = -1};
    struct reader reader = {text, 0};
    size_t first = 0;
    if (text.n_bytes) unicode_next(text, &first);
    if (first && first < text.n_bytes && is_align(text.data[first])) {
        spec.fill = (struct slice){text.data, first};
        reader.at = first;
    }
    if (is_align(peek(&reader))) spec.align = text.data[reader.at++];
    if (peek(&reader) == '+' || peek(&reader) == ' ') spec.sign = peek(&reader);
    if (spec.sign || peek(&reader) == '-') reader.at++;
    spec.alternate = skip(&reader, '#');
    if (skip(&reader, '0') && !spec.align) {
        spec.align = '=';
        spec.fill = slice_of("0");
    }
    spec.width = read_number(render, &reader, MAX_WIDTH);
    if (peek(&reader) == ',' || peek(&reader) == '_') spec.group = text.data[reader.at++];
    if (skip(&reader, '.')) spec.precision = read_number(render, &reader, MAX_PRECISION);
    if (peek(&reader) && strchr("sdxXobcfFeEgG%", peek(&reader)))
        spec.type = text.data[reader.at++];
    if (reader.at != text.n_bytes) render_fail(render, "a {} format is not understood");
    return spec;
}

/* An argument by place, by name, or the next; then its .attributes and [items]. */
static struct value find_field(struct render *render, struct reader *reader,
                               const struct arguments *arguments, size_t *n_used)
{
    struct slice name = read_until(reader, ".[!:}");
    struct value value = {0};
    struct reader digits = {name, 0};
    size_t place = name.n_bytes ? (size_t)read_number(render, &digits, MAX_WIDTH) : (*n_used)++;
    if (digits.at == name.n_bytes) {
        if (place < arguments->n_positional) value = arguments->positional[place];
    } else {
        for (size_t i = 0; i < arguments->n_named; i++)
            if (slice_equal(arguments->names[i], name)) value = arguments->named[i];
    }
    if (value.kind == VALUE_ABSENT)
        render_fail(render, "a {} format names an argument that is not there");
    for (;;) {
        if (skip(reader, '.')) {
            value = attribute_get(render, value, read_until(reader, ".[!:}"));
        } else if (skip(reader, '[')) {
            value = attribute_path(render, value, value_text(read_until(reader, "].")),
                                   (struct value){0});
            if (!skip(reader, ']')) render_fail(render, "a {} format has no ']'");
        } else {
            return value;
        }
    }
}

static void emit_field(struct render *render, struct reader *reader,
                       const struct arguments *arguments, size_t *n_used)
{
    struct value value = find_field(render, reader, arguments, n_used);
    if (skip(reader, '!')) {
        bool is_repr = skip(reader, 'r');
        if (!is_repr && !skip(reader, 's'))
            render_fail(render, "a {} format converts with !r or !s");
        value = value_text(is_repr ? repr_text(render, value) : print_to_text(render, value));
    }
    struct slice text = skip(reader, ':') ? read_until(reader, "}") : (struct slice){0};
    if (!skip(reader, '}')) render_fail(render, "a {} format has no '}'");
    struct spec spec = read_brace_spec(render, text);
    bool is_plain = value.kind != VALUE_INT && value.kind != VALUE_FLOAT &&
                    !(value.kind == VALUE_BOOL && spec.type);
    if (!text.n_bytes)
        print_value(render, value);
    else if (spec.type == 'c')
        emit_character(render, &spec, value);
    else if (!is_plain && spec.type != 's')
        emit_number(render, &spec, value);
    else if (value.kind == VALUE_STRING || value.kind == VALUE_BOOL)
        emit_string(render, &spec, print_to_text(render, value), '<');
    else
        render_fail(render, "a {} format does not fit '%s'", value_type(value));
}

BUILTIN(format_braces)
{
    struct reader reader = {self.text, 0};
    size_t mark = capture_begin(render), n_used = 0;
    while (reader.at < self.text.n_bytes) {
        emit(render, read_until(&reader, "{}"));
        render_charge(render, 1);
        char brace = peek(&reader);
        if (!brace) continue;
        reader.at++;
        if (skip(&reader, brace))
            emit(render, (struct slice){&brace, 1});
        else if (brace == '{')
            emit_field(render, &reader, arguments, &n_used);
        else
            render_fail(render, "a {} format has a '}' too many");
    }
    self.text = capture_end(render, mark);
    return self;
}
