/* The tests of `x is test`. */
#include "text/template_private.h"

static const struct builtin *test_find(struct slice name);

#define KIND_TEST(name, condition)                                                                 \
    static BUILTIN(name)                                                                           \
    {                                                                                              \
        return value_bool(condition);                                                              \
    }

KIND_TEST(is_defined, self.kind != VALUE_UNDEFINED)
KIND_TEST(is_undefined, self.kind == VALUE_UNDEFINED)
KIND_TEST(is_none, self.kind == VALUE_NONE)
KIND_TEST(is_boolean, self.kind == VALUE_BOOL)
KIND_TEST(is_true, self.kind == VALUE_BOOL && self.boolean)
KIND_TEST(is_false, self.kind == VALUE_BOOL && !self.boolean)
KIND_TEST(is_integer, self.kind == VALUE_INT)
KIND_TEST(is_float, self.kind == VALUE_FLOAT)
KIND_TEST(is_number, value_is_number(self))
KIND_TEST(is_string, self.kind == VALUE_STRING)
KIND_TEST(is_mapping, self.kind == VALUE_DICT)
KIND_TEST(is_sequence, value_has_length(self) && self.kind != VALUE_VIEW && self.kind != VALUE_LOOP)
KIND_TEST(is_iterable, cursor_is_possible(self) || self.kind == VALUE_LOOP)
/* What is undefined can be called, if only to fail. */
KIND_TEST(is_callable, self.kind == VALUE_MACRO || self.kind == VALUE_FUNCTION ||
                           self.kind == VALUE_LOOP || self.kind == VALUE_UNDEFINED)
KIND_TEST(is_escaped, self.kind == VALUE_STRING && self.safe)
KIND_TEST(is_same_as, value_same(self, slots[0]))
KIND_TEST(is_in, value_contains(render, slots[0], self))
KIND_TEST(is_equal, operate_compare(render, OPERATOR_EQ, self, slots[0]))
KIND_TEST(is_unequal, operate_compare(render, OPERATOR_NE, self, slots[0]))
KIND_TEST(is_less, operate_compare(render, OPERATOR_LT, self, slots[0]))
KIND_TEST(is_at_most, operate_compare(render, OPERATOR_LE, self, slots[0]))
KIND_TEST(is_greater, operate_compare(render, OPERATOR_GT, self, slots[0]))
KIND_TEST(is_at_least, operate_compare(render, OPERATOR_GE, self, slots[0]))
KIND_TEST(is_filter, self.kind == VALUE_STRING && filter_find(self.text))
KIND_TEST(is_test, self.kind == VALUE_STRING && test_find(self.text))

static bool remainder_is(struct render *render, struct value value, struct value divisor,
                         int64_t rest)
{
    return value_equal(render, operate(render, OPERATOR_MOD, value, divisor), value_int(rest));
}

KIND_TEST(is_odd, remainder_is(render, self, value_int(2), 1))
KIND_TEST(is_even, remainder_is(render, self, value_int(2), 0))
KIND_TEST(is_divisible, remainder_is(render, self, slots[0], 0))

static struct value text_method(struct render *render, struct value self, const char *name)
{
    static const struct arguments none;
    struct value text = value_text(print_to_text(render, self));
    return builtin_invoke(render, string_find_method(slice_of(name)), text, &none);
}

static BUILTIN(is_lower)
{
    return text_method(render, self, "islower");
}

static BUILTIN(is_upper)
{
    return text_method(render, self, "isupper");
}

static const struct builtin *test_find(struct slice name)
{
    static const struct builtin tests[] = {
        {"defined", "", 0, is_defined},     {"string", "", 0, is_string},
        {"none", "", 0, is_none},           {"mapping", "", 0, is_mapping},
        {"iterable", "", 0, is_iterable},   {"sequence", "", 0, is_sequence},
        {"undefined", "", 0, is_undefined}, {"boolean", "", 0, is_boolean},
        {"true", "", 0, is_true},           {"false", "", 0, is_false},
        {"integer", "", 0, is_integer},     {"float", "", 0, is_float},
        {"number", "", 0, is_number},       {"callable", "", 0, is_callable},
        {"escaped", "", 0, is_escaped},     {"odd", "", 0, is_odd},
        {"even", "", 0, is_even},           {"divisibleby", "num", 1, is_divisible},
        {"lower", "", 0, is_lower},         {"upper", "", 0, is_upper},
        {"filter", "", 0, is_filter},       {"test", "", 0, is_test},
        {"sameas", "other", 1, is_same_as}, {"in", "seq", 1, is_in},
        {"equalto", "other", 1, is_equal},  {"eq", "other", 1, is_equal},
        {"==", "other", 1, is_equal},       {"ne", "other", 1, is_unequal},
        {"!=", "other", 1, is_unequal},     {"lt", "other", 1, is_less},
        {"lessthan", "other", 1, is_less},  {"<", "other", 1, is_less},
        {"le", "other", 1, is_at_most},     {"<=", "other", 1, is_at_most},
        {"gt", "other", 1, is_greater},     {"greaterthan", "other", 1, is_greater},
        {">", "other", 1, is_greater},      {"ge", "other", 1, is_at_least},
        {">=", "other", 1, is_at_least},
    };
    return builtin_find(tests, sizeof tests / sizeof *tests, name);
}

bool test_run(struct render *render, struct slice name, struct value value,
              const struct arguments *arguments)
{
    const struct builtin *test = test_find(name);
    if (!test)
        render_fail(render, "there is no test '%.*s'", name.n_bytes < 60 ? (int)name.n_bytes : 60,
                    name.data);
    return value_truth(render, builtin_invoke(render, test, value, arguments));
}
