/* The parts of the template interpreter, private to template*.c. Source becomes tokens
 * (template_lex.c), tokens a tree (template_parse.c, template_expression.c), and the tree is walked
 * (template_execute.c for statements, template_evaluate.c for expressions) over values shaped like
 * Python's.
 *
 * Whatever goes wrong jumps out to template_parse or template_render: parser_fail and render_fail do
 * not return. That is sound because everything allocated on the way belongs to an arena. */
#pragma once

#include <setjmp.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"
#include "text/template.h"

struct render;

/* ---- values (template_value.c, template_dict.c) ---------------------------------------------- */

enum value_kind {
    VALUE_ABSENT, /* an argument that was not given; never seen by a template */
    VALUE_UNDEFINED,
    VALUE_NONE,
    VALUE_BOOL,
    VALUE_INT,
    VALUE_FLOAT,
    VALUE_STRING,
    VALUE_LIST,
    VALUE_TUPLE,
    VALUE_GENERATOR, /* a list that can be walked once */
    VALUE_VIEW,      /* dict.keys(), .values() and .items(): walked and measured, not indexed */
    VALUE_RANGE,
    VALUE_DICT,
    VALUE_NAMESPACE, /* a dict whose attributes `set` may change */
    VALUE_MACRO,
    VALUE_FUNCTION,
    VALUE_LOOP
};

struct value {
    uint8_t kind;
    uint8_t owner; /* of an undefined attribute: the kind that lacks it; 0: a variable */
    bool safe;     /* of a string: markup, so that joining plain text to it escapes the text */
    union {
        bool boolean;
        int64_t integer;
        double number;
        struct slice text; /* of an undefined: its name */
        struct list *list;
        struct dict *dict;
        struct range *range;
        struct macro *macro;
        struct function *function;
        struct loop *loop;
    };
};

struct list {
    struct value *items;
    size_t n, capacity;
    size_t n_taken; /* by those who walked a generator */
};

struct range {
    int64_t start, stop, step;
    size_t n;
};

/* Keeps the order of insertion. */
struct dict {
    struct dict_entry {
        struct value key, value;
        uint64_t hash;
    } *entries;
    size_t n, capacity;
    uint32_t *index; /* [n_index] entry + 1, or 0; NULL while the dict is small */
    size_t n_index;  /* a power of two */
};

#define UNDEFINED ((struct value){.kind = VALUE_UNDEFINED})
#define NONE ((struct value){.kind = VALUE_NONE})

static inline struct value value_bool(bool boolean)
{
    return (struct value){.kind = VALUE_BOOL, .boolean = boolean};
}

static inline struct value value_int(int64_t integer)
{
    return (struct value){.kind = VALUE_INT, .integer = integer};
}

static inline struct value value_float(double number)
{
    return (struct value){.kind = VALUE_FLOAT, .number = number};
}

static inline struct value value_text(struct slice text)
{
    return (struct value){.kind = VALUE_STRING, .text = text};
}

static inline struct value value_list(struct list *list)
{
    return (struct value){.kind = VALUE_LIST, .list = list};
}

/* A name that is not there; `owner` as in struct value. */
struct value value_undefined(struct slice name, enum value_kind owner);

const char *value_type(struct value value); /* "str", "list": Python's name for it */
bool value_is_number(struct value value);   /* bool, int or float */
bool value_truth(struct render *render, struct value value);
bool value_equal(struct render *render, struct value a, struct value b);
int value_compare(struct render *render, struct value a, struct value b); /* fails where Python does */
bool value_same(struct value a, struct value b);                           /* `is` */
bool value_contains(struct render *render, struct value container, struct value item);
bool value_has_length(struct value value);
size_t value_length(struct render *render, struct value value);
uint64_t value_hash(struct render *render, struct value value); /* fails for list, dict, ... */
double value_number(struct value value);   /* of a bool, int or float */
int64_t value_integer(struct value value); /* of a bool or int */

struct list *list_create(struct render *render, size_t capacity);
void list_append(struct render *render, struct list *list, struct value item);
void list_reverse(struct list *list);
struct value list_of_two(struct render *render, struct value a, struct value b); /* a tuple */

/* The items of anything that can be walked; the list itself where it is one, so do not change it. */
struct list *list_from(struct render *render, struct value iterable);

/* Sorts by the keys beside the items, keeping the order of those whose keys are equal. */
void list_sort(struct render *render, struct list *items, struct list *keys, bool reverse);

/* Walks without building a list. */
struct cursor {
    struct value source;
    size_t at;
};
bool cursor_is_possible(struct value source);
struct cursor cursor_open(struct render *render, struct value source); /* fails if not iterable */
bool cursor_next(struct render *render, struct cursor *cursor, struct value *item);

struct dict *dict_create(struct render *render, size_t capacity);
struct value *dict_find(struct render *render, const struct dict *dict, struct value key);
struct value *dict_find_text(struct render *render, const struct dict *dict, struct slice key);
void dict_set(struct render *render, struct dict *dict, struct value key, struct value value);

/* ---- text of values (template_print.c, template_json.c) -------------------------------------- */

void print_value(struct render *render, struct value value); /* str(value), to the output */
void print_repr(struct render *render, struct value value);
struct slice print_to_text(struct render *render, struct value value); /* no copy of a string */
void print_float(struct render *render, double number);

/* The float that `text` begins with; *end, which may be NULL, is set behind it. Always with '.'. */
double number_read(const char *text, const char **end);

struct json_style {
    bool ensure_ascii, sort_keys;
    bool indented;
    struct slice indent, between_items, after_key;
};
void json_print(struct render *render, struct value value, const struct json_style *style);
struct value json_import(struct render *render, const json_t *json);

/* ---- code points (template_unicode.c) -------------------------------------------------------- */

/* All text in here is valid UTF-8. This is the code point at *at, which moves behind it. */
uint32_t unicode_next(struct slice text, size_t *at);
size_t unicode_length(struct slice text);
size_t unicode_offset(struct slice text, size_t n_characters); /* in bytes, at most the length */
int unicode_encode(uint32_t code, char bytes[4]);
bool unicode_is_valid(struct slice text);
bool unicode_is_space(uint32_t code);
bool unicode_is_printable(uint32_t code);
bool unicode_is_word(uint32_t code); /* may stand in a name */

enum unicode_class { CLASS_ALPHA, CLASS_DIGIT, CLASS_ALNUM, CLASS_SPACE, CLASS_ASCII, CLASS_DECIMAL };
bool unicode_is(uint32_t code, enum unicode_class class);
bool unicode_is_upper(uint32_t code);
bool unicode_is_lower(uint32_t code);

enum unicode_case { CASE_UPPER, CASE_LOWER, CASE_TITLE, CASE_CAPITALIZE, CASE_SWAP };
void unicode_print_case(struct render *render, struct slice text, enum unicode_case form);

/* `chars` NULL: white space. */
struct slice unicode_strip(struct slice text, const struct slice *chars, bool left, bool right);

/* ---- tokens (template_lex.c) ----------------------------------------------------------------- */

enum token_kind {
    LEX_END,
    LEX_TEXT,
    LEX_PRINT_BEGIN,
    LEX_PRINT_END,
    LEX_BLOCK_BEGIN,
    LEX_BLOCK_END,
    LEX_NAME,
    LEX_STRING,
    LEX_INTEGER,
    LEX_FLOAT,
    LEX_ADD,
    LEX_SUB,
    LEX_MUL,
    LEX_DIV,
    LEX_FLOORDIV,
    LEX_MOD,
    LEX_POW,
    LEX_TILDE,
    LEX_EQ,
    LEX_NE,
    LEX_LT,
    LEX_LE,
    LEX_GT,
    LEX_GE,
    LEX_ASSIGN,
    LEX_DOT,
    LEX_COLON,
    LEX_PIPE,
    LEX_COMMA,
    LEX_SEMICOLON,
    LEX_LPAREN,
    LEX_RPAREN,
    LEX_LBRACKET,
    LEX_RBRACKET,
    LEX_LBRACE,
    LEX_RBRACE
};

struct token {
    enum token_kind kind;
    int line;
    struct slice text; /* of a string: decoded */
};

struct parser {
    struct template *template;
    struct buffer tokens; /* struct token[], ends with LEX_END */
    struct buffer brackets; /* closing brackets that are due, the innermost last */
    const struct token *at;
    json_t *symbols; /* name -> number */
    int depth;       /* of the recursion */
    int loop_depth;  /* for loops that break could leave */
    unsigned uses;   /* enum special_use of the macro being parsed */
    heft_error *error;
    jmp_buf escape;
};

_Noreturn void parser_fail(struct parser *parser, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void *parser_alloc(struct parser *parser, size_t n_bytes); /* in the template's arena, cleared */
void lex_source(struct parser *parser, const char *source, size_t n_bytes);

/* ---- tree (template_parse.c, template_expression.c) ------------------------------------------ */

/* Beside each kind: what its fields hold. */
enum node_kind {
    /* expressions */
    NODE_CONSTANT,  /* constant */
    NODE_NAME,      /* symbol, text */
    NODE_LIST,      /* items */
    NODE_TUPLE,     /* items */
    NODE_DICT,      /* items: key, value, key, value ... */
    NODE_ATTRIBUTE, /* left . text */
    NODE_ITEM,      /* left [ right ] */
    NODE_SLICE,     /* left [ items: start, stop, step, each may be NULL ] */
    NODE_CALL,      /* left ( call ) */
    NODE_FILTER,    /* left | text ( call ); left NULL in a filter block */
    NODE_TEST,      /* left is text ( call ) */
    NODE_CHOOSE,    /* right if left else third; third may be NULL */
    NODE_AND,       /* left, right */
    NODE_OR,        /* left, right */
    NODE_NOT,       /* left */
    NODE_NEGATIVE,  /* left */
    NODE_POSITIVE,  /* left */
    NODE_BINARY,    /* left operator right */
    NODE_CONCAT,    /* items */
    NODE_COMPARE,   /* items[0], then pairs: each items[i] carries the operator before it */
    NODE_COMPARED,  /* operator left: an operand inside NODE_COMPARE */
    /* targets of an assignment besides NAME and TUPLE */
    NODE_MEMBER, /* namespace symbol (text) . member */
    /* statements */
    NODE_BLOCK,      /* items */
    NODE_TEXT,       /* text */
    NODE_PRINT,      /* left */
    NODE_IF,         /* items: condition, block, condition, block ...; third: else, may be NULL */
    NODE_FOR,        /* left in right, filter: may be NULL; body; third: else, may be NULL */
    NODE_SET,        /* left = right */
    NODE_SET_BLOCK,  /* left = body, through the filter right if not NULL */
    NODE_MACRO,      /* symbol, text, signature, body */
    NODE_CALL_BLOCK, /* left: a NODE_CALL; right: a NODE_MACRO, the caller */
    NODE_FILTERED,   /* left: filters; body */
    NODE_GENERATION, /* body */
    NODE_WITH,       /* items: target, value, target, value ...; body */
    NODE_BREAK,
    NODE_CONTINUE
};

enum operator {
    OPERATOR_NONE,
    OPERATOR_ADD,
    OPERATOR_SUB,
    OPERATOR_MUL,
    OPERATOR_DIV,
    OPERATOR_FLOORDIV,
    OPERATOR_MOD,
    OPERATOR_POW,
    OPERATOR_EQ,
    OPERATOR_NE,
    OPERATOR_LT,
    OPERATOR_LE,
    OPERATOR_GT,
    OPERATOR_GE,
    OPERATOR_IN,
    OPERATOR_NOT_IN
};

struct node {
    enum node_kind kind;
    enum operator operator;
    int line;
    int symbol; /* names of variables are numbered once for the whole template */
    bool recursive; /* of a for loop */
    struct slice text;
    struct value constant;
    struct node *left, *right, *third, *filter, *body;
    struct node **items;
    int n_items;
    struct call *call;
    struct signature *signature;
};

struct call {
    int n_positional, n_named;
    struct node **positional;
    struct slice *names;
    struct node **named;
    struct node *spread, *spread_named; /* *list and **dict, may be NULL */
};

enum special_use { USES_CALLER = 1, USES_VARARGS = 2, USES_KWARGS = 4 };

struct signature {
    int n;
    int *symbols;
    struct slice *names;
    struct node **defaults; /* NULL: none */
    unsigned uses;
    int caller, varargs, kwargs; /* their symbols, where used */
};

struct template {
    struct arena arena;
    struct node *body;
    struct slice *symbols; /* each followed by a NUL */
    int n_symbols, symbol_capacity;
};

/* A growing array of nodes on the way to `items`. */
struct node_stack {
    struct node **items;
    int n, capacity;
};

struct node *node_create(struct parser *parser, enum node_kind kind, int line);
void node_push(struct parser *parser, struct node_stack *stack, struct node *node);
int parser_symbol(struct parser *parser, struct slice name);
const struct token *parser_expect(struct parser *parser, enum token_kind kind);
bool parser_skip(struct parser *parser, enum token_kind kind);
bool parser_at_name(const struct parser *parser, const char *name);
bool parser_skip_name(struct parser *parser, const char *name);
void parser_enter(struct parser *parser);
void parser_leave(struct parser *parser);
_Noreturn void parser_fail_token(struct parser *parser, const char *wanted);

struct node *expression_parse(struct parser *parser);
/* With commas a tuple. `end_name`, which may be NULL, is a keyword that ends the list. */
struct node *expression_parse_tuple(struct parser *parser, bool with_choose, const char *end_name);
/* filter | filter ..., applied to what a block renders: the innermost has no left. */
struct node *expression_parse_filter_chain(struct parser *parser);
struct node *expression_parse_target(struct parser *parser, const char *end_name, bool members);

/* ---- rendering (template.c, template_execute.c, template_evaluate.c) ------------------------- */

struct scope {
    struct scope *parent;
    struct binding {
        int symbol;
        struct value value;
    } *bindings;
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
void render_charge_bytes(struct render *render, size_t n_bytes); /* cheaper than steps */
void render_enter(struct render *render);                        /* one level deeper */
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
struct value evaluate_filters(struct render *render, const struct node *filters, struct value value);
struct value operate(struct render *render, enum operator operator, struct value a, struct value b);
bool operate_compare(struct render *render, enum operator operator, struct value a, struct value b);
struct value operate_negative(struct render *render, struct value value, bool negative);

/* ---- calls (template_call.c) ----------------------------------------------------------------- */

struct arguments {
    struct value *positional;
    size_t n_positional;
    struct slice *names;
    struct value *named;
    size_t n_named;
};

enum { MAX_PARAMETERS = 6 };

/* `self` is the value filtered, tested or owning the method. `slots` has one value for each word of
 * `parameters`, VALUE_ABSENT where none was given; "..." instead hands `arguments` over as they are. */
typedef struct value builtin_call(struct render *render, struct value self, const struct value *slots,
                                  const struct arguments *arguments);

/* Few of them need everything they are given. */
#define UNUSED __attribute__((unused))
#define BUILTIN(name)                                                                                \
    struct value name(UNUSED struct render *render, UNUSED struct value self,                        \
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
struct value call_value(struct render *render, struct value callee, const struct arguments *arguments,
                        struct value caller);
struct value function_value(struct render *render, const struct builtin *builtin, struct value self);
void call_arguments(struct render *render, const struct call *call, struct arguments *out);

/* Arguments as C; they fail with the name of the kind that was given instead. */
int64_t slot_int(struct render *render, struct value slot, int64_t otherwise);
bool slot_truth(struct render *render, struct value slot, bool otherwise);
struct slice slot_text(struct render *render, struct value slot, const char *otherwise);

/* ---- what a template may call ---------------------------------------------------------------- */

bool attribute_is_mutation(enum value_kind owner, struct slice name);
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
const struct builtin *test_find(struct slice name);
bool test_run(struct render *render, struct slice name, struct value value,
              const struct arguments *arguments);

/* ---- text (template_string.c, template_format.c) --------------------------------------------- */

/* `separator` NULL: runs of white space; `max_splits` negative: all. */
struct list *string_split(struct render *render, struct slice text, const struct slice *separator,
                          int64_t max_splits, bool from_right);
struct list *string_lines(struct render *render, struct slice text, bool keep_ends);
struct slice string_replace(struct render *render, struct slice text, struct slice old,
                            struct slice new, int64_t count);
void string_escape(struct render *render, struct slice text); /* HTML, to the output */
struct value string_center(struct render *render, struct value self, const struct value *slots,
                           const struct arguments *arguments);

struct value format_percent(struct render *render, struct value format, struct value values);
struct value format_braces(struct render *render, struct value format, const struct value *slots,
                           const struct arguments *arguments);
