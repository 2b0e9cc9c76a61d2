/* Arithmetic and comparison, as Python does them on 64-bit integers, floats, text and lists. */
#include "text/template_private.h"

#include <math.h>

static const char *const symbols[] = {
    [OPERATOR_ADD] = "+",       [OPERATOR_SUB] = "-", [OPERATOR_MUL] = "*",  [OPERATOR_DIV] = "/",
    [OPERATOR_FLOORDIV] = "//", [OPERATOR_MOD] = "%", [OPERATOR_POW] = "**",
};

static struct value add_texts(struct render *render, struct value a, struct value b);
static struct value add_lists(struct render *render, struct value a, struct value b);
static struct value repeat(struct render *render, struct value value, int64_t times);
static struct value calculate_integers(struct render *render, enum operator operator, int64_t a,
                                       int64_t b);
static struct value calculate_floats(struct render *render, enum operator operator, double a,
                                     double b);

static bool is_integer(struct value value)
{
    return value.kind == VALUE_BOOL || value.kind == VALUE_INT;
}

static bool is_repeatable(struct value value)
{
    return value.kind == VALUE_STRING || value.kind == VALUE_LIST || value.kind == VALUE_TUPLE;
}

struct value operate(struct render *render, enum operator operator, struct value a, struct value b)
{
    if (operator== OPERATOR_MOD && a.kind == VALUE_STRING) return format_percent(render, a, b);
    if (a.kind == VALUE_UNDEFINED) render_fail_undefined(render, a);
    if (b.kind == VALUE_UNDEFINED) render_fail_undefined(render, b);
    if (is_integer(a) && is_integer(b))
        return calculate_integers(render, operator, value_integer(a), value_integer(b));
    if (value_is_number(a) && value_is_number(b))
        return calculate_floats(render, operator, value_number(a), value_number(b));
    if (operator== OPERATOR_ADD && a.kind == b.kind && a.kind == VALUE_STRING)
        return add_texts(render, a, b);
    if (operator== OPERATOR_ADD && a.kind == b.kind && is_repeatable(a))
        return add_lists(render, a, b);
    if (operator== OPERATOR_MUL && is_repeatable(a) && is_integer(b))
        return repeat(render, a, value_integer(b));
    if (operator== OPERATOR_MUL && is_repeatable(b) && is_integer(a))
        return repeat(render, b, value_integer(a));
    render_fail(render, "'%s' does not work on '%s' and '%s'", symbols[operator], value_type(a), value_type(b));
}

struct value operate_negative(struct render *render, struct value value, bool negative)
{
    if (value.kind == VALUE_UNDEFINED) render_fail_undefined(render, value);
    if (!value_is_number(value))
        render_fail(render, "a value of type '%s' has no sign", value_type(value));
    if (value.kind == VALUE_FLOAT) return value_float(negative ? -value.number : value.number);
    int64_t integer = value_integer(value);
    return negative ? calculate_integers(render, OPERATOR_SUB, 0, integer) : value_int(integer);
}

bool operate_compare(struct render *render, enum operator operator, struct value a, struct value b)
{
    switch (operator) {
    case OPERATOR_EQ:
        return value_equal(render, a, b);
    case OPERATOR_NE:
        return !value_equal(render, a, b);
    case OPERATOR_IN:
        return value_contains(render, b, a);
    case OPERATOR_NOT_IN:
        return !value_contains(render, b, a);
    default:
        break;
    }
    int order = value_compare(render, a, b); /* 2: no order, all of these are false */
    switch (operator) {
    case OPERATOR_LT:
        return order < 0;
    case OPERATOR_LE:
        return order <= 0;
    case OPERATOR_GT:
        return order == 1;
    default:
        return order == 0 || order == 1;
    }
}

static struct value escaped(struct render *render, struct value text)
{
    if (text.safe) return text;
    size_t mark = capture_begin(render);
    string_escape(render, text.text);
    return value_text(capture_end(render, mark));
}

static struct value add_texts(struct render *render, struct value a, struct value b)
{
    bool safe = a.safe || b.safe;
    if (safe) {
        a = escaped(render, a);
        b = escaped(render, b);
    }
    struct value sum = value_text(render_join(render, a.text, b.text));
    sum.safe = safe;
    return sum;
}

static struct value add_lists(struct render *render, struct value a, struct value b)
{
    struct list *sum = list_create(render, a.list->n + b.list->n);
    render_charge(render, a.list->n + b.list->n);
    for (size_t i = 0; i < a.list->n; i++) list_append(render, sum, a.list->items[i]);
    for (size_t i = 0; i < b.list->n; i++) list_append(render, sum, b.list->items[i]);
    return (struct value){.kind = a.kind, .list = sum};
}

static struct value repeat(struct render *render, struct value value, int64_t times)
{
    size_t n = times > 0 ? (size_t)times : 0;
    if (value.kind == VALUE_STRING) {
        size_t mark = capture_begin(render);
        if (!value.text.n_bytes) n = 0;
        for (size_t i = 0; i < n; i++) {
            render_charge(render, 1);
            emit(render, value.text);
        }
        value.text = capture_end(render, mark);
        return value;
    }
    struct list *list = list_create(render, 0);
    if (!value.list->n) n = 0;
    for (size_t i = 0; i < n; i++) {
        render_charge(render, value.list->n);
        for (size_t j = 0; j < value.list->n; j++) list_append(render, list, value.list->items[j]);
    }
    return (struct value){.kind = value.kind, .list = list};
}

/* ---- numbers ---- */

static _Noreturn void fail_range(struct render *render)
{
    render_fail(render, "a number is too large");
}

static struct value power(struct render *render, int64_t base, int64_t exponent)
{
    if (exponent < 0) return calculate_floats(render, OPERATOR_POW, (double)base, (double)exponent);
    int64_t result = 1;
    while (exponent) {
        if (exponent & 1 && __builtin_mul_overflow(result, base, &result)) fail_range(render);
        exponent >>= 1;
        if (exponent && __builtin_mul_overflow(base, base, &base)) fail_range(render);
    }
    return value_int(result);
}

/* The quotient is rounded down, and the remainder has the sign of the divisor. */
static int64_t floor_divide(int64_t a, int64_t b)
{
    int64_t quotient = a / b;
    return quotient - (a % b != 0 && (a < 0) != (b < 0));
}

static struct value divide_integers(struct render *render, enum operator operator, int64_t a,
                                    int64_t b)
{
    if (b == 0) render_fail(render, "division by zero");
    if (operator== OPERATOR_DIV) return value_float((double)a / (double)b);
    if (b == -1)
        return operator== OPERATOR_MOD ? value_int(0)
                                       : calculate_integers(render, OPERATOR_SUB, 0, a);
    int64_t quotient = floor_divide(a, b);
    return value_int(operator== OPERATOR_MOD ? a - quotient * b : quotient);
}

static struct value calculate_integers(struct render *render, enum operator operator, int64_t a,
                                       int64_t b)
{
    int64_t result;
    bool overflow = false;
    switch (operator) {
    case OPERATOR_ADD:
        overflow = __builtin_add_overflow(a, b, &result);
        break;
    case OPERATOR_SUB:
        overflow = __builtin_sub_overflow(a, b, &result);
        break;
    case OPERATOR_MUL:
        overflow = __builtin_mul_overflow(a, b, &result);
        break;
    case OPERATOR_POW:
        return power(render, a, b);
    default:
        return divide_integers(render, operator, a, b);
    }
    if (overflow) fail_range(render);
    return value_int(result);
}

static double float_modulo(double a, double b)
{
    double rest = fmod(a, b);
    if (rest == 0) return copysign(0, b);
    return (rest < 0) != (b < 0) ? rest + b : rest;
}

static struct value calculate_floats(struct render *render, enum operator operator, double a,
                                     double b)
{
    bool divides = operator== OPERATOR_DIV || operator== OPERATOR_FLOORDIV || operator==
        OPERATOR_MOD;
    if (b == 0 && divides) render_fail(render, "division by zero");
    switch (operator) {
    case OPERATOR_ADD:
        return value_float(a + b);
    case OPERATOR_SUB:
        return value_float(a - b);
    case OPERATOR_MUL:
        return value_float(a * b);
    case OPERATOR_DIV:
        return value_float(a / b);
    case OPERATOR_FLOORDIV:
        return value_float(floor((a - float_modulo(a, b)) / b + 0.5));
    case OPERATOR_MOD:
        return value_float(float_modulo(a, b));
    default:
        break;
    }
    if (a == 0 && b < 0) render_fail(render, "zero cannot be raised to a negative power");
    if (a < 0 && b != floor(b)) render_fail(render, "a power has no real value");
    double result = pow(a, b);
    if (isinf(result) && !isinf(a) && !isinf(b)) fail_range(render);
    return value_float(result);
}
