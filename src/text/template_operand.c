/* Operands: names, literals and what stands in brackets. */
#include "text/template_private.h"

static struct node *parse_name(struct parser *parser);
static struct node *parse_string(struct parser *parser);
static struct node *parse_integer(struct parser *parser);
static struct node *parse_float(struct parser *parser);
static struct node *parse_list(struct parser *parser);
static struct node *parse_dict(struct parser *parser);

struct node *operand_parse(struct parser *parser)
{
    switch (parser->at->kind) {
    case LEX_NAME:
        return parse_name(parser);
    case LEX_STRING:
        return parse_string(parser);
    case LEX_INTEGER:
        return parse_integer(parser);
    case LEX_FLOAT:
        return parse_float(parser);
    case LEX_LBRACKET:
        return parse_list(parser);
    case LEX_LBRACE:
        return parse_dict(parser);
    case LEX_LPAREN:
        parser->at++;
        return expression_parse_group(parser);
    default:
        parser_fail_token(parser, "an expression");
    }
}

static struct node *constant(struct parser *parser, int line, struct value value)
{
    struct node *node = node_create(parser, NODE_CONSTANT, line);
    node->constant = value;
    return node;
}

static struct node *parse_name(struct parser *parser)
{
    const struct token *token = parser->at++;
    struct slice name = token->text;
    if (slice_is(name, "true") || slice_is(name, "True"))
        return constant(parser, token->line, value_bool(true));
    if (slice_is(name, "false") || slice_is(name, "False"))
        return constant(parser, token->line, value_bool(false));
    if (slice_is(name, "none") || slice_is(name, "None"))
        return constant(parser, token->line, NONE);

    struct node *node = node_create(parser, NODE_NAME, token->line);
    node->text = name;
    node->symbol = parser_symbol(parser, name);
    if (slice_is(name, "caller")) parser->uses |= USES_CALLER;
    if (slice_is(name, "varargs")) parser->uses |= USES_VARARGS;
    if (slice_is(name, "kwargs")) parser->uses |= USES_KWARGS;
    return node;
}

/* Strings that follow one another are one. */
static struct node *parse_string(struct parser *parser)
{
    const struct token *first = parser->at++;
    struct slice text = first->text;
    size_t n_bytes = text.n_bytes;
    for (const struct token *more = parser->at; more->kind == LEX_STRING; more++)
        n_bytes += more->text.n_bytes;
    if (parser->at->kind == LEX_STRING) {
        char *joined = parser_alloc(parser, n_bytes), *end = joined;
        parser->at = first;
        for (; parser->at->kind == LEX_STRING; parser->at++) {
            memcpy(end, parser->at->text.data, parser->at->text.n_bytes);
            end += parser->at->text.n_bytes;
        }
        text = (struct slice){joined, n_bytes};
    }
    return constant(parser, first->line, value_text(text));
}

/* The digits without underscores, in a buffer of 64. */
static void copy_digits(struct parser *parser, const struct token *token, char digits[64])
{
    size_t n = 0;
    for (size_t i = 0; i < token->text.n_bytes; i++) {
        if (token->text.data[i] == '_') continue;
        if (n >= 63) parser_fail(parser, token->line, "a number has too many digits");
        digits[n++] = token->text.data[i];
    }
    digits[n] = 0;
}

static struct node *parse_integer(struct parser *parser)
{
    const struct token *token = parser->at++;
    char digits[64];
    copy_digits(parser, token, digits);
    bool has_prefix = digits[0] == '0' && digits[1] > '9';
    int base = !has_prefix                 ? 10
               : (digits[1] | 0x20) == 'x' ? 16
               : (digits[1] | 0x20) == 'o' ? 8
                                           : 2;
    int64_t integer = 0;
    for (const char *c = digits + (has_prefix ? 2 : 0); *c; c++) {
        int digit = *c <= '9' ? *c - '0' : (*c | 0x20) - 'a' + 10;
        if (__builtin_mul_overflow(integer, base, &integer) ||
            __builtin_add_overflow(integer, digit, &integer))
            parser_fail(parser, token->line, "the integer %s does not fit in 64 bits", digits);
    }
    return constant(parser, token->line, value_int(integer));
}

static struct node *parse_float(struct parser *parser)
{
    const struct token *token = parser->at++;
    char digits[64];
    copy_digits(parser, token, digits);
    return constant(parser, token->line, value_float(number_read(digits, NULL)));
}

static struct node *parse_list(struct parser *parser)
{
    struct node *list = node_create(parser, NODE_LIST, (parser->at++)->line);
    struct node_stack stack = {0};
    while (parser->at->kind != LEX_RBRACKET) {
        node_push(parser, &stack, expression_parse(parser));
        if (!parser_skip(parser, LEX_COMMA)) break;
    }
    parser_expect(parser, LEX_RBRACKET);
    node_take_items(list, &stack);
    return list;
}

static struct node *parse_dict(struct parser *parser)
{
    struct node *dict = node_create(parser, NODE_DICT, (parser->at++)->line);
    struct node_stack stack = {0};
    while (parser->at->kind != LEX_RBRACE) {
        node_push(parser, &stack, expression_parse(parser));
        parser_expect(parser, LEX_COLON);
        node_push(parser, &stack, expression_parse(parser));
        if (!parser_skip(parser, LEX_COMMA)) break;
    }
    parser_expect(parser, LEX_RBRACE);
    node_take_items(dict, &stack);
    return dict;
}
