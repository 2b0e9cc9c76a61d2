/* Calls: arguments are bound to the parameters of macros and built-in functions. */
#include "text/template_private.h"

static bool bind_named(struct value *slots, const char *parameters, struct slice name,
                       struct value value);
static struct value call_macro(struct render *render, const struct macro *macro,
                               const struct arguments *arguments, struct value caller);
static struct value call_loop(struct render *render, const struct loop *loop,
                              const struct arguments *arguments);

struct value function_value(struct render *render, const struct builtin *builtin, struct value self)
{
    struct function *function = render_alloc(render, 1, sizeof *function);
    *function = (struct function){builtin, self};
    return (struct value){.kind = VALUE_FUNCTION, .function = function};
}

/* ---- arguments ---- */

static void spread_list(struct render *render, struct arguments *out, struct value more)
{
    const struct list *list = list_from(render, more);
    size_t n = out->n_positional + list->n;
    struct value *positional = render_alloc(render, n, sizeof *positional);
    for (size_t i = 0; i < n; i++)
        positional[i] =
            i < out->n_positional ? out->positional[i] : list->items[i - out->n_positional];
    out->positional = positional;
    out->n_positional = n;
}

static void spread_dict(struct render *render, struct arguments *out, struct value more)
{
    if (more.kind != VALUE_DICT) render_fail(render, "** needs a dict, not '%s'", value_type(more));
    size_t n = out->n_named + more.dict->n;
    struct slice *names = render_alloc(render, n, sizeof *names);
    struct value *named = render_alloc(render, n, sizeof *named);
    for (size_t i = 0; i < n; i++) {
        if (i < out->n_named) {
            names[i] = out->names[i];
            named[i] = out->named[i];
            continue;
        }
        const struct dict_entry *entry = &more.dict->entries[i - out->n_named];
        if (entry->key.kind != VALUE_STRING)
            render_fail(render, "** needs a dict with string keys");
        names[i] = entry->key.text;
        named[i] = entry->value;
    }
    out->names = names;
    out->named = named;
    out->n_named = n;
}

void call_arguments(struct render *render, const struct call *call, struct arguments *out)
{
    *out = (struct arguments){.n_positional = (size_t)call->n_positional,
                              .names = call->names,
                              .n_named = (size_t)call->n_named};
    if (call->n_positional)
        out->positional = render_alloc(render, out->n_positional, sizeof *out->positional);
    for (int i = 0; i < call->n_positional; i++)
        out->positional[i] = evaluate(render, call->positional[i]);
    if (call->n_named) out->named = render_alloc(render, out->n_named, sizeof *out->named);
    for (int i = 0; i < call->n_named; i++) out->named[i] = evaluate(render, call->named[i]);
    if (call->spread) spread_list(render, out, evaluate(render, call->spread));
    if (call->spread_named) spread_dict(render, out, evaluate(render, call->spread_named));
}

/* ---- built-in functions ---- */

const struct builtin *builtin_find(const struct builtin *table, size_t n, struct slice name)
{
    for (size_t i = 0; i < n; i++)
        if (slice_is(name, table[i].name)) return &table[i];
    return NULL;
}

static int count_words(const char *words)
{
    int n = *words != 0;
    for (; *words; words++) n += *words == ' ';
    return n;
}

struct value builtin_invoke(struct render *render, const struct builtin *builtin, struct value self,
                            const struct arguments *arguments)
{
    struct value slots[MAX_PARAMETERS] = {0};
    render_charge(render, 1);
    if (builtin->parameters[0] == '.') return builtin->call(render, self, slots, arguments);

    size_t n = (size_t)count_words(builtin->parameters);
    if (arguments->n_positional > n)
        render_fail(render, "'%s' takes at most %zu arguments", builtin->name, n);
    for (size_t i = 0; i < arguments->n_positional; i++) slots[i] = arguments->positional[i];
    for (size_t i = 0; i < arguments->n_named; i++) {
        struct slice name = arguments->names[i];
        if (!bind_named(slots, builtin->parameters, name, arguments->named[i]))
            render_fail(render, "'%s' takes no argument '%.*s' here", builtin->name,
                        name.n_bytes < 60 ? (int)name.n_bytes : 60, name.data);
    }
    for (int i = 0; i < builtin->n_required; i++)
        if (slots[i].kind == VALUE_ABSENT)
            render_fail(render, "'%s' needs %d argument%s", builtin->name, builtin->n_required,
                        builtin->n_required == 1 ? "" : "s");
    return builtin->call(render, self, slots, arguments);
}

/* False if no word of `parameters` is `name`, or its slot is taken. */
static bool bind_named(struct value *slots, const char *parameters, struct slice name,
                       struct value value)
{
    for (int i = 0; *parameters; i++) {
        size_t n = strcspn(parameters, " ");
        if (slice_equal(name, (struct slice){parameters, n})) {
            if (slots[i].kind != VALUE_ABSENT) return false;
            slots[i] = value;
            return true;
        }
        parameters += n + (parameters[n] == ' ');
    }
    return false;
}

int64_t slot_int(struct render *render, struct value slot, int64_t otherwise)
{
    if (slot.kind == VALUE_ABSENT || slot.kind == VALUE_NONE) return otherwise;
    if (slot.kind != VALUE_INT && slot.kind != VALUE_BOOL)
        render_fail(render, "an argument is '%s' instead of an integer", value_type(slot));
    return value_integer(slot);
}

bool slot_truth(struct render *render, struct value slot, bool otherwise)
{
    return slot.kind == VALUE_ABSENT ? otherwise : value_truth(render, slot);
}

struct slice slot_text(struct render *render, struct value slot, const char *otherwise)
{
    if (slot.kind == VALUE_ABSENT && otherwise) return slice_of(otherwise);
    if (slot.kind != VALUE_STRING)
        render_fail(render, "an argument is '%s' instead of a string", value_type(slot));
    return slot.text;
}

/* ---- whatever is called ---- */

struct value call_value(struct render *render, struct value callee,
                        const struct arguments *arguments, struct value caller)
{
    struct value result;
    render_enter(render);
    render_charge(render, 1);
    if (callee.kind != VALUE_MACRO && caller.kind != VALUE_ABSENT && callee.kind != VALUE_UNDEFINED)
        render_fail(render, "a call block can only call a macro");
    switch (callee.kind) {
    case VALUE_UNDEFINED:
        render_fail_undefined(render, callee);
    case VALUE_MACRO:
        result = call_macro(render, callee.macro, arguments, caller);
        break;
    case VALUE_FUNCTION:
        result = builtin_invoke(render, callee.function->builtin, callee.function->self, arguments);
        break;
    case VALUE_LOOP:
        result = call_loop(render, callee.loop, arguments);
        break;
    default:
        render_fail(render, "a value of type '%s' cannot be called", value_type(callee));
    }
    render_leave(render);
    return result;
}

static struct value call_loop(struct render *render, const struct loop *loop,
                              const struct arguments *arguments)
{
    if (!loop->node->recursive) render_fail(render, "only a loop marked 'recursive' can be called");
    if (arguments->n_positional != 1 || arguments->n_named)
        render_fail(render, "a loop is called with what it walks through");
    struct scope *outer = render->scope;
    size_t mark = capture_begin(render);
    render->scope = loop->scope;
    loop_run(render, loop->node, arguments->positional[0], loop->depth + 1);
    render->scope = outer;
    return value_text(capture_end(render, mark));
}

/* ---- macros ---- */

static int find_parameter(const struct signature *signature, struct slice name)
{
    for (int i = 0; i < signature->n; i++)
        if (slice_equal(signature->names[i], name)) return i;
    return -1;
}

static void bind_positional(struct render *render, const struct node *node, struct value *given,
                            const struct arguments *arguments)
{
    const struct signature *signature = node->signature;
    size_t n = arguments->n_positional,
           n_bound = n < (size_t)signature->n ? n : (size_t)signature->n;
    for (size_t i = 0; i < n_bound; i++) given[i] = arguments->positional[i];
    if (signature->uses & USES_VARARGS) {
        struct list *rest = list_create(render, n - n_bound);
        for (size_t i = n_bound; i < n; i++) list_append(render, rest, arguments->positional[i]);
        scope_set(render, render->scope, signature->varargs,
                  (struct value){.kind = VALUE_TUPLE, .list = rest});
    } else if (n > n_bound)
        render_fail(render, "macro '%.*s' takes at most %d arguments", (int)node->text.n_bytes,
                    node->text.data, signature->n);
}

static void bind_keywords(struct render *render, const struct node *node, struct value *given,
                          const struct arguments *arguments)
{
    const struct signature *signature = node->signature;
    struct dict *rest = signature->uses & USES_KWARGS ? dict_create(render, 0) : NULL;
    for (size_t i = 0; i < arguments->n_named; i++) {
        struct slice name = arguments->names[i];
        int at = find_parameter(signature, name);
        if (at >= 0 && given[at].kind != VALUE_ABSENT)
            render_fail(render, "macro '%.*s' is given '%.*s' twice", (int)node->text.n_bytes,
                        node->text.data, (int)name.n_bytes, name.data);
        if (at < 0 && !rest)
            render_fail(render, "macro '%.*s' takes no argument '%.*s'", (int)node->text.n_bytes,
                        node->text.data, (int)name.n_bytes, name.data);
        if (at >= 0)
            given[at] = arguments->named[i];
        else
            dict_set(render, rest, value_text(name), arguments->named[i]);
    }
    if (rest)
        scope_set(render, render->scope, signature->kwargs,
                  (struct value){.kind = VALUE_DICT, .dict = rest});
}

static void bind_caller(struct render *render, const struct node *node, struct value caller)
{
    const struct signature *signature = node->signature;
    if (signature->uses & USES_CALLER)
        scope_set(render, render->scope, signature->caller,
                  caller.kind == VALUE_ABSENT ? value_undefined(slice_of("caller"), VALUE_ABSENT)
                                              : caller);
    else if (caller.kind != VALUE_ABSENT)
        render_fail(render, "macro '%.*s' does not use its caller", (int)node->text.n_bytes,
                    node->text.data);
}

/* The parameters in their order, so that a default may use those before it. */
static void set_parameters(struct render *render, const struct signature *signature,
                           const struct value *given)
{
    for (int i = 0; i < signature->n; i++) {
        struct value value = given[i];
        if (value.kind == VALUE_ABSENT && signature->defaults[i])
            value = evaluate(render, signature->defaults[i]);
        else if (value.kind == VALUE_ABSENT)
            value = value_undefined(signature->names[i], VALUE_ABSENT);
        scope_set(render, render->scope, signature->symbols[i], value);
    }
}

/* Runs in a scope inside the one that defined it; what it writes is its value. */
static struct value call_macro(struct render *render, const struct macro *macro,
                               const struct arguments *arguments, struct value caller)
{
    const struct node *node = macro->node;
    struct scope *outer = render->scope;
    struct value *given = render_alloc(render, (size_t)node->signature->n, sizeof *given);
    for (int i = 0; i < node->signature->n; i++) given[i] = (struct value){.kind = VALUE_ABSENT};
    render->scope = macro->scope;
    scope_push(render);
    bind_positional(render, node, given, arguments);
    bind_keywords(render, node, given, arguments);
    bind_caller(render, node, caller);
    size_t mark = capture_begin(render);
    set_parameters(render, node->signature, given);
    execute_block(render, node->body);
    render->scope = outer;
    return value_text(capture_end(render, mark));
}
