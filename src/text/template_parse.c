/* Statements: tokens to tree. */
#include "text/template_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"

/* Far more than a template needs, and little enough for the stack of any thread. */
enum { MAX_PARSE_DEPTH = 400, MAX_SOURCE_BYTES = 1 << 20 };

static struct node *parse_until(struct parser *parser, const char *const *ends);
static struct node *parse_statement(struct parser *parser);

/* ---- what both halves of the parser use ---- */

void parser_fail(struct parser *parser, int line, const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    error_set(parser->error, HEFT_BAD_FILE, "chat template, line %d: %s", line, message);
    longjmp(parser->escape, 1);
}

void parser_fail_token(struct parser *parser, const char *wanted)
{
    const struct token *token = parser->at;
    const char *kind = token->kind == LEX_END         ? "the end of the template"
                       : token->kind == LEX_TEXT      ? "text"
                       : token->kind == LEX_PRINT_END ? "'}}'"
                       : token->kind == LEX_BLOCK_END ? "'%}'"
                                                      : NULL;
    if (kind) parser_fail(parser, token->line, "found %s instead of %s", kind, wanted);
    int n = token->text.n_bytes < 60 ? (int)token->text.n_bytes : 60;
    parser_fail(parser, token->line, "found '%.*s' instead of %s", n, token->text.data, wanted);
}

void *parser_alloc(struct parser *parser, size_t n_bytes)
{
    void *memory = arena_alloc(&parser->template->arena, n_bytes);
    if (!memory) parser_fail(parser, parser->at ? parser->at->line : 1, "not enough memory");
    return memset(memory, 0, n_bytes);
}

struct node *node_create(struct parser *parser, enum node_kind kind, int line)
{
    struct node *node = parser_alloc(parser, sizeof *node);
    node->kind = kind;
    node->line = line;
    return node;
}

struct node *node_with_left(struct parser *parser, enum node_kind kind, int line, struct node *left)
{
    struct node *node = node_create(parser, kind, line);
    node->left = left;
    return node;
}

void node_push(struct parser *parser, struct node_stack *stack, struct node *node)
{
    if (stack->n == stack->capacity) {
        int capacity = stack->capacity ? 2 * stack->capacity : 4;
        struct node **items = parser_alloc(parser, (size_t)capacity * sizeof *items);
        if (stack->n) memcpy(items, stack->items, (size_t)stack->n * sizeof *items);
        stack->items = items;
        stack->capacity = capacity;
    }
    stack->items[stack->n++] = node;
}

void node_take_items(struct node *node, const struct node_stack *stack)
{
    node->items = stack->items;
    node->n_items = stack->n;
}

static void grow_symbols(struct parser *parser)
{
    struct template *template = parser->template;
    int capacity = template->symbol_capacity ? 2 * template->symbol_capacity : 32;
    struct slice *symbols = parser_alloc(parser, (size_t)capacity * sizeof *symbols);
    if (template->n_symbols)
        memcpy(symbols, template->symbols, (size_t) template->n_symbols * sizeof *symbols);
    template->symbols = symbols;
    template->symbol_capacity = capacity;
}

int parser_symbol(struct parser *parser, struct slice name)
{
    json_t *known = json_object_getn(parser->symbols, name.data, name.n_bytes);
    if (known) return (int)json_integer_value(known);

    struct template *template = parser->template;
    if (template->n_symbols == template->symbol_capacity) grow_symbols(parser);
    char *copy = parser_alloc(parser, name.n_bytes + 1);
    memcpy(copy, name.data, name.n_bytes);
    if (json_object_setn_new(parser->symbols, copy, name.n_bytes,
                             json_integer(template->n_symbols)))
        parser_fail(parser, parser->at->line, "not enough memory");
    template->symbols[template->n_symbols] = (struct slice){copy, name.n_bytes};
    return template->n_symbols++;
}

const struct token *parser_expect(struct parser *parser, enum token_kind kind)
{
    static const char *const names[] = {
        [LEX_PRINT_END] = "'}}'", [LEX_BLOCK_END] = "'%}'", [LEX_NAME] = "a name",
        [LEX_ASSIGN] = "'='",     [LEX_COLON] = "':'",      [LEX_LPAREN] = "'('",
        [LEX_RPAREN] = "')'",     [LEX_RBRACKET] = "']'",   [LEX_RBRACE] = "'}'",
    };
    if (parser->at->kind != kind) parser_fail_token(parser, names[kind]);
    return parser->at++;
}

bool parser_skip(struct parser *parser, enum token_kind kind)
{
    if (parser->at->kind != kind) return false;
    parser->at++;
    return true;
}

bool parser_at_name(const struct parser *parser, const char *name)
{
    return parser->at->kind == LEX_NAME && slice_is(parser->at->text, name);
}

bool parser_skip_name(struct parser *parser, const char *name)
{
    if (!parser_at_name(parser, name)) return false;
    parser->at++;
    return true;
}

void parser_enter(struct parser *parser)
{
    if (++parser->depth > MAX_PARSE_DEPTH)
        parser_fail(parser, parser->at->line, "nested too deeply");
}

void parser_leave(struct parser *parser)
{
    parser->depth--;
}

/* ---- statements ---- */

/* Reads up to a tag that begins with one of `ends` (ends with NULL), whose name is taken and
 * returned; the whole template if `ends` is NULL. */
static struct node *parse_until(struct parser *parser, const char *const *ends)
{
    struct node *block = node_create(parser, NODE_BLOCK, parser->at->line);
    struct node_stack stack = {0};
    parser_enter(parser);
    for (bool done = false; !done;) {
        const struct token *token = parser->at;
        if (token->kind == LEX_TEXT) {
            struct node *text = node_create(parser, NODE_TEXT, token->line);
            text->text = token->text;
            node_push(parser, &stack, text);
            parser->at++;
        } else if (parser_skip(parser, LEX_PRINT_BEGIN)) {
            struct node *print = node_create(parser, NODE_PRINT, token->line);
            print->left = expression_parse_tuple(parser, true, NULL);
            parser_expect(parser, LEX_PRINT_END);
            node_push(parser, &stack, print);
        } else if (parser_skip(parser, LEX_BLOCK_BEGIN)) {
            for (int i = 0; ends && ends[i] && !done; i++) done = parser_at_name(parser, ends[i]);
            if (done) break;
            node_push(parser, &stack, parse_statement(parser));
            parser_expect(parser, LEX_BLOCK_END);
        } else if (ends) {
            parser_fail(parser, block->line, "a block that begins here has no {%% %s %%}", ends[0]);
        } else {
            done = true;
        }
    }
    parser_leave(parser);
    node_take_items(block, &stack);
    return block;
}

/* The block of a statement whose opening tag ends here. */
static struct node *parse_body(struct parser *parser, const char *const *ends)
{
    parser_expect(parser, LEX_BLOCK_END);
    return parse_until(parser, ends);
}

static struct node *parse_last_body(struct parser *parser, const char *end)
{
    struct node *body = parse_body(parser, (const char *const[]){end, NULL});
    parser->at++;
    return body;
}

static struct node *parse_if(struct parser *parser, struct node *node)
{
    struct node_stack stack = {0};
    do {
        node_push(parser, &stack, expression_parse_tuple(parser, false, NULL));
        node_push(parser, &stack,
                  parse_body(parser, (const char *const[]){"endif", "elif", "else", NULL}));
    } while (parser_skip_name(parser, "elif"));
    if (parser_skip_name(parser, "else"))
        node->third = parse_last_body(parser, "endif");
    else
        parser->at++;
    node_take_items(node, &stack);
    return node;
}

static struct node *parse_for(struct parser *parser, struct node *node)
{
    node->left = expression_parse_target(parser, "in", false);
    if (!parser_skip_name(parser, "in")) parser_fail_token(parser, "'in'");
    node->right = expression_parse_tuple(parser, false, "recursive");
    if (parser_skip_name(parser, "if")) node->filter = expression_parse(parser);
    node->recursive = parser_skip_name(parser, "recursive");
    node->symbol = parser_symbol(parser, slice_of("loop"));
    parser->loop_depth++;
    node->body = parse_body(parser, (const char *const[]){"endfor", "else", NULL});
    parser->loop_depth--;
    if (parser_skip_name(parser, "else"))
        node->third = parse_last_body(parser, "endfor");
    else
        parser->at++;
    return node;
}

static struct node *parse_set(struct parser *parser, struct node *node)
{
    node->left = expression_parse_target(parser, NULL, true);
    if (parser_skip(parser, LEX_ASSIGN)) {
        node->right = expression_parse_tuple(parser, true, NULL);
        return node;
    }
    node->kind = NODE_SET_BLOCK;
    if (parser_skip(parser, LEX_PIPE)) node->right = expression_parse_filter_chain(parser);
    node->body = parse_last_body(parser, "endset");
    return node;
}

static struct signature *parse_signature(struct parser *parser)
{
    struct signature *signature = parser_alloc(parser, sizeof *signature);
    struct node_stack names = {0};
    if (!parser_skip(parser, LEX_LPAREN)) return signature;
    while (parser->at->kind != LEX_RPAREN) {
        const struct token *token = parser_expect(parser, LEX_NAME);
        struct node *name = node_create(parser, NODE_NAME, token->line);
        name->text = token->text;
        if (parser_skip(parser, LEX_ASSIGN))
            name->left = expression_parse(parser);
        else if (names.n && names.items[names.n - 1]->left)
            parser_fail(parser, token->line,
                        "a parameter without a default follows one with a default");
        node_push(parser, &names, name);
        if (!parser_skip(parser, LEX_COMMA)) break;
    }
    parser_expect(parser, LEX_RPAREN);
    size_t n = (size_t)names.n;
    signature->n = names.n;
    signature->symbols = parser_alloc(parser, n * sizeof *signature->symbols);
    signature->names = parser_alloc(parser, n * sizeof *signature->names);
    signature->defaults = parser_alloc(parser, n * sizeof *signature->defaults);
    for (size_t i = 0; i < n; i++) {
        signature->symbols[i] = parser_symbol(parser, names.items[i]->text);
        signature->names[i] = names.items[i]->text;
        signature->defaults[i] = names.items[i]->left;
    }
    return signature;
}

/* Signature and body of a macro, or of the caller of a call block. */
static void parse_macro_body(struct parser *parser, struct node *macro, const char *end)
{
    unsigned outer_uses = parser->uses;
    int outer_loops = parser->loop_depth;
    parser->uses = 0;
    parser->loop_depth = 0;
    macro->body = parse_last_body(parser, end);
    struct signature *signature = macro->signature;
    signature->uses = parser->uses;
    signature->caller = parser_symbol(parser, slice_of("caller"));
    signature->varargs = parser_symbol(parser, slice_of("varargs"));
    signature->kwargs = parser_symbol(parser, slice_of("kwargs"));
    parser->uses = outer_uses;
    parser->loop_depth = outer_loops;
}

static struct node *parse_macro(struct parser *parser, struct node *node)
{
    node->text = parser_expect(parser, LEX_NAME)->text;
    node->symbol = parser_symbol(parser, node->text);
    node->signature = parse_signature(parser);
    parse_macro_body(parser, node, "endmacro");
    return node;
}

static struct node *parse_call_block(struct parser *parser, struct node *node)
{
    struct node *caller = node_create(parser, NODE_MACRO, node->line);
    caller->text = slice_of("caller");
    caller->signature = parse_signature(parser);
    node->left = expression_parse(parser);
    if (node->left->kind != NODE_CALL) parser_fail(parser, node->line, "a call block needs a call");
    node->right = caller;
    parse_macro_body(parser, caller, "endcall");
    return node;
}

static struct node *parse_filter_block(struct parser *parser, struct node *node)
{
    node->left = expression_parse_filter_chain(parser);
    node->body = parse_last_body(parser, "endfilter");
    return node;
}

static struct node *parse_generation(struct parser *parser, struct node *node)
{
    int outer_loops = parser->loop_depth;
    parser->loop_depth = 0;
    node->body = parse_last_body(parser, "endgeneration");
    parser->loop_depth = outer_loops;
    return node;
}

static struct node *parse_with(struct parser *parser, struct node *node)
{
    struct node_stack stack = {0};
    while (parser->at->kind != LEX_BLOCK_END) {
        struct node *target = expression_parse_target(parser, NULL, false);
        parser_expect(parser, LEX_ASSIGN);
        node_push(parser, &stack, target);
        node_push(parser, &stack, expression_parse(parser));
        if (!parser_skip(parser, LEX_COMMA)) break;
    }
    node_take_items(node, &stack);
    node->body = parse_last_body(parser, "endwith");
    return node;
}

/* {% print a, b %} */
static struct node *parse_print(struct parser *parser, struct node *node)
{
    struct node_stack stack = {0};
    do {
        struct node *print = node_create(parser, NODE_PRINT, node->line);
        print->left = expression_parse(parser);
        node_push(parser, &stack, print);
    } while (parser_skip(parser, LEX_COMMA));
    node_take_items(node, &stack);
    return node;
}

static struct node *parse_jump(struct parser *parser, struct node *node)
{
    if (!parser->loop_depth) parser_fail(parser, node->line, "break or continue outside a loop");
    return node;
}

static struct node *parse_statement(struct parser *parser)
{
    static const struct {
        const char *name;
        enum node_kind kind;
        struct node *(*parse)(struct parser *parser, struct node *node);
    } statements[] = {
        {"if", NODE_IF, parse_if},
        {"for", NODE_FOR, parse_for},
        {"set", NODE_SET, parse_set},
        {"macro", NODE_MACRO, parse_macro},
        {"call", NODE_CALL_BLOCK, parse_call_block},
        {"filter", NODE_FILTERED, parse_filter_block},
        {"generation", NODE_GENERATION, parse_generation},
        {"with", NODE_WITH, parse_with},
        {"print", NODE_BLOCK, parse_print},
        {"break", NODE_BREAK, parse_jump},
        {"continue", NODE_CONTINUE, parse_jump},
    };
    const struct token *name = parser_expect(parser, LEX_NAME);
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        if (slice_is(name->text, statements[i].name))
            return statements[i].parse(parser, node_create(parser, statements[i].kind, name->line));
    int n = name->text.n_bytes < 60 ? (int)name->text.n_bytes : 60;
    parser_fail(parser, name->line, "the tag '%.*s' is not known here", n, name->text.data);
}

/* ---- the whole template ---- */

static bool parse_source(struct parser *parser, const char *source, size_t n_bytes)
{
    if (setjmp(parser->escape)) return false;
    if (n_bytes > MAX_SOURCE_BYTES) parser_fail(parser, 1, "it has more than a million bytes");
    if (!unicode_is_valid((struct slice){source, n_bytes}))
        parser_fail(parser, 1, "it is not UTF-8");
    if (!parser->symbols) parser_fail(parser, 1, "not enough memory");
    lex_source(parser, source, n_bytes);
    parser->at = (const struct token *)(void *)parser->tokens.data;
    parser->template->body = parse_until(parser, NULL);
    return true;
}

heft_status template_parse(const char *source, size_t n_bytes, struct template **out,
                           heft_error *error)
{
    *out = NULL;
    struct template *template = calloc(1, sizeof *template);
    if (!template) return error_set(error, HEFT_INTERNAL, "chat template: not enough memory");
    template->arena.limit = (size_t)512 << 20;
    struct parser parser = {.template = template, .error = error, .symbols = json_object()};
    bool parsed = parse_source(&parser, source, n_bytes);
    buffer_free(&parser.tokens);
    buffer_free(&parser.brackets);
    json_decref(parser.symbols);
    if (!parsed) {
        template_free(template);
        return HEFT_BAD_FILE;
    }
    *out = template;
    return HEFT_OK;
}

void template_free(struct template *template)
{
    if (!template) return;
    arena_free(&template->arena);
    free(template);
}
