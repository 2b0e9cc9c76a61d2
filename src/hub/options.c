#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file.h"
#include "hub/cache.h"
#include "hub/hub.h"
#include "hub/name.h"

enum { TIMEOUT_S = 20, N_ATTEMPTS = 4, PAUSE_MS = 500, MAX_TOKEN_FILE_BYTES = 4096 };

static heft_status read_token(struct hub_options *options, heft_error *error);

static bool is_yes(const char *value)
{
    static const char *const yes[] = {"1", "on", "yes", "true"};
    for (size_t i = 0; value && i < sizeof yes / sizeof *yes; i++)
        if (strcasecmp(value, yes[i]) == 0) return true;
    return false;
}

static bool copy_variable(const char *name, const char *otherwise, char *to, size_t n_room)
{
    const char *value = getenv(name);
    if (!value || !value[0]) value = otherwise;
    size_t n = strlen(value);
    if (n < n_room) memcpy(to, value, n + 1);
    return n < n_room;
}

heft_status hub_options_read(struct hub_options *options, heft_error *error)
{
    *options = (struct hub_options){.timeout_s = TIMEOUT_S,
                                    .n_attempts = N_ATTEMPTS,
                                    .pause_ms = PAUSE_MS,
                                    .offline = is_yes(getenv("HF_HUB_OFFLINE"))};
    if (!copy_variable("HF_ENDPOINT", HUB_DEFAULT_ENDPOINT, options->endpoint,
                       sizeof options->endpoint))
        return error_set(error, HEFT_USAGE, "HF_ENDPOINT is too long");
    /* libcurl leaves this variable to programs. */
    if (!copy_variable("SSL_CERT_FILE", "", options->certificates, sizeof options->certificates))
        return error_set(error, HEFT_USAGE, "SSL_CERT_FILE is too long");

    struct buffer cache = {.limit = sizeof options->cache - 1};
    bool found = cache_default(&cache);
    if (found) memcpy(options->cache, cache.data, cache.n_bytes + 1);
    buffer_free(&cache);
    if (!found)
        return error_set(error, HEFT_USAGE,
                         "there is no place for a cache: neither HOME nor XDG_CACHE_HOME is set to "
                         "the path of a folder");
    return read_token(options, error);
}

/* ---- the token ---- */

/* What could end a header field must never get into one. */
static heft_status set_token(struct hub_options *options, const char *text, const char *from,
                             heft_error *error)
{
    text += strspn(text, " \t\r\n");
    size_t n = strcspn(text, " \t\r\n");
    bool good = n < sizeof options->token && text[n + strspn(text + n, " \t\r\n")] == 0;
    for (size_t i = 0; i < n; i++)
        if (text[i] <= ' ' || text[i] > '~') good = false;
    if (!good) return error_set(error, HEFT_USAGE, "%s: this is not a token of a hub", from);
    memcpy(options->token, text, n);
    options->token[n] = 0;
    return HEFT_OK;
}

static bool token_path(struct buffer *path)
{
    const char *named = getenv("HF_TOKEN_PATH"), *home = getenv("HF_HOME");
    const char *cache = getenv("XDG_CACHE_HOME"), *user = getenv("HOME");
    if (named && named[0])
        buffer_text(path, named);
    else if (home && home[0])
        buffer_format(path, "%s/token", home);
    else if (cache && cache[0])
        buffer_format(path, "%s/huggingface/token", cache);
    else if (user && user[0])
        buffer_format(path, "%s/.cache/huggingface/token", user);
    return path->n_bytes > 0 && !path->failed;
}

static heft_status read_token(struct hub_options *options, heft_error *error)
{
    const char *token = getenv("HF_TOKEN");
    if (token && token[0]) return set_token(options, token, "HF_TOKEN", error);
    struct buffer path = {0};
    heft_status status = HEFT_OK;
    if (token_path(&path) && file_exists(path.data)) {
        char *text;
        size_t n_bytes;
        status = file_read(path.data, MAX_TOKEN_FILE_BYTES, &text, &n_bytes, error);
        if (status == HEFT_OK) {
            status = set_token(options, text, path.data, error);
            free(text);
        }
    }
    buffer_free(&path);
    return status;
}
