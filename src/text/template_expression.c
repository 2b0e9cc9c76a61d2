/* Expressions: tokens to tree, with jinja2's precedence. It differs from Python's in two places:
 * `~` binds tighter than `+`, and a filter or test takes the operand before it with its sign. */
#include "text/template_private.h"

#include <stdlib.h>

/* How tightly the binary operators bind. */
enum level {
    LEVEL_NONE,
    LEVEL_OR,
    LEVEL_AND,
    LEVEL_NOT,
    LEVEL_COMPARE,
    LEVEL_ADD,
    LEVEL_CONCAT,
    LEVEL_MULTIPLY,
    LEVEL_POWER
};

struct binary {
    enum level level;
    enum node_kind kind;
    enum operator operator;
    int n_tokens;
};

static struct node *parse_choose(struct parser *parser);
static struct node *parse_binary(struct parser *parser, enum level least);
static struct node *parse_unary(struct parser *parser, bool with_filters);
static struct node *parse_postfix(struct parser *parser, struct node *left);
static struct node *parse_filters(struct parser *parser, struct node *left);
static struct call *parse_call(struct parser *parser);

struct node *expression_parse(struct parser *parser)
{
    return parse_choose(parser);
}

static bool at_tuple_end(const struct parser *parser, const char *end_name)
{
    enum token_kind kind = parser->at->kind;
    return kind == LEX_PRINT_END || kind == LEX_BLOCK_END || kind == LEX_RPAREN ||
           (end_name && parser_at_name(parser, end_name));
}

/* Items that `parse_item` reads, with commas between them; one without a comma is itself. */
static struct node *parse_items(struct parser *parser, struct node *(*parse_item)(struct parser *),
                                const char *end_name, bool may_be_empty)
{
    struct node_stack stack = {0};
    bool is_tuple = false;
    int line = parser->at->line;
    while (!at_tuple_end(parser, end_name)) {
        node_push(parser, &stack, parse_item(parser));
        if (!parser_skip(parser, LEX_COMMA)) break;
        is_tuple = true;
    }
    if (!is_tuple && stack.n == 1) return stack.items[0];
    if (!is_tuple && !may_be_empty) parser_fail_token(parser, "an expression");
    struct node *tuple = node_create(parser, NODE_TUPLE, line);
    node_take_items(tuple, &stack);
    return tuple;
}

static struct node *parse_without_choose(struct parser *parser)
{
    return parse_binary(parser, LEVEL_OR);
}

struct node *expression_parse_tuple(struct parser *parser, bool with_choose, const char *end_name)
{
    return parse_items(parser, with_choose ? parse_choose : parse_without_choose, end_name, false);
}

struct node *expression_parse_group(struct parser *parser)
{
    struct node *node = parse_items(parser, parse_choose, NULL, true);
    parser_expect(parser, LEX_RPAREN);
    return node;
}

/* ---- targets of an assignment ---- */

static struct node *parse_target_name(struct parser *parser)
{
    const struct token *name = parser->at;
    struct node *node = operand_parse(parser);
    if (node->kind != NODE_NAME && node->kind != NODE_TUPLE)
        parser_fail(parser, name->line, "cannot assign to this");
    return node;
}

static struct node *parse_target_member(struct parser *parser)
{
    const struct token *name = parser->at;
    if (name->kind != LEX_NAME || name[1].kind != LEX_DOT) return parse_target_name(parser);
    parser->at += 2;
    struct node *node = node_create(parser, NODE_MEMBER, name->line);
    node->text = name->text;
    node->symbol = parser_symbol(parser, name->text);
    node->constant = value_text(parser_expect(parser, LEX_NAME)->text);
    return node;
}

static void check_target(struct parser *parser, const struct node *target)
{
    if (target->kind == NODE_NAME || target->kind == NODE_MEMBER) return;
    if (target->kind != NODE_TUPLE) parser_fail(parser, target->line, "cannot assign to this");
    for (int i = 0; i < target->n_items; i++) check_target(parser, target->items[i]);
}

struct node *expression_parse_target(struct parser *parser, const char *end_name, bool members)
{
    struct node *target =
        parse_items(parser, members ? parse_target_member : parse_target_name, end_name, false);
    check_target(parser, target);
    return target;
}

/* ---- operators ---- */

/* right if left else third */
static struct node *parse_choose(struct parser *parser)
{
    parser_enter(parser);
    int line = parser->at->line;
    struct node *value = parse_binary(parser, LEVEL_OR);
    while (parser_skip_name(parser, "if")) {
        struct node *choose = node_create(parser, NODE_CHOOSE, line);
        choose->right = value;
        choose->left = parse_binary(parser, LEVEL_OR);
        if (parser_skip_name(parser, "else")) choose->third = parse_choose(parser);
        value = choose;
    }
    parser_leave(parser);
    return value;
}

/* The binary operator that comes next; LEVEL_NONE if none does. */
static struct binary next_binary(const struct parser *parser)
{
    static const struct binary table[] = {
        [LEX_ADD] = {LEVEL_ADD, NODE_BINARY, OPERATOR_ADD, 1},
        [LEX_SUB] = {LEVEL_ADD, NODE_BINARY, OPERATOR_SUB, 1},
        [LEX_MUL] = {LEVEL_MULTIPLY, NODE_BINARY, OPERATOR_MUL, 1},
        [LEX_DIV] = {LEVEL_MULTIPLY, NODE_BINARY, OPERATOR_DIV, 1},
        [LEX_FLOORDIV] = {LEVEL_MULTIPLY, NODE_BINARY, OPERATOR_FLOORDIV, 1},
        [LEX_MOD] = {LEVEL_MULTIPLY, NODE_BINARY, OPERATOR_MOD, 1},
        [LEX_POW] = {LEVEL_POWER, NODE_BINARY, OPERATOR_POW, 1},
        [LEX_TILDE] = {LEVEL_CONCAT, NODE_CONCAT, OPERATOR_NONE, 1},
        [LEX_EQ] = {LEVEL_COMPARE, NODE_COMPARE, OPERATOR_EQ, 1},
        [LEX_NE] = {LEVEL_COMPARE, NODE_COMPARE, OPERATOR_NE, 1},
        [LEX_LT] = {LEVEL_COMPARE, NODE_COMPARE, OPERATOR_LT, 1},
        [LEX_LE] = {LEVEL_COMPARE, NODE_COMPARE, OPERATOR_LE, 1},
        [LEX_GT] = {LEVEL_COMPARE, NODE_COMPARE, OPERATOR_GT, 1},
        [LEX_GE] = {LEVEL_COMPARE, NODE_COMPARE, OPERATOR_GE, 1},
        [LEX_RBRACE] = {LEVEL_NONE, NODE_BINARY, OPERATOR_NONE, 0},
    };
    const struct token *token = parser->at;
    if (token->kind != LEX_NAME) return table[token->kind];
    if (slice_is(token->text, "or")) return (struct binary){LEVEL_OR, NODE_OR, OPERATOR_NONE, 1};
    if (slice_is(token->text, "and")) return (struct binary){LEVEL_AND, NODE_AND, OPERATOR_NONE, 1};
    if (slice_is(token->text, "in"))
        return (struct binary){LEVEL_COMPARE, NODE_COMPARE, OPERATOR_IN, 1};
    if (slice_is(token->text, "not") && token[1].kind == LEX_NAME && slice_is(token[1].text, "in"))
        return (struct binary){LEVEL_COMPARE, NODE_COMPARE, OPERATOR_NOT_IN, 2};
    return (struct binary){0};
}

/* a ~ b ~ c and a < b < c are one node each, whatever their length. */
static struct node *parse_chain(struct parser *parser, struct node *first, enum node_kind kind)
{
    struct node_stack stack = {0};
    struct node *chain = node_create(parser, kind, first->line);
    node_push(parser, &stack, first);
    for (struct binary next = next_binary(parser); next.kind == kind && next.level != LEVEL_NONE;
         next = next_binary(parser)) {
        parser->at += next.n_tokens;
        struct node *operand = parse_binary(parser, next.level + 1);
        if (kind == NODE_COMPARE) {
            operand = node_with_left(parser, NODE_COMPARED, operand->line, operand);
            operand->operator= next.operator;
        }
        node_push(parser, &stack, operand);
    }
    node_take_items(chain, &stack);
    return chain;
}

/* Operators that bind at least as tightly as `least`. */
static struct node *parse_binary(struct parser *parser, enum level least)
{
    parser_enter(parser);
    int line = parser->at->line;
    struct node *left;
    if (least <= LEVEL_NOT && parser_skip_name(parser, "not"))
        left = node_with_left(parser, NODE_NOT, line, parse_binary(parser, LEVEL_NOT));
    else
        left = parse_unary(parser, true);
    for (struct binary next = next_binary(parser); next.level >= least;
         next = next_binary(parser)) {
        if (next.kind == NODE_CONCAT || next.kind == NODE_COMPARE) {
            left = parse_chain(parser, left, next.kind);
            continue;
        }
        parser->at += next.n_tokens;
        left = node_with_left(parser, next.kind, line, left);
        left->operator= next.operator;
        left->right = parse_binary(parser, next.level + 1);
    }
    parser_leave(parser);
    return left;
}

static struct node *parse_unary(struct parser *parser, bool with_filters)
{
    parser_enter(parser);
    int line = parser->at->line;
    struct node *node;
    if (parser_skip(parser, LEX_SUB))
        node = node_with_left(parser, NODE_NEGATIVE, line, parse_unary(parser, false));
    else if (parser_skip(parser, LEX_ADD))
        node = node_with_left(parser, NODE_POSITIVE, line, parse_unary(parser, false));
    else
        node = operand_parse(parser);
    node = parse_postfix(parser, node);
    if (with_filters) node = parse_filters(parser, node);
    parser_leave(parser);
    return node;
}

/* ---- what follows an operand ---- */

/* a[i] or a[start:stop:step], behind the bracket */
static struct node *parse_subscript(struct parser *parser, struct node *left, int line)
{
    struct node *parts[3] = {0};
    bool is_slice = false;
    for (int i = 0; i < 3; i++) {
        enum token_kind kind = parser->at->kind;
        if (kind != LEX_COLON && kind != LEX_RBRACKET) parts[i] = expression_parse(parser);
        if (i == 2 || !parser_skip(parser, LEX_COLON)) break;
        is_slice = true;
    }
    if (!is_slice) {
        if (!parts[0]) parser_fail_token(parser, "an expression");
        if (parser->at->kind == LEX_COMMA) {
            struct node_stack stack = {0};
            node_push(parser, &stack, parts[0]);
            while (parser_skip(parser, LEX_COMMA))
                node_push(parser, &stack, expression_parse(parser));
            parts[0] = node_create(parser, NODE_TUPLE, line);
            node_take_items(parts[0], &stack);
        }
        parser_expect(parser, LEX_RBRACKET);
        struct node *item = node_with_left(parser, NODE_ITEM, line, left);
        item->right = parts[0];
        return item;
    }
    parser_expect(parser, LEX_RBRACKET);
    struct node *slice = node_with_left(parser, NODE_SLICE, line, left);
    slice->items = parser_alloc(parser, sizeof parts);
    memcpy(slice->items, parts, sizeof parts);
    slice->n_items = 3;
    return slice;
}

/* a.name or a.0, behind the dot */
static struct node *parse_attribute(struct parser *parser, struct node *left, int line)
{
    if (parser->at->kind == LEX_INTEGER) {
        struct node *item = node_with_left(parser, NODE_ITEM, line, left);
        item->right = operand_parse(parser);
        return item;
    }
    struct node *attribute = node_with_left(parser, NODE_ATTRIBUTE, line, left);
    attribute->text = parser_expect(parser, LEX_NAME)->text;
    return attribute;
}

static struct node *parse_postfix(struct parser *parser, struct node *left)
{
    for (;;) {
        int line = parser->at->line;
        if (parser_skip(parser, LEX_DOT)) {
            left = parse_attribute(parser, left, line);
        } else if (parser_skip(parser, LEX_LBRACKET)) {
            left = parse_subscript(parser, left, line);
        } else if (parser->at->kind == LEX_LPAREN) {
            left = node_with_left(parser, NODE_CALL, line, left);
            left->call = parse_call(parser);
        } else {
            return left;
        }
    }
}

static struct call *parse_call(struct parser *parser)
{
    struct call *call = parser_alloc(parser, sizeof *call);
    struct node_stack positional = {0}, named = {0};
    parser_expect(parser, LEX_LPAREN);
    while (parser->at->kind != LEX_RPAREN) {
        const struct token *token = parser->at;
        if (parser_skip(parser, LEX_MUL)) {
            if (call->spread || call->spread_named) parser_fail_token(parser, "one * list");
            call->spread = expression_parse(parser);
        } else if (parser_skip(parser, LEX_POW)) {
            if (call->spread_named) parser_fail_token(parser, "one ** dict");
            call->spread_named = expression_parse(parser);
        } else if (token->kind == LEX_NAME && token[1].kind == LEX_ASSIGN) {
            parser->at += 2;
            struct node *argument =
                node_with_left(parser, NODE_NAME, token->line, expression_parse(parser));
            argument->text = token->text;
            node_push(parser, &named, argument);
        } else {
            if (named.n || call->spread || call->spread_named)
                parser_fail(parser, token->line,
                            "an argument without a name follows one with a name");
            node_push(parser, &positional, expression_parse(parser));
        }
        if (!parser_skip(parser, LEX_COMMA)) break;
    }
    parser_expect(parser, LEX_RPAREN);
    call->positional = positional.items;
    call->n_positional = positional.n;
    call->n_named = named.n;
    call->names = parser_alloc(parser, (size_t)named.n * sizeof *call->names);
    call->named = parser_alloc(parser, (size_t)named.n * sizeof *call->named);
    for (int i = 0; i < named.n; i++) {
        call->names[i] = named.items[i]->text;
        call->named[i] = named.items[i]->left;
    }
    return call;
}

/* The name of a filter or test, which may have dots. */
static struct slice parse_dotted(struct parser *parser)
{
    struct slice name = parser_expect(parser, LEX_NAME)->text;
    while (parser_skip(parser, LEX_DOT)) {
        struct slice more = parser_expect(parser, LEX_NAME)->text;
        name.n_bytes = (size_t)(more.data + more.n_bytes - name.data);
    }
    return name;
}

static struct node *parse_filter(struct parser *parser, struct node *left)
{
    struct node *filter = node_with_left(parser, NODE_FILTER, parser->at->line, left);
    filter->text = parse_dotted(parser);
    filter->call = parser->at->kind == LEX_LPAREN ? parse_call(parser)
                                                  : parser_alloc(parser, sizeof *filter->call);
    return filter;
}

/* A test takes one argument without parentheses: `x is divisibleby 3`. */
static bool at_bare_argument(const struct parser *parser)
{
    switch (parser->at->kind) {
    case LEX_STRING:
    case LEX_INTEGER:
    case LEX_FLOAT:
    case LEX_LBRACKET:
    case LEX_LBRACE:
        return true;
    case LEX_NAME:
        return !parser_at_name(parser, "else") && !parser_at_name(parser, "or") &&
               !parser_at_name(parser, "and");
    default:
        return false;
    }
}

static struct node *parse_test(struct parser *parser, struct node *left, int line)
{
    bool negated = parser_skip_name(parser, "not");
    struct node *test = node_with_left(parser, NODE_TEST, line, left);
    test->text = parse_dotted(parser);
    if (parser->at->kind == LEX_LPAREN) {
        test->call = parse_call(parser);
    } else {
        test->call = parser_alloc(parser, sizeof *test->call);
        if (at_bare_argument(parser)) {
            if (parser_at_name(parser, "is"))
                parser_fail(parser, line, "tests cannot be chained with 'is'");
            struct node_stack stack = {0};
            node_push(parser, &stack, parse_postfix(parser, operand_parse(parser)));
            test->call->positional = stack.items;
            test->call->n_positional = 1;
        }
    }
    return negated ? node_with_left(parser, NODE_NOT, line, test) : test;
}

/* `| filter` and `is test`, as often as they come. */
static struct node *parse_filters(struct parser *parser, struct node *left)
{
    for (;;) {
        int line = parser->at->line;
        if (parser_skip(parser, LEX_PIPE)) {
            left = parse_filter(parser, left);
        } else if (parser_skip_name(parser, "is")) {
            left = parse_test(parser, left, line);
        } else if (parser->at->kind == LEX_LPAREN) {
            left = node_with_left(parser, NODE_CALL, line, left);
            left->call = parse_call(parser);
        } else {
            return left;
        }
    }
}

struct node *expression_parse_filter_chain(struct parser *parser)
{
    struct node *chain = parse_filter(parser, NULL);
    while (parser_skip(parser, LEX_PIPE)) chain = parse_filter(parser, chain);
    return chain;
}
