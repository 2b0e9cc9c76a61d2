#include "cli/visible.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/terminal.h"

static size_t put_character(const char *text, size_t n_bytes, FILE *file);
static bool is_cut(const char *text, size_t n_bytes);

void visible_write(struct visible *visible, const char *text, size_t n_bytes, FILE *file)
{
    if (!terminal_is(fileno(file))) {
        fwrite(text, 1, n_bytes, file);
        return;
    }
    while (visible->n_held > 0 && n_bytes > 0) {
        visible->held[visible->n_held++] = *text++;
        n_bytes--;
        while (visible->n_held > 0 && !is_cut(visible->held, (size_t)visible->n_held)) {
            size_t n = put_character(visible->held, (size_t)visible->n_held, file);
            visible->n_held -= (int)n;
            memmove(visible->held, visible->held + n, (size_t)visible->n_held);
        }
    }
    while (n_bytes > 0 && !is_cut(text, n_bytes)) {
        size_t n = put_character(text, n_bytes, file);
        text += n;
        n_bytes -= n;
    }
    if (n_bytes > 0) memcpy(visible->held, text, n_bytes);
    if (n_bytes > 0) visible->n_held = (int)n_bytes;
}

void visible_end(struct visible *visible, FILE *file)
{
    for (int i = 0; i < visible->n_held; i++) put_character(&visible->held[i], 1, file);
    visible->n_held = 0;
}

void visible_text(const char *text, size_t n_bytes, FILE *file)
{
    struct visible visible = {0};
    visible_write(&visible, text, n_bytes, file);
    visible_end(&visible, file);
}

void visible_print(FILE *file, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    char *text = n >= 0 ? malloc((size_t)n + 1) : NULL;
    if (text) {
        vsnprintf(text, (size_t)n + 1, format, again);
        visible_text(text, (size_t)n, file);
    }
    free(text);
    va_end(again);
    va_end(args);
}

int visible_character(const char *text, size_t n_bytes, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = (unsigned char)text[0];
    int n = first < 0x80 ? 1 : first < 0xc2 ? -1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (n < 0 || first > 0xf4) return -1;
    *code = n == 1 ? first : first & (0x7fu >> n);
    for (int i = 1; i < n; i++) {
        if ((size_t)i >= n_bytes) return 0;
        unsigned char next = (unsigned char)text[i];
        if ((next & 0xc0) != 0x80) return -1;
        *code = *code << 6 | (next & 0x3f);
    }
    bool is_surrogate = *code >= 0xd800 && *code < 0xe000;
    return *code < least[n] || *code > 0x10ffff || is_surrogate ? -1 : n;
}

bool visible_is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x61c ||
           (code >= 0x200e && code <= 0x200f) || (code >= 0x202a && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069);
}

/* Bytes that are no UTF-8 are escaped too: a terminal of 8 bits obeys some of them. */
static size_t put_character(const char *text, size_t n_bytes, FILE *file)
{
    uint32_t code = 0;
    int n = visible_character(text, n_bytes, &code);
    if (n <= 0)
        fprintf(file, "\\x%02x", (unsigned char)text[0]);
    else if (!visible_is_control(code) || code == '\n' || code == '\t')
        fwrite(text, 1, (size_t)n, file);
    else
        fprintf(file, code < 0x80 ? "\\x%02x" : "\\u%04x", code);
    return n > 0 ? (size_t)n : 1;
}

static bool is_cut(const char *text, size_t n_bytes)
{
    uint32_t code;
    return visible_character(text, n_bytes, &code) == 0;
}
