/* Template source to tokens. Which white space around a tag stays follows jinja2's lexer with
 * trim_blocks and lstrip_blocks: a block or comment takes the blanks before it on its line and the
 * newline after it; '-' takes all white space on its side, '+' none. */
#include "text/template_private.h"

#include <stdlib.h>

struct lexer {
    struct parser *parser;
    struct slice source; /* newlines normalised */
    size_t at;
    int line;
    bool line_starting; /* the last match ended with a newline */
};

static struct slice normalise(struct parser *parser, const char *source, size_t n_bytes);
static void lex_root(struct lexer *lexer);
static void lex_comment(struct lexer *lexer);
static bool lex_raw(struct lexer *lexer, size_t tag, size_t text_start);
static void lex_expression(struct lexer *lexer, bool is_block);
static bool lex_end(struct lexer *lexer, bool is_block);
static void lex_token(struct lexer *lexer);
static void lex_string(struct lexer *lexer);
static void lex_number(struct lexer *lexer);
static void lex_operator(struct lexer *lexer);

static void push(struct lexer *lexer, enum token_kind kind, struct slice text)
{
    struct token token = {.kind = kind, .line = lexer->line, .text = text};
    buffer_append(&lexer->parser->tokens, &token, sizeof token);
}

static struct slice span(const struct lexer *lexer, size_t from, size_t to)
{
    return (struct slice){lexer->source.data + from, to - from};
}

static char byte_at(const struct lexer *lexer, size_t at)
{
    return at < lexer->source.n_bytes ? lexer->source.data[at] : 0;
}

static bool looking_at(const struct lexer *lexer, size_t at, const char *text)
{
    size_t n = strlen(text);
    return lexer->source.n_bytes - at >= n && memcmp(lexer->source.data + at, text, n) == 0;
}

static size_t skip_space(const struct lexer *lexer, size_t at)
{
    while (at < lexer->source.n_bytes) {
        size_t next = at;
        if (!unicode_is_space(unicode_next(lexer->source, &next))) break;
        at = next;
    }
    return at;
}

/* Moves on and counts the lines passed. */
static void advance_to(struct lexer *lexer, size_t to)
{
    for (; lexer->at < to; lexer->at++)
        if (lexer->source.data[lexer->at] == '\n') lexer->line++;
}

void lex_source(struct parser *parser, const char *source, size_t n_bytes)
{
    struct lexer lexer = {.parser = parser, .line = 1, .line_starting = true};
    lexer.source = normalise(parser, source, n_bytes);
    while (lexer.at < lexer.source.n_bytes) lex_root(&lexer);
    push(&lexer, LEX_END, (struct slice){0});
    if (parser->tokens.failed || parser->brackets.failed)
        parser_fail(parser, lexer.line, "not enough memory");
}

/* All newlines become \n, and one at the very end goes. */
static struct slice normalise(struct parser *parser, const char *source, size_t n_bytes)
{
    char *text = parser_alloc(parser, n_bytes + 1);
    size_t n = 0;
    for (size_t i = 0; i < n_bytes; i++) {
        bool is_return = source[i] == '\r';
        if (is_return && i + 1 < n_bytes && source[i + 1] == '\n') i++;
        text[n++] = is_return ? '\n' : source[i];
    }
    if (n && text[n - 1] == '\n') n--;
    return (struct slice){text, n};
}

/* What of the text before a tag stays. */
static struct slice strip_before(const struct lexer *lexer, struct slice text, char sign,
                                 bool is_print)
{
    if (sign == '-') return unicode_strip(text, NULL, false, true);
    if (sign == '+' || is_print) return text;
    size_t line_start = text.n_bytes;
    while (line_start && text.data[line_start - 1] != '\n') line_start--;
    if (line_start == 0 && !lexer->line_starting) return text;
    struct slice line = {text.data + line_start, text.n_bytes - line_start};
    bool blank = unicode_strip(line, NULL, false, true).n_bytes == 0;
    return blank ? (struct slice){text.data, line_start} : text;
}

static void push_text(struct lexer *lexer, struct slice text)
{
    if (text.n_bytes) push(lexer, LEX_TEXT, text);
}

/* Text up to the next tag, then the tag. */
static void lex_root(struct lexer *lexer)
{
    size_t start = lexer->at, tag = start, n = lexer->source.n_bytes;
    while (tag < n && !(lexer->source.data[tag] == '{' && tag + 1 < n &&
                        memchr("{%#", lexer->source.data[tag + 1], 3)))
        tag++;
    if (tag >= n) {
        push_text(lexer, span(lexer, start, n));
        advance_to(lexer, n);
        return;
    }
    if (lex_raw(lexer, tag, start)) return;

    char kind = byte_at(lexer, tag + 1), sign = byte_at(lexer, tag + 2);
    push_text(lexer, strip_before(lexer, span(lexer, start, tag), sign, kind == '{'));
    advance_to(lexer, tag + 2 + (sign == '-' || sign == '+'));
    if (kind == '#')
        lex_comment(lexer);
    else
        lex_expression(lexer, kind == '%');
}

static void finish_tag(struct lexer *lexer, size_t end)
{
    advance_to(lexer, end);
    lexer->line_starting = end && lexer->source.data[end - 1] == '\n';
}

/* Where the text goes on after an end tag at `tag`, which a sign may precede. */
static size_t after_end_tag(const struct lexer *lexer, size_t tag, char sign)
{
    if (sign == '-') return skip_space(lexer, tag + 2);
    return tag + 2 + (sign != '+' && byte_at(lexer, tag + 2) == '\n');
}

static void lex_comment(struct lexer *lexer)
{
    size_t start = lexer->at, n = lexer->source.n_bytes;
    for (size_t i = start; i + 1 < n; i++) {
        if (!looking_at(lexer, i, "#}")) continue;
        char before = i > start ? lexer->source.data[i - 1] : 0;
        finish_tag(lexer, after_end_tag(lexer, i, before));
        return;
    }
    /* Like jinja2, which misses the end only where there is something that it could end. */
    if (start < n) parser_fail(lexer->parser, lexer->line, "a comment has no end");
}

/* Matches "{%- name -%}" at `tag`: where it ends, or 0. The signs found are stored. */
static size_t match_word_tag(const struct lexer *lexer, size_t tag, const char *name,
                             char *begin_sign, char *end_sign, size_t *end_tag)
{
    if (!looking_at(lexer, tag, "{%")) return 0;
    size_t at = tag + 2;
    char sign = byte_at(lexer, at);
    *begin_sign = sign == '-' || sign == '+' ? sign : 0;
    at = skip_space(lexer, at + (*begin_sign != 0));
    if (!looking_at(lexer, at, name)) return 0;
    at = skip_space(lexer, at + strlen(name));
    sign = byte_at(lexer, at);
    *end_sign = sign == '-' || sign == '+' ? sign : 0;
    at += *end_sign != 0;
    if (!looking_at(lexer, at, "%}")) return 0;
    *end_tag = at;
    return at + 2;
}

/* {% raw %} ... {% endraw %}, which does not trim the newline after its first tag. */
static bool lex_raw(struct lexer *lexer, size_t tag, size_t text_start)
{
    char sign, end_sign;
    size_t end_tag, start = match_word_tag(lexer, tag, "raw", &sign, &end_sign, &end_tag);
    if (!start || end_sign == '+') return false;
    push_text(lexer, strip_before(lexer, span(lexer, text_start, tag), sign, false));
    finish_tag(lexer, end_sign == '-' ? skip_space(lexer, start) : start);

    size_t raw_start = lexer->at;
    for (size_t i = raw_start; i < lexer->source.n_bytes; i++) {
        if (!match_word_tag(lexer, i, "endraw", &sign, &end_sign, &end_tag)) continue;
        push_text(lexer, strip_before(lexer, span(lexer, raw_start, i), sign, false));
        finish_tag(lexer, after_end_tag(lexer, end_tag, end_sign));
        return true;
    }
    if (raw_start < lexer->source.n_bytes)
        parser_fail(lexer->parser, lexer->line, "a raw block has no end");
    return true;
}

static void lex_expression(struct lexer *lexer, bool is_block)
{
    push(lexer, is_block ? LEX_BLOCK_BEGIN : LEX_PRINT_BEGIN, (struct slice){0});
    for (;;) {
        if (lexer->parser->brackets.n_bytes == 0 && lex_end(lexer, is_block)) return;
        size_t next = skip_space(lexer, lexer->at);
        if (next > lexer->at) {
            advance_to(lexer, next);
            continue;
        }
        if (lexer->at >= lexer->source.n_bytes)
            parser_fail(lexer->parser, lexer->line, "a tag has no end");
        lex_token(lexer);
    }
}

static bool lex_end(struct lexer *lexer, bool is_block)
{
    char sign = byte_at(lexer, lexer->at);
    bool has_sign = sign == '-' || (sign == '+' && is_block);
    size_t tag = lexer->at + has_sign;
    if (!looking_at(lexer, tag, is_block ? "%}" : "}}")) return false;
    push(lexer, is_block ? LEX_BLOCK_END : LEX_PRINT_END, (struct slice){0});
    if (is_block || sign == '-')
        finish_tag(lexer, after_end_tag(lexer, tag, has_sign ? sign : 0));
    else
        finish_tag(lexer, tag + 2);
    return true;
}

static void lex_token(struct lexer *lexer)
{
    char c = byte_at(lexer, lexer->at);
    if (c >= '0' && c <= '9') {
        lex_number(lexer);
        return;
    }
    if (c == '\'' || c == '"') {
        lex_string(lexer);
        return;
    }
    size_t end = lexer->at;
    while (end < lexer->source.n_bytes) {
        size_t next = end;
        if (!unicode_is_word(unicode_next(lexer->source, &next))) break;
        end = next;
    }
    if (end == lexer->at) {
        lex_operator(lexer);
        return;
    }
    push(lexer, LEX_NAME, span(lexer, lexer->at, end));
    advance_to(lexer, end);
}

static const struct {
    const char *text;
    enum token_kind kind;
} operators[] = {
    {"//", LEX_FLOORDIV}, {"**", LEX_POW},   {"==", LEX_EQ},      {"!=", LEX_NE},
    {">=", LEX_GE},       {"<=", LEX_LE},    {"+", LEX_ADD},      {"-", LEX_SUB},
    {"*", LEX_MUL},       {"/", LEX_DIV},    {"%", LEX_MOD},      {"~", LEX_TILDE},
    {"<", LEX_LT},        {">", LEX_GT},     {"=", LEX_ASSIGN},   {".", LEX_DOT},
    {":", LEX_COLON},     {"|", LEX_PIPE},   {",", LEX_COMMA},    {";", LEX_SEMICOLON},
    {"(", LEX_LPAREN},    {")", LEX_RPAREN}, {"[", LEX_LBRACKET}, {"]", LEX_RBRACKET},
    {"{", LEX_LBRACE},    {"}", LEX_RBRACE},
};

/* Inside brackets "}}" and "%}" do not end a tag, so brackets are matched here already. */
static void lex_bracket(struct lexer *lexer, enum token_kind kind)
{
    struct buffer *due = &lexer->parser->brackets;
    char closing = kind == LEX_LPAREN     ? ')'
                   : kind == LEX_LBRACKET ? ']'
                   : kind == LEX_LBRACE   ? '}'
                                          : 0;
    if (closing) {
        buffer_append(due, &closing, 1);
    } else if (kind == LEX_RPAREN || kind == LEX_RBRACKET || kind == LEX_RBRACE) {
        char found = byte_at(lexer, lexer->at);
        if (due->n_bytes == 0 || due->data[due->n_bytes - 1] != found) {
            parser_fail(lexer->parser, lexer->line, "'%c' closes nothing", found);
        }
        due->n_bytes--;
    }
}

static void lex_operator(struct lexer *lexer)
{
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        if (!looking_at(lexer, lexer->at, operators[i].text)) continue;
        lex_bracket(lexer, operators[i].kind);
        size_t end = lexer->at + strlen(operators[i].text);
        push(lexer, operators[i].kind, span(lexer, lexer->at, end));
        advance_to(lexer, end);
        return;
    }
    size_t end = lexer->at;
    uint32_t code = unicode_next(lexer->source, &end);
    parser_fail(lexer->parser, lexer->line, "unexpected character U+%04X", (unsigned)code);
}

static bool is_digit(char c, int base)
{
    if (base == 16 && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))) return true;
    return c >= '0' && c < '0' + (base < 10 ? base : 10);
}

/* Digits, with single underscores between them. */
static size_t skip_digits(const struct lexer *lexer, size_t at, int base)
{
    while (is_digit(byte_at(lexer, at), base) ||
           (byte_at(lexer, at) == '_' && is_digit(byte_at(lexer, at + 1), base)))
        at++;
    return at;
}

static size_t skip_exponent(const struct lexer *lexer, size_t at)
{
    if ((byte_at(lexer, at) | 0x20) != 'e') return at;
    size_t digits = at + 1 + (byte_at(lexer, at + 1) == '+' || byte_at(lexer, at + 1) == '-');
    return is_digit(byte_at(lexer, digits), 10) ? skip_digits(lexer, digits, 10) : at;
}

/* The text keeps its underscores; a float is told from `a.0.1` by the dot before it. */
static void lex_number(struct lexer *lexer)
{
    size_t start = lexer->at, end = skip_digits(lexer, start, 10);
    bool after_dot = start && lexer->source.data[start - 1] == '.';
    size_t fraction = end;
    if (byte_at(lexer, end) == '.' && is_digit(byte_at(lexer, end + 1), 10))
        fraction = skip_digits(lexer, end + 1, 10);
    size_t float_end = skip_exponent(lexer, fraction);
    if (float_end > end && !after_dot) {
        push(lexer, LEX_FLOAT, span(lexer, start, float_end));
        advance_to(lexer, float_end);
        return;
    }
    if (byte_at(lexer, start) == '0') {
        char letter = byte_at(lexer, start + 1) | 0x20;
        int base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
        size_t digits = base ? skip_digits(lexer, start + 2, base) : start + 2;
        if (digits > start + 2)
            end = digits;
        else /* "012" is no number: it falls apart here and the parser refuses it */
            for (end = start + 1; byte_at(lexer, end) == '0';) end++;
    }
    push(lexer, LEX_INTEGER, span(lexer, start, end));
    advance_to(lexer, end);
}

/* ---- strings ---- */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* \xhh, \uhhhh, \Uhhhhhhhh: `digits` of them at `at`. */
static uint32_t read_hex(struct lexer *lexer, size_t at, int digits)
{
    uint32_t code = 0;
    for (int i = 0; i < digits; i++) {
        int value = hex_value(byte_at(lexer, at + (size_t)i));
        if (value < 0)
            parser_fail(lexer->parser, lexer->line, "a string has a short \\x, \\u or \\U escape");
        code = code << 4 | (uint32_t)value;
    }
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        parser_fail(lexer->parser, lexer->line, "a string escapes U+%04X, which is no character",
                    (unsigned)code);
    return code;
}

/* Decodes the escape whose backslash is at `at`, as Python's unicode-escape does; an unknown one
 * stays as it is. Returns where the text goes on. */
static size_t decode_escape(struct lexer *lexer, size_t at, char *out, size_t *n_out)
{
    static const char letters[] = "\\'\"abfnrtv", codes[] = "\\'\"\a\b\f\n\r\t\v";
    char c = byte_at(lexer, at + 1);
    const char *letter = c ? strchr(letters, c) : NULL;
    if (letter) {
        out[(*n_out)++] = codes[letter - letters];
        return at + 2;
    }
    if (c == '\n') return at + 2;
    uint32_t code = 0;
    size_t end = at + 2;
    if (c == 'x' || c == 'u' || c == 'U') {
        int digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        code = read_hex(lexer, end, digits);
        end += (size_t)digits;
    } else if (c >= '0' && c <= '7') {
        for (end = at + 1; end < at + 4 && is_digit(byte_at(lexer, end), 8); end++)
            code = code << 3 | (uint32_t)(lexer->source.data[end] - '0');
    } else if (c == 'N') {
        parser_fail(lexer->parser, lexer->line, "\\N{...} in a string is not supported");
    } else {
        out[(*n_out)++] = '\\';
        return at + 1;
    }
    *n_out += (size_t)unicode_encode(code, out + *n_out);
    return end;
}

static void lex_string(struct lexer *lexer)
{
    size_t start = lexer->at + 1, end = start;
    char quote = byte_at(lexer, lexer->at);
    while (end < lexer->source.n_bytes && lexer->source.data[end] != quote)
        end += lexer->source.data[end] == '\\' ? 2 : 1;
    if (end >= lexer->source.n_bytes)
        parser_fail(lexer->parser, lexer->line, "a string has no end");
    struct slice text = span(lexer, start, end);
    if (memchr(text.data, '\\', text.n_bytes)) {
        char *decoded = parser_alloc(lexer->parser, text.n_bytes + 1);
        size_t n = 0;
        for (size_t i = start; i < end;) {
            if (lexer->source.data[i] == '\\')
                i = decode_escape(lexer, i, decoded, &n);
            else
                decoded[n++] = lexer->source.data[i++];
        }
        text = (struct slice){decoded, n};
    }
    push(lexer, LEX_STRING, text);
    advance_to(lexer, end + 1);
}
