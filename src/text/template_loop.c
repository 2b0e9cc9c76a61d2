/* For loops and the `loop` variable. */
#include "text/template_private.h"

static struct value filter_items(struct render *render, const struct node *node,
                                 struct value items);
static void run_body(struct render *render, const struct node *node, struct loop *loop);

/* A list or a range: something with places. */
static struct value indexable(struct render *render, struct value iterable)
{
    bool is_ready = iterable.kind == VALUE_LIST || iterable.kind == VALUE_RANGE;
    return is_ready ? iterable : value_list(list_from(render, iterable));
}

static struct value item_at(const struct loop *loop, size_t at)
{
    if (loop->items.kind == VALUE_LIST) return loop->items.list->items[at];
    return value_int(loop->items.range->start + (int64_t)at * loop->items.range->step);
}

/* Runs a NODE_FOR over `iterable`, in the scope that is current. */
void loop_run(struct render *render, const struct node *node, struct value iterable, int depth)
{
    if (iterable.kind == VALUE_LOOP) iterable = value_list(list_from(render, iterable));
    struct value items = indexable(render, iterable);
    if (node->filter) items = filter_items(render, node, items);
    struct loop *loop = render_alloc(render, 1, sizeof *loop);
    *loop = (struct loop){.node = node, .scope = render->scope, .items = items, .depth = depth};
    loop->n = value_length(render, items);

    scope_push(render);
    if (loop->n)
        run_body(render, node, loop);
    else
        execute_block(render, node->third);
    render->scope = loop->scope;
}

/* One scope serves all rounds, emptied before each: what a round sets is gone in the next. */
static void run_body(struct render *render, const struct node *node, struct loop *loop)
{
    struct scope *scope = render->scope;
    struct value self = {.kind = VALUE_LOOP, .loop = loop};
    for (loop->at = 0; loop->at < loop->n; loop->at++) {
        render_charge(render, 1);
        scope->n = 0;
        scope_set(render, scope, node->symbol, self);
        execute_assign(render, node->left, item_at(loop, loop->at));
        if (execute_block(render, node->body) == FLOW_BREAK) break;
    }
}

/* for x in items if condition: `loop` counts only those that pass. */
static struct value filter_items(struct render *render, const struct node *node, struct value items)
{
    struct list *passed = list_create(render, 0);
    struct scope *outer = render->scope, *scope = scope_push(render);
    struct cursor cursor = cursor_open(render, items);
    struct value item;
    while (cursor_next(render, &cursor, &item)) {
        scope->n = 0;
        execute_assign(render, node->left, item);
        if (value_truth(render, evaluate(render, node->filter))) list_append(render, passed, item);
    }
    render->scope = outer;
    return value_list(passed);
}

static struct value neighbour(const struct loop *loop, bool exists, size_t at, const char *name)
{
    return exists ? item_at(loop, at) : value_undefined(slice_of(name), VALUE_LOOP);
}

static BUILTIN(loop_cycle)
{
    if (!arguments->n_positional)
        render_fail(render, "loop.cycle needs something to cycle through");
    return arguments->positional[self.loop->at % arguments->n_positional];
}

static BUILTIN(loop_changed)
{
    struct loop *loop = self.loop;
    struct list *now = list_create(render, arguments->n_positional);
    for (size_t i = 0; i < arguments->n_positional; i++)
        list_append(render, now, arguments->positional[i]);
    bool same = loop->changed && value_equal(render, value_list(loop->changed), value_list(now));
    loop->changed = now;
    return value_bool(!same);
}

struct value loop_attribute(struct render *render, struct loop *loop, struct slice name)
{
    static const struct builtin cycle = {"cycle", "...", 0, loop_cycle};
    static const struct builtin changed = {"changed", "...", 0, loop_changed};
    struct value self = {.kind = VALUE_LOOP, .loop = loop};
    int64_t at = (int64_t)loop->at, n = (int64_t)loop->n;
    if (slice_is(name, "index0")) return value_int(at);
    if (slice_is(name, "index")) return value_int(at + 1);
    if (slice_is(name, "first")) return value_bool(at == 0);
    if (slice_is(name, "last")) return value_bool(at + 1 >= n);
    if (slice_is(name, "length")) return value_int(n);
    if (slice_is(name, "revindex")) return value_int(n - at);
    if (slice_is(name, "revindex0")) return value_int(n - at - 1);
    if (slice_is(name, "previtem")) return neighbour(loop, at > 0, (size_t)at - 1, "previtem");
    if (slice_is(name, "nextitem")) return neighbour(loop, at + 1 < n, (size_t)at + 1, "nextitem");
    if (slice_is(name, "depth0")) return value_int(loop->depth);
    if (slice_is(name, "depth")) return value_int(loop->depth + 1);
    if (slice_is(name, "cycle")) return function_value(render, &cycle, self);
    if (slice_is(name, "changed")) return function_value(render, &changed, self);
    return value_undefined(name, VALUE_LOOP);
}
