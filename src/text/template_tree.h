/* From source to tree, which is read-only once it is there. */
#pragma once

#include <setjmp.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "heft.h"
#include "text/template_value.h"

/* ---- tokens (template_lex.c) ---- */

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
    struct buffer tokens;   /* struct token[], ends with LEX_END */
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

/* ---- tree (template_parse.c, template_expression.c, template_operand.c) ---- */

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

enum operator{
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
    int symbol;     /* names of variables are numbered once for the whole template */
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

struct template
{
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
struct node *node_with_left(struct parser *parser, enum node_kind kind, int line,
                            struct node *left);
void node_push(struct parser *parser, struct node_stack *stack, struct node *node);
void node_take_items(struct node *node, const struct node_stack *stack);
int parser_symbol(struct parser *parser, struct slice name);
const struct token *parser_expect(struct parser *parser, enum token_kind kind);
bool parser_skip(struct parser *parser, enum token_kind kind);
bool parser_at_name(const struct parser *parser, const char *name);
bool parser_skip_name(struct parser *parser, const char *name);
void parser_enter(struct parser *parser);
void parser_leave(struct parser *parser);
_Noreturn void parser_fail_token(struct parser *parser, const char *wanted);

struct node *operand_parse(struct parser *parser);
struct node *expression_parse(struct parser *parser);
struct node *expression_parse_group(struct parser *parser); /* behind a '(' */
/* With commas a tuple. `end_name`, which may be NULL, is a keyword that ends the list. */
struct node *expression_parse_tuple(struct parser *parser, bool with_choose, const char *end_name);
/* filter | filter ..., applied to what a block renders: the innermost has no left. */
struct node *expression_parse_filter_chain(struct parser *parser);
struct node *expression_parse_target(struct parser *parser, const char *end_name, bool members);
