#include "hub/http_fields.h"

#include <strings.h>

static struct slice trim(struct slice text);
static bool take(struct slice *text, const char *prefix);
static bool take_number(struct slice *text, uint64_t *out);
static bool says_next(struct slice parameters);

bool http_field(struct slice line, const char *name, struct slice *value)
{
    size_t n = strlen(name);
    if (line.n_bytes <= n || strncasecmp(line.data, name, n) != 0 || line.data[n] != ':')
        return false;
    *value = trim((struct slice){line.data + n + 1, line.n_bytes - n - 1});
    return true;
}

bool http_content_range(struct slice value, uint64_t *first, uint64_t *total)
{
    uint64_t last;
    if (!take(&value, "bytes ") || !take_number(&value, first) || !take(&value, "-") ||
        !take_number(&value, &last) || !take(&value, "/") || last < *first)
        return false;
    *total = UINT64_MAX;
    if (take(&value, "*")) return value.n_bytes == 0;
    return take_number(&value, total) && value.n_bytes == 0 && last < *total;
}

/* Several links may share a field, with commas between them and, legally, inside the addresses. */
bool http_link_next(struct slice value, struct slice *url)
{
    const char *at = value.data, *end = value.data + value.n_bytes;
    while ((at = memchr(at, '<', (size_t)(end - at)))) {
        const char *close = memchr(at, '>', (size_t)(end - at));
        if (!close) return false;
        *url = (struct slice){at + 1, (size_t)(close - at - 1)};
        at = memchr(close, ',', (size_t)(end - close));
        if (!at) at = end;
        if (says_next((struct slice){close + 1, (size_t)(at - close - 1)})) return true;
    }
    return false;
}

static bool says_next(struct slice parameters)
{
    while (parameters.n_bytes > 0) {
        const char *semicolon = memchr(parameters.data, ';', parameters.n_bytes);
        size_t n = semicolon ? (size_t)(semicolon - parameters.data) : parameters.n_bytes;
        struct slice one = trim((struct slice){parameters.data, n});
        if (slice_is(one, "rel=next") || slice_is(one, "rel=\"next\"")) return true;
        size_t n_gone = semicolon ? n + 1 : n;
        parameters = (struct slice){parameters.data + n_gone, parameters.n_bytes - n_gone};
    }
    return false;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct slice trim(struct slice text)
{
    while (text.n_bytes > 0 && is_space(text.data[0])) {
        text.data++;
        text.n_bytes--;
    }
    while (text.n_bytes > 0 && is_space(text.data[text.n_bytes - 1])) text.n_bytes--;
    return text;
}

static bool take(struct slice *text, const char *prefix)
{
    size_t n = strlen(prefix);
    if (text->n_bytes < n || strncasecmp(text->data, prefix, n) != 0) return false;
    *text = (struct slice){text->data + n, text->n_bytes - n};
    return true;
}

static bool take_number(struct slice *text, uint64_t *out)
{
    size_t n = 0;
    *out = 0;
    while (n < text->n_bytes && text->data[n] >= '0' && text->data[n] <= '9') {
        uint64_t digit = (uint64_t)(text->data[n++] - '0');
        if (__builtin_mul_overflow(*out, 10, out) || __builtin_add_overflow(*out, digit, out))
            return false;
    }
    *text = (struct slice){text->data + n, text->n_bytes - n};
    return n > 0;
}
