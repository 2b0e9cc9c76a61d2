/* Filters that apply another filter or a test to each item. */
#include "text/template_private.h"

/* The arguments behind the first `n`. */
static struct arguments behind(const struct arguments *arguments, size_t n)
{
    struct arguments rest = *arguments;
    if (!n) return rest;
    rest.positional += n;
    rest.n_positional -= n;
    return rest;
}

static struct value named(const struct arguments *arguments, const char *name)
{
    for (size_t i = 0; i < arguments->n_named; i++)
        if (slice_is(arguments->names[i], name)) return arguments->named[i];
    return (struct value){0};
}

static struct value map_attribute(struct render *render, struct value self,
                                  const struct arguments *arguments)
{
    struct value path = named(arguments, "attribute"), otherwise = named(arguments, "default"),
                 item;
    struct list *mapped = list_create(render, 0);
    struct cursor cursor = cursor_open(render, self);
    for (size_t i = 0; i < arguments->n_named; i++)
        if (!slice_is(arguments->names[i], "attribute") &&
            !slice_is(arguments->names[i], "default"))
            render_fail(render, "map: takes attribute and default");
    while (cursor_next(render, &cursor, &item))
        list_append(render, mapped, attribute_path(render, item, path, otherwise));
    return (struct value){.kind = VALUE_GENERATOR, .list = mapped};
}

static BUILTIN(filter_map)
{
    if (!arguments->n_positional && named(arguments, "attribute").kind != VALUE_ABSENT)
        return map_attribute(render, self, arguments);
    struct slice name =
        arguments->n_positional ? slot_text(render, arguments->positional[0], NULL) : slice_of("");
    const struct builtin *filter = filter_find(name);
    if (!filter) render_fail(render, "map: needs the name of a filter or an attribute");
    struct arguments rest = behind(arguments, 1);
    struct list *mapped = list_create(render, 0);
    struct cursor cursor = cursor_open(render, self);
    struct value item;
    render_enter(render);
    while (cursor_next(render, &cursor, &item))
        list_append(render, mapped, builtin_invoke(render, filter, item, &rest));
    render_leave(render);
    return (struct value){.kind = VALUE_GENERATOR, .list = mapped};
}

/* Keeps the items whose test, or else truth, is `wanted`; by an attribute if `has_path`. */
static struct value select_items(struct render *render, struct value self,
                                 const struct arguments *arguments, bool has_path, bool wanted)
{
    struct list *kept = list_create(render, 0);
    struct cursor cursor = cursor_open(render, self);
    struct value item;
    if (has_path && !arguments->n_positional)
        render_fail(render, "an attribute to select by is missing");
    struct value path = has_path ? arguments->positional[0] : (struct value){0};
    struct arguments test = behind(arguments, has_path);
    bool has_test = test.n_positional > 0;
    struct slice name = has_test ? slot_text(render, test.positional[0], NULL) : (struct slice){0};
    if (has_test) test = behind(&test, 1);
    while (cursor_next(render, &cursor, &item)) {
        struct value by = attribute_path(render, item, path, (struct value){0});
        bool passes = has_test ? test_run(render, name, by, &test) : value_truth(render, by);
        if (passes == wanted) list_append(render, kept, item);
    }
    return (struct value){.kind = VALUE_GENERATOR, .list = kept};
}

static BUILTIN(filter_select)
{
    return select_items(render, self, arguments, false, true);
}

static BUILTIN(filter_reject)
{
    return select_items(render, self, arguments, false, false);
}

static BUILTIN(filter_selectattr)
{
    return select_items(render, self, arguments, true, true);
}

static BUILTIN(filter_rejectattr)
{
    return select_items(render, self, arguments, true, false);
}

const struct builtin *filter_find_select(struct slice name)
{
    static const struct builtin filters[] = {
        {"map", "...", 0, filter_map},
        {"select", "...", 0, filter_select},
        {"reject", "...", 0, filter_reject},
        {"selectattr", "...", 0, filter_selectattr},
        {"rejectattr", "...", 0, filter_rejectattr},
    };
    return builtin_find(filters, sizeof filters / sizeof *filters, name);
}
