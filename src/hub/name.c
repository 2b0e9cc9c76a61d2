#include "hub/name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/slice.h"

enum { MAX_WORD_BYTES = 96 /* of an organisation or a repository */ };

/* Hosts that are the hub itself, whatever endpoint stands for it here. */
static const char *const hub_hosts[] = {"huggingface.co", "www.huggingface.co", "hf.co"};

static const char *after_host(const char *text);
static bool is_web(const char *text);
static bool is_repo(struct slice text);
static bool ends_with(struct slice text, const char *ending);
static heft_status parse_short(const char *text, struct hub_name *out, heft_error *error);
static heft_status parse_url(const char *text, struct hub_name *out, heft_error *error);
static heft_status set_endpoint(const char *endpoint, struct hub_name *out, heft_error *error);

bool hub_name_is_remote(const char *text)
{
    if (is_web(text) || after_host(text)) return true;
    struct slice repo = {text, strcspn(text, ":")};
    /* A misspelt path of a file here must not become a question to a hub. Only in small letters, as
     * there are repositories called "x.GGUF". */
    bool is_file = ends_with(repo, ".gguf") || ends_with(repo, ".safetensors");
    return is_repo(repo) && !is_file;
}

heft_status hub_name_parse(const char *text, const char *endpoint, struct hub_name *out,
                           heft_error *error)
{
    *out = (struct hub_name){.revision = "main"};
    heft_status status = set_endpoint(endpoint ? endpoint : HUB_DEFAULT_ENDPOINT, out, error);
    if (status != HEFT_OK) return status;
    const char *rest = after_host(text);
    if (rest) return parse_short(rest, out, error);
    return is_web(text) ? parse_url(text, out, error) : parse_short(text, out, error);
}

/* ---- words ---- */

static bool copy(char *to, size_t n_room, struct slice from)
{
    if (from.n_bytes >= n_room) return false;
    memcpy(to, from.data, from.n_bytes);
    to[from.n_bytes] = 0;
    return true;
}

static bool in_set(struct slice text, const char *set)
{
    for (size_t i = 0; i < text.n_bytes; i++)
        if (!text.data[i] || !strchr(set, text.data[i])) return false;
    return true;
}

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"

static bool is_word(struct slice text)
{
    return text.n_bytes > 0 && text.n_bytes <= MAX_WORD_BYTES && text.data[0] != '.' &&
           text.data[0] != '-' && in_set(text, LETTERS DIGITS "._-") &&
           !memmem(text.data, text.n_bytes, "..", 2);
}

static bool ends_with(struct slice text, const char *ending)
{
    size_t n = strlen(ending);
    return text.n_bytes >= n && memcmp(text.data + text.n_bytes - n, ending, n) == 0;
}

static bool is_repo(struct slice text)
{
    const char *slash = memchr(text.data, '/', text.n_bytes);
    if (!slash) return false;
    size_t n = (size_t)(slash - text.data);
    struct slice owner = {text.data, n}, repo = {slash + 1, text.n_bytes - n - 1};
    return is_word(owner) && is_word(repo);
}

static bool is_web(const char *text)
{
    return strncasecmp(text, "https://", 8) == 0 || strncasecmp(text, "http://", 7) == 0;
}

/* What follows the name of the hub's host, with or without a scheme; NULL if it is another's. */
static const char *after_host(const char *text)
{
    if (is_web(text)) text = strstr(text, "://") + 3;
    for (size_t i = 0; i < sizeof hub_hosts / sizeof *hub_hosts; i++) {
        size_t n = strlen(hub_hosts[i]);
        if (strncasecmp(text, hub_hosts[i], n) == 0 && text[n] == '/') return text + n + 1;
    }
    return NULL;
}

/* Scheme and host, and for an endpoint a path: nothing that asks, and nobody's password. */
static bool is_origin(struct slice text)
{
    return in_set(text, LETTERS DIGITS "-._~:/[]%");
}

static heft_status set_endpoint(const char *endpoint, struct hub_name *out, heft_error *error)
{
    struct slice text = slice_of(endpoint);
    while (text.n_bytes > 0 && text.data[text.n_bytes - 1] == '/') text.n_bytes--;
    if (!is_web(endpoint) || text.n_bytes < 9 || !is_origin(text) ||
        !copy(out->origin, sizeof out->origin, text))
        return error_set(error, HEFT_USAGE,
                         "'%.200s' is not the address of a hub, https://HOST was expected",
                         endpoint);
    return HEFT_OK;
}

/* ---- paths ---- */

/* Takes what comes before the next slash; false at the end. */
static bool next_segment(struct slice *path, struct slice *segment)
{
    if (path->n_bytes == 0) return false;
    const char *slash = memchr(path->data, '/', path->n_bytes);
    size_t n = slash ? (size_t)(slash - path->data) : path->n_bytes;
    *segment = (struct slice){path->data, n};
    size_t n_gone = slash ? n + 1 : n;
    *path = (struct slice){path->data + n_gone, path->n_bytes - n_gone};
    return true;
}

static int digit_of(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c ? strchr(digits, c | (c >= 'A' ? 0x20 : 0)) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* Copies with %XX undone; false if it does not fit or has a control character. */
static bool copy_unescaped(char *to, size_t n_room, struct slice from)
{
    size_t n = 0;
    for (size_t i = 0; i < from.n_bytes; i++) {
        int byte = (unsigned char)from.data[i];
        if (byte == '%' && i + 2 < from.n_bytes && digit_of(from.data[i + 1]) >= 0 &&
            digit_of(from.data[i + 2]) >= 0) {
            byte = digit_of(from.data[i + 1]) * 16 + digit_of(from.data[i + 2]);
            i += 2;
        }
        if (byte < ' ' || byte == 0x7f || n + 1 >= n_room) return false;
        to[n++] = (char)byte;
    }
    to[n] = 0;
    return true;
}

static heft_status no_sense(const char *text, heft_error *error)
{
    return error_set(error, HEFT_USAGE,
                     "'%.300s' is not the name of a model on a hub: org/repo, org/repo:QUANT or "
                     "the address of a repository or a file was expected",
                     text);
}

/* "org/repo[:QUANT]" and "org/repo[/tree|blob|resolve/REVISION[/PATH]]". */
static heft_status parse_short(const char *text, struct hub_name *out, heft_error *error)
{
    struct slice path = {text, strcspn(text, "?#")}, owner, repo, kind, revision;
    if (!next_segment(&path, &owner) || !next_segment(&path, &repo)) return no_sense(text, error);
    const char *colon = memchr(repo.data, ':', repo.n_bytes);
    struct slice quant = {"", 0};
    if (colon) {
        quant = (struct slice){colon + 1, (size_t)(repo.data + repo.n_bytes - colon - 1)};
        repo.n_bytes = (size_t)(colon - repo.data);
        if (quant.n_bytes == 0 || !in_set(quant, LETTERS DIGITS "._-") ||
            !copy(out->quant, sizeof out->quant, quant))
            return no_sense(text, error);
    }
    struct slice both = {owner.data, (size_t)(repo.data + repo.n_bytes - owner.data)};
    if (!is_repo(both) || !copy(out->repo, sizeof out->repo, both)) return no_sense(text, error);
    if (!next_segment(&path, &kind)) return HEFT_OK;

    bool known = slice_is(kind, "tree") || slice_is(kind, "blob") || slice_is(kind, "resolve") ||
                 slice_is(kind, "raw");
    if (colon || !known || !next_segment(&path, &revision) || revision.n_bytes == 0 ||
        !copy_unescaped(out->revision, sizeof out->revision, revision) ||
        !copy_unescaped(out->within, sizeof out->within, path))
        return no_sense(text, error);
    size_t n = strlen(out->within);
    if (n > 0 && out->within[n - 1] == '/') out->within[n - 1] = 0;
    return HEFT_OK;
}

/* A place that is laid out as the hub is one; anything else is a file. */
static bool looks_like_hub(struct slice path)
{
    struct slice segment;
    for (int i = 0; next_segment(&path, &segment); i++)
        if (i == 2)
            return slice_is(segment, "resolve") || slice_is(segment, "blob") ||
                   slice_is(segment, "tree");
    return false;
}

static heft_status parse_url(const char *text, struct hub_name *out, heft_error *error)
{
    size_t n_origin = strlen(out->origin);
    if (strncmp(text, out->origin, n_origin) == 0 && text[n_origin] == '/')
        return parse_short(text + n_origin + 1, out, error);

    const char *host = strstr(text, "://") + 3;
    size_t n_host = strcspn(host, "/?#");
    struct slice origin = {text, (size_t)(host - text) + n_host};
    struct slice path = {host + n_host, strcspn(host + n_host, "?#")};
    if (n_host == 0 || path.n_bytes < 2 || path.data[0] != '/' || !is_origin(origin) ||
        !copy(out->origin, sizeof out->origin, origin))
        return no_sense(text, error);
    path = (struct slice){path.data + 1, path.n_bytes - 1};
    if (looks_like_hub(path)) return parse_short(path.data, out, error);
    if (!ends_with(path, ".gguf") && !ends_with(path, ".GGUF"))
        return error_set(error, HEFT_USAGE,
                         "'%.300s': the address of a .gguf file or of a repository on a hub was "
                         "expected",
                         text);
    out->revision[0] = 0;
    return copy(out->url, sizeof out->url, slice_of(text)) ? HEFT_OK : no_sense(text, error);
}
