/* Expressions: walks the tree to a value. */
#include "text/template_private.h"

static struct value evaluate_node(struct render *render, const struct node *node);

struct value evaluate(struct render *render, const struct node *node)
{
    render_enter(render);
    render_charge(render, 1);
    struct value value = evaluate_node(render, node);
    render_leave(render);
    return value;
}

static struct list *evaluate_items(struct render *render, const struct node *node)
{
    struct list *list = list_create(render, (size_t)node->n_items);
    for (int i = 0; i < node->n_items; i++)
        list_append(render, list, evaluate(render, node->items[i]));
    return list;
}

static struct value evaluate_dict(struct render *render, const struct node *node)
{
    struct dict *dict = dict_create(render, (size_t)node->n_items / 2);
    for (int i = 0; i + 1 < node->n_items; i += 2) {
        struct value key = evaluate(render, node->items[i]);
        dict_set(render, dict, key, evaluate(render, node->items[i + 1]));
    }
    return (struct value){.kind = VALUE_DICT, .dict = dict};
}

static struct value evaluate_item(struct render *render, const struct node *node)
{
    struct value owner = evaluate(render, node->left);
    struct value key = evaluate(render, node->right);
    render->line = node->line;
    return attribute_item(render, owner, key);
}

static struct value evaluate_attribute(struct render *render, const struct node *node)
{
    struct value owner = evaluate(render, node->left);
    render->line = node->line;
    return attribute_get(render, owner, node->text);
}

static struct value evaluate_slice(struct render *render, const struct node *node)
{
    struct value bounds[3], owner = evaluate(render, node->left);
    for (int i = 0; i < 3; i++)
        bounds[i] = node->items[i] ? evaluate(render, node->items[i]) : NONE;
    render->line = node->line;
    return attribute_slice(render, owner, bounds[0], bounds[1], bounds[2]);
}

/* x.method(...) is the common call: without a function value on the way. */
static const struct builtin *find_method(struct render *render, const struct node *callee,
                                         struct value *owner)
{
    if (callee->kind != NODE_ATTRIBUTE) return NULL;
    *owner = evaluate(render, callee->left);
    return attribute_find_method(*owner, callee->text);
}

static struct value evaluate_call(struct render *render, const struct node *node)
{
    struct arguments arguments;
    struct value owner = UNDEFINED, callee;
    const struct builtin *method = find_method(render, node->left, &owner);
    if (method) {
        call_arguments(render, node->call, &arguments);
        render->line = node->line;
        return builtin_invoke(render, method, owner, &arguments);
    }
    callee = node->left->kind == NODE_ATTRIBUTE ? attribute_get(render, owner, node->left->text)
                                                : evaluate(render, node->left);
    call_arguments(render, node->call, &arguments);
    render->line = node->line;
    return call_value(render, callee, &arguments, (struct value){0});
}

static struct value apply_filter(struct render *render, const struct node *node, struct value value)
{
    const struct builtin *filter = filter_find(node->text);
    struct arguments arguments;
    render->line = node->line;
    if (!filter)
        render_fail(render, "there is no filter '%.*s'", (int)node->text.n_bytes, node->text.data);
    call_arguments(render, node->call, &arguments);
    render->line = node->line;
    return builtin_invoke(render, filter, value, &arguments);
}

struct value evaluate_filters(struct render *render, const struct node *filters, struct value value)
{
    render_enter(render);
    if (filters->left) value = evaluate_filters(render, filters->left, value);
    render_leave(render);
    return apply_filter(render, filters, value);
}

static struct value evaluate_test(struct render *render, const struct node *node)
{
    struct arguments arguments;
    struct value value = evaluate(render, node->left);
    call_arguments(render, node->call, &arguments);
    render->line = node->line;
    return value_bool(test_run(render, node->text, value, &arguments));
}

static struct value evaluate_choose(struct render *render, const struct node *node)
{
    if (value_truth(render, evaluate(render, node->left))) return evaluate(render, node->right);
    return node->third ? evaluate(render, node->third) : UNDEFINED;
}

/* `and` and `or` give the operand that decided. */
static struct value evaluate_logic(struct render *render, const struct node *node)
{
    struct value left = evaluate(render, node->left);
    bool decided = value_truth(render, left) == (node->kind == NODE_OR);
    return decided ? left : evaluate(render, node->right);
}

static struct value evaluate_binary(struct render *render, const struct node *node)
{
    struct value left = evaluate(render, node->left);
    struct value right = evaluate(render, node->right);
    render->line = node->line;
    return operate(render, node->operator, left, right);
}

static struct value evaluate_concat(struct render *render, const struct node *node)
{
    struct slice text = {"", 0};
    struct list *operands = evaluate_items(render, node);
    for (size_t i = 0; i < operands->n; i++)
        text = render_join(render, text, print_to_text(render, operands->items[i]));
    return value_text(text);
}

static struct value evaluate_compare(struct render *render, const struct node *node)
{
    struct value left = evaluate(render, node->items[0]);
    for (int i = 1; i < node->n_items; i++) {
        struct value right = evaluate(render, node->items[i]->left);
        render->line = node->line;
        if (!operate_compare(render, node->items[i]->operator, left, right))
            return value_bool(false);
        left = right;
    }
    return value_bool(true);
}

static struct value evaluate_node(struct render *render, const struct node *node)
{
    switch (node->kind) {
    case NODE_CONSTANT:
        return node->constant;
    case NODE_NAME:
        return scope_find(render, node);
    case NODE_LIST:
        return value_list(evaluate_items(render, node));
    case NODE_TUPLE:
        return (struct value){.kind = VALUE_TUPLE, .list = evaluate_items(render, node)};
    case NODE_DICT:
        return evaluate_dict(render, node);
    case NODE_ATTRIBUTE:
        return evaluate_attribute(render, node);
    case NODE_ITEM:
        return evaluate_item(render, node);
    case NODE_SLICE:
        return evaluate_slice(render, node);
    case NODE_CALL:
        return evaluate_call(render, node);
    case NODE_FILTER:
        return apply_filter(render, node, evaluate(render, node->left));
    case NODE_TEST:
        return evaluate_test(render, node);
    case NODE_CHOOSE:
        return evaluate_choose(render, node);
    case NODE_AND:
    case NODE_OR:
        return evaluate_logic(render, node);
    case NODE_NOT:
        return value_bool(!value_truth(render, evaluate(render, node->left)));
    case NODE_NEGATIVE:
        return operate_negative(render, evaluate(render, node->left), true);
    case NODE_POSITIVE:
        return operate_negative(render, evaluate(render, node->left), false);
    case NODE_BINARY:
        return evaluate_binary(render, node);
    case NODE_CONCAT:
        return evaluate_concat(render, node);
    case NODE_COMPARE:
        return evaluate_compare(render, node);
    default:
        return UNDEFINED; /* statements are not expressions */
    }
}
