/* Statements: walks the blocks of a template and writes its output. */
#include "text/template_private.h"

static void execute_if(struct render *render, const struct node *node, enum flow *flow);
static enum flow execute(struct render *render, const struct node *node);

/* ---- scopes ---- */

/* A new innermost scope; the caller puts the old one back. */
struct scope *scope_push(struct render *render)
{
    struct scope *scope = render_alloc(render, 1, sizeof *scope);
    *scope = (struct scope){.parent = render->scope};
    return render->scope = scope;
}

void scope_set(struct render *render, struct scope *scope, int symbol, struct value value)
{
    render_charge(render, (size_t)scope->n / 8);
    for (int i = 0; i < scope->n; i++) {
        if (scope->bindings[i].symbol != symbol) continue;
        scope->bindings[i].value = value;
        return;
    }
    if (scope->n == scope->capacity) {
        int capacity = scope->capacity ? 2 * scope->capacity : 4;
        struct binding *bindings = render_alloc(render, (size_t)capacity, sizeof *bindings);
        if (scope->n) memcpy(bindings, scope->bindings, (size_t)scope->n * sizeof *bindings);
        scope->bindings = bindings;
        scope->capacity = capacity;
    }
    scope->bindings[scope->n++] = (struct binding){symbol, value};
}

struct value scope_find(struct render *render, const struct node *name)
{
    for (const struct scope *scope = render->scope; scope; scope = scope->parent) {
        render_charge(render, 1 + (size_t)scope->n / 8);
        for (int i = 0; i < scope->n; i++)
            if (scope->bindings[i].symbol == name->symbol) return scope->bindings[i].value;
    }
    return render->globals[name->symbol];
}

static void assign_tuple(struct render *render, const struct node *target, struct value value)
{
    const struct list *list = list_from(render, value);
    if (list->n != (size_t)target->n_items)
        render_fail(render, "%zu values cannot be unpacked into %d names", list->n,
                    target->n_items);
    for (int i = 0; i < target->n_items; i++)
        execute_assign(render, target->items[i], list->items[i]);
}

void execute_assign(struct render *render, const struct node *target, struct value value)
{
    if (target->kind == NODE_TUPLE) {
        render_enter(render);
        assign_tuple(render, target, value);
        render_leave(render);
    } else if (target->kind == NODE_MEMBER) {
        struct value owner = scope_find(render, target);
        if (owner.kind != VALUE_NAMESPACE)
            render_fail(render, "only attributes of a namespace can be set");
        dict_set(render, owner.dict, target->constant, value);
    } else {
        scope_set(render, render->scope, target->symbol, value);
    }
}

/* ---- statements ---- */

enum flow execute_block(struct render *render, const struct node *node)
{
    enum flow flow = FLOW_NEXT;
    if (!node) return flow;
    render_enter(render);
    for (int i = 0; i < node->n_items && flow == FLOW_NEXT; i++)
        flow = execute(render, node->items[i]);
    render_leave(render);
    return flow;
}

static enum flow execute_scoped(struct render *render, const struct node *body)
{
    struct scope *outer = render->scope;
    scope_push(render);
    enum flow flow = execute_block(render, body);
    render->scope = outer;
    return flow;
}

static struct value define_macro(struct render *render, const struct node *node)
{
    struct macro *macro = render_alloc(render, 1, sizeof *macro);
    *macro = (struct macro){node, render->scope};
    return (struct value){.kind = VALUE_MACRO, .macro = macro};
}

static void execute_if(struct render *render, const struct node *node, enum flow *flow)
{
    for (int i = 0; i + 1 < node->n_items; i += 2) {
        if (!value_truth(render, evaluate(render, node->items[i]))) continue;
        *flow = execute_block(render, node->items[i + 1]);
        return;
    }
    *flow = execute_block(render, node->third);
}

/* The block is rendered aside, then given to the filters. */
static enum flow execute_captured(struct render *render, const struct node *node,
                                  const struct node *filters, struct value *out)
{
    size_t mark = capture_begin(render);
    enum flow flow = execute_scoped(render, node->body);
    struct value text = value_text(capture_end(render, mark));
    *out = filters ? evaluate_filters(render, filters, text) : text;
    return flow;
}

static enum flow execute_set_block(struct render *render, const struct node *node)
{
    struct value value;
    enum flow flow = execute_captured(render, node, node->right, &value);
    if (flow == FLOW_NEXT) execute_assign(render, node->left, value);
    return flow;
}

static enum flow execute_filter_block(struct render *render, const struct node *node)
{
    struct value value;
    enum flow flow = execute_captured(render, node, node->left, &value);
    if (flow == FLOW_NEXT) print_value(render, value);
    return flow;
}

static void execute_call_block(struct render *render, const struct node *node)
{
    struct arguments arguments;
    struct value callee = evaluate(render, node->left->left);
    struct value caller = define_macro(render, node->right);
    call_arguments(render, node->left->call, &arguments);
    render->line = node->line;
    print_value(render, call_value(render, callee, &arguments, caller));
}

static enum flow execute_with(struct render *render, const struct node *node)
{
    struct scope *outer = render->scope;
    struct list *values = list_create(render, (size_t)node->n_items / 2);
    for (int i = 0; i + 1 < node->n_items; i += 2)
        list_append(render, values, evaluate(render, node->items[i + 1]));
    scope_push(render);
    for (int i = 0; i + 1 < node->n_items; i += 2)
        execute_assign(render, node->items[i], values->items[i / 2]);
    enum flow flow = execute_block(render, node->body);
    render->scope = outer;
    return flow;
}

static enum flow execute(struct render *render, const struct node *node)
{
    enum flow flow = FLOW_NEXT;
    render->line = node->line;
    render_charge(render, 1);
    switch (node->kind) {
    case NODE_BLOCK:
        flow = execute_block(render, node);
        break;
    case NODE_TEXT:
        emit(render, node->text);
        break;
    case NODE_PRINT:
        print_value(render, evaluate(render, node->left));
        break;
    case NODE_IF:
        execute_if(render, node, &flow);
        break;
    case NODE_FOR:
        loop_run(render, node, evaluate(render, node->right), 0);
        break;
    case NODE_SET:
        execute_assign(render, node->left, evaluate(render, node->right));
        break;
    case NODE_SET_BLOCK:
        flow = execute_set_block(render, node);
        break;
    case NODE_MACRO:
        scope_set(render, render->scope, node->symbol, define_macro(render, node));
        break;
    case NODE_CALL_BLOCK:
        execute_call_block(render, node);
        break;
    case NODE_FILTERED:
        flow = execute_filter_block(render, node);
        break;
    case NODE_GENERATION:
        flow = execute_scoped(render, node->body);
        break;
    case NODE_WITH:
        flow = execute_with(render, node);
        break;
    case NODE_BREAK:
        flow = FLOW_BREAK;
        break;
    case NODE_CONTINUE:
        flow = FLOW_CONTINUE;
        break;
    default:
        break; /* expressions are not statements */
    }
    return flow;
}
