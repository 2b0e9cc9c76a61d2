/* The parts of the template interpreter, private to template*.c. Source becomes tokens
 * (template_lex.c), tokens a tree (template_parse.c, template_expression.c), and the tree is walked
 * (template_execute.c for statements, template_evaluate.c for expressions) over values shaped like
 * Python's.
 *
 * Whatever goes wrong jumps out to template_parse or template_render: parser_fail and render_fail
 * do not return. That is sound because everything allocated on the way belongs to an arena. */
#pragma once

#include "text/hash.h"
#include "text/template.h"
#include "text/template_tree.h"
#include "text/template_value.h"

/* ---- rendering (template.c, template_execute.c, template_evaluate.c) ---- */

struct scope {
    struct scope *parent;
    struct binding {
        int symbol;
        struct value value;
    } * bindings;
    int n, capacity;
};

struct render {
    const struct template *template;
    struct template_limits limits;
    struct arena arena;
    struct buffer *out;
    size_t out_start; /* what the caller had in it */
    struct scope *scope;
    struct value *globals; /* [n_symbols]: variables and built-in functions */
    struct hash_key key;   /* of dictionaries */
    uint64_t steps;
    int depth;
    int line;
    heft_error *error;
    heft_status status;
    jmp_buf escape;
};

_Noreturn void render_fail(struct render *render, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
_Noreturn void render_fail_as(struct render *render, heft_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
_Noreturn void render_fail_undefined(struct render *render, struct value undefined);

void render_charge(struct render *render, size_t n_steps);
void render_charge_bytes(struct render *render, size_t n_bytes);      /* copied or searched */
void render_charge_characters(struct render *render, size_t n_bytes); /* looked at one by one */
void render_enter(struct render *render);                             /* one level deeper */
void render_leave(struct render *render);
void *render_alloc(struct render *render, size_t n, size_t item_bytes);
struct slice render_join(struct render *render, struct slice a, struct slice b);

void emit(struct render *render, struct slice text);
void emit_text(struct render *render, const char *text);
void emit_code(struct render *render, uint32_t code);

/* What is emitted between the two calls becomes a text instead of output. */
size_t capture_begin(struct render *render);
struct slice capture_end(struct render *render, size_t mark);

enum flow { FLOW_NEXT, FLOW_BREAK, FLOW_CONTINUE };
enum flow execute_block(struct render *render, const struct node *node); /* node may be NULL */
void execute_assign(struct render *render, const struct node *target, struct value value);

struct scope *scope_push(struct render *render);
void scope_set(struct render *render, struct scope *scope, int symbol, struct value value);
struct value scope_find(struct render *render, const struct node *name);

struct value evaluate(struct render *render, const struct node *node);
struct value evaluate_filters(struct render *render, const struct node *filters,
                              struct value value);
struct value operate(struct render *render, enum operator operator, struct value a, struct value b);
bool operate_compare(struct render *render, enum operator operator, struct value a, struct value b);
struct value operate_negative(struct render *render, struct value value, bool negative);

/* ---- calls (template_call.c) ---- */

struct arguments {
    struct value *positional;
    size_t n_positional;
    struct slice *names;
    struct value *named;
    size_t n_named;
};

enum { MAX_PARAMETERS = 6 };

/* `self` is the value filtered, tested or owning the method. `slots` has one value for each word of
 * `parameters`, VALUE_ABSENT where none was given; "..." instead hands `arguments` over as they
 * are. */
typedef struct value builtin_call(struct render *render, struct value self,
                                  const struct value *slots, const struct arguments *arguments);

/* Few of them need everything they are given. */
#define UNUSED __attribute__((unused))
#define BUILTIN(name)                                                                              \
    struct value name(UNUSED struct render *render, UNUSED struct value self,                      \
                      UNUSED const struct value *slots, UNUSED const struct arguments *arguments)

struct builtin {
    const char *name, *parameters;
    int n_required;
    builtin_call *call;
};

/* A built-in function, or a method with the value it was taken from. */
struct function {
    const struct builtin *builtin;
    struct value self;
};

struct macro {
    const struct node *node;
    struct scope *scope; /* where it was defined */
};

struct loop {
    const struct node *node;
    struct scope *scope; /* around the loop */
    struct value items;  /* a list or a range */
    size_t at, n;
    int depth;
    struct list *changed; /* the arguments of the last call of loop.changed */
};

const struct builtin *builtin_find(const struct builtin *table, size_t n, struct slice name);
struct value builtin_invoke(struct render *render, const struct builtin *builtin, struct value self,
                            const struct arguments *arguments);
struct value call_value(struct render *render, struct value callee,
                        const struct arguments *arguments, struct value caller);
struct value function_value(struct render *render, const struct builtin *builtin,
                            struct value self);
void call_arguments(struct render *render, const struct call *call, struct arguments *out);

/* Arguments as C; they fail with the name of the kind that was given instead. */
int64_t slot_int(struct render *render, struct value slot, int64_t otherwise);
bool slot_truth(struct render *render, struct value slot, bool otherwise);
struct slice slot_text(struct render *render, struct value slot, const char *otherwise);

/* ---- what a template may call ---- */

bool attribute_is_mutation(enum value_kind owner, struct slice name);
const struct builtin *attribute_find_method(struct value owner, struct slice name); /* or NULL */
struct value attribute_get(struct render *render, struct value owner, struct slice name);
struct value attribute_item(struct render *render, struct value owner, struct value key);
struct value attribute_slice(struct render *render, struct value owner, struct value start,
                             struct value stop, struct value step);
/* "a.b.0" or a number, as filters take it; `otherwise` VALUE_ABSENT: undefined stays undefined. */
struct value attribute_path(struct render *render, struct value owner, struct value path,
                            struct value otherwise);

struct value loop_attribute(struct render *render, struct loop *loop, struct slice name);
void loop_run(struct render *render, const struct node *node, struct value iterable, int depth);

const struct builtin *filter_find(struct slice name);
const struct builtin *filter_find_text(struct slice name); /* template_filter_text.c has these */
const struct builtin *filter_find_select(struct slice name);
const struct builtin *function_find(struct slice name);
const struct builtin *string_find_method(struct slice name);
bool test_run(struct render *render, struct slice name, struct value value,
              const struct arguments *arguments);

/* ---- text (template_string.c, template_split.c, template_format.c) ---- */

/* `separator` NULL: runs of white space; `max_splits` negative: all. */
struct list *split_text(struct render *render, struct slice text, const struct slice *separator,
                        int64_t max_splits, bool from_right);
struct list *split_lines(struct render *render, struct slice text, bool keep_ends);
/* The first `wanted` at or after `from`, and the last that ends at or before `end`; NULL: none. */
const char *split_find(struct slice text, size_t from, struct slice wanted);
const char *split_find_last(struct render *render, struct slice text, size_t end,
                            struct slice wanted);
BUILTIN(split_method);
BUILTIN(split_method_right);
BUILTIN(split_method_lines);
BUILTIN(split_partition);
BUILTIN(split_partition_right);
struct slice string_replace(struct render *render, struct slice text, struct slice old,
                            struct slice new, int64_t count);
void string_escape(struct render *render, struct slice text); /* HTML, to the output */
BUILTIN(string_center);

struct value format_percent(struct render *render, struct value format, struct value values);
BUILTIN(format_braces);
