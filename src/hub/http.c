#include "hub/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/error.h"
#include "hub/address.h"
#include "hub/transfer.h"

enum {
    MAX_REDIRECTS = 10,
    MAX_PAUSE_S = 20, /* a server that asks for a longer one is not waited for */
};

struct http {
    CURL *easy;
    struct curl_slist *token; /* the header field, or NULL */
    char *origin, *certificates;
    int timeout_s, n_attempts, pause_ms;
};

/* One request and what has come of its answer. */
struct exchange {
    struct http *http;
    const struct http_request *request;
    struct http_reply *reply;
    heft_error *error;
    char *url;       /* where it is asked now */
    int n_redirects; /* so far */
    struct transfer last;
};

enum outcome { DONE, AGAIN, FAILED };

static enum outcome attempt(struct exchange *exchange);
static void pause_before(struct http *http, int attempt);

heft_status http_open(const struct http_options *options, struct http **out, heft_error *error)
{
    *out = NULL;
    struct http *http = calloc(1, sizeof *http);
    /* Counted by libcurl: the first of these sets it up, the last close takes it down. */
    if (!http || curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
        free(http);
        return error_set(error, HEFT_INTERNAL, "libcurl cannot be set up");
    }
    struct buffer field = {0};
    if (options->token) buffer_format(&field, "Authorization: Bearer %s", options->token);
    if (options->token && !field.failed) http->token = curl_slist_append(NULL, field.data);
    buffer_free(&field);
    http->easy = curl_easy_init();
    http->origin = strdup(options->origin);
    if (options->certificates) http->certificates = strdup(options->certificates);
    http->timeout_s = options->timeout_s;
    http->n_attempts = options->n_attempts;
    http->pause_ms = options->pause_ms;
    if (http->easy && http->origin && (http->token || !options->token) &&
        (http->certificates || !options->certificates)) {
        *out = http;
        return HEFT_OK;
    }
    http_close(http);
    return error_set(error, HEFT_INTERNAL, "no memory for a connection");
}

void http_close(struct http *http)
{
    if (!http) return;
    curl_easy_cleanup(http->easy);
    curl_slist_free_all(http->token);
    free(http->origin);
    free(http->certificates);
    free(http);
    curl_global_cleanup();
}

heft_status http_get(struct http *http, const struct http_request *request,
                     struct http_reply *reply, heft_error *error)
{
    heft_error last = {0};
    int n_attempts = request->n_attempts ? request->n_attempts : http->n_attempts;
    enum outcome outcome = AGAIN;
    int n = 0;
    while (outcome == AGAIN && n < n_attempts) {
        if (n > 0) pause_before(http, n);
        struct exchange exchange = {
            .http = http, .request = request, .reply = reply, .error = &last};
        outcome = attempt(&exchange);
        free(exchange.url);
        n++;
    }
    if (outcome == DONE) return HEFT_OK;
    return n > 1 ? error_set(error, last.status, "%s (%d attempts)", last.message, n)
                 : error_set(error, last.status, "%s", last.message);
}

void http_reply_free(struct http_reply *reply)
{
    buffer_free(&reply->body);
    free(reply->next);
    *reply = (struct http_reply){0};
}

/* ---- repeating ---- */

/* How long a server that is busy wants to be left alone. */
static int64_t wanted_pause_s(const struct http *http)
{
    curl_off_t wanted_s = 0;
    curl_easy_getinfo(http->easy, CURLINFO_RETRY_AFTER, &wanted_s);
    return wanted_s;
}

static void pause_before(struct http *http, int attempt)
{
    int64_t wanted_ms = wanted_pause_s(http) * 1000, ms = http->pause_ms;
    for (int i = 1; i < attempt && ms < MAX_PAUSE_S * 1000; i++) ms *= 2;
    if (ms > MAX_PAUSE_S * 1000) ms = MAX_PAUSE_S * 1000;
    if (ms < wanted_ms) ms = wanted_ms;
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

/* A repeat may help: the fault is on the way, not in what was asked. */
static bool may_pass(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_SSL_CONNECT_ERROR:
        return true;
    default:
        return false;
    }
}

static bool busy(int code)
{
    return code == 408 || code == 429 || code == 500 || code == 502 || code == 503 || code == 504;
}

/* ---- one attempt ---- */

static enum outcome follow(struct exchange *exchange);
static enum outcome judge(struct exchange *exchange);
static enum outcome explain_failure(struct exchange *exchange, CURLcode code);
static heft_status say(struct exchange *exchange, heft_status status, const char *what);

static enum outcome attempt(struct exchange *exchange)
{
    struct http *http = exchange->http;
    exchange->url = strdup(exchange->request->url);
    while (exchange->url) {
        bool safe = address_may_have_token(http->origin, exchange->url);
        exchange->last = (struct transfer){.easy = http->easy,
                                           .request = exchange->request,
                                           .url = exchange->url,
                                           .token = safe ? http->token : NULL,
                                           .certificates = http->certificates,
                                           .timeout_s = http->timeout_s,
                                           .reply = exchange->reply};
        CURLcode code = transfer_run(&exchange->last);
        if (code != CURLE_OK) return explain_failure(exchange, code);
        if (exchange->reply->code / 100 != 3) return judge(exchange);
        if (follow(exchange) == FAILED) return FAILED;
    }
    error_set(exchange->error, HEFT_INTERNAL, "no memory for an address");
    return FAILED;
}

/* Redirects are followed by hand: the token must not go along, and a file may not come over a
 * connection less safe than the one that named it. */
static enum outcome follow(struct exchange *exchange)
{
    char *to = NULL;
    curl_easy_getinfo(exchange->http->easy, CURLINFO_REDIRECT_URL, &to);
    bool encrypted = strncasecmp(exchange->url, "https://", 8) == 0;
    const char *reason = NULL;
    if (!to)
        reason = "the server redirects to nowhere";
    else if (++exchange->n_redirects > MAX_REDIRECTS)
        reason = "the server redirects again and again";
    else if (strncasecmp(to, "https://", 8) != 0 && strncasecmp(to, "http://", 7) != 0)
        reason = "the server redirects to an address that is not of the web";
    else if (encrypted && strncasecmp(to, "https://", 8) != 0)
        reason = "the server redirects to an address without encryption";
    if (reason) {
        say(exchange, HEFT_NETWORK, reason);
        return FAILED;
    }
    char *url = strdup(to);
    free(exchange->url);
    exchange->url = url;
    return DONE;
}

static enum outcome check_answer(struct exchange *exchange)
{
    struct http_reply *reply = exchange->reply;
    const struct http_request *request = exchange->request;
    char what[160] = "";
    heft_status status = HEFT_NETWORK;
    if (reply->body.failed) {
        status = HEFT_INTERNAL;
        snprintf(what, sizeof what, "no memory for the answer");
    } else if (exchange->last.too_long) {
        status = HEFT_BAD_FILE;
        snprintf(what, sizeof what, "longer than %zu bytes, which is more than such a file needs",
                 request->n_bytes);
    } else if (reply->code == 206 && (request->whole || exchange->last.first != request->first)) {
        snprintf(what, sizeof what,
                 "the server sent another part of the file than it was asked for");
    }
    if (!what[0]) return DONE;
    say(exchange, status, what);
    return FAILED;
}

/* Of an answer with the whole file, or as much of it as was wanted. */
static uint64_t whole_length(const struct exchange *exchange)
{
    curl_off_t length = -1;
    curl_easy_getinfo(exchange->http->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (length >= 0) return (uint64_t)length;
    if (exchange->last.stopped) return HTTP_UNKNOWN;
    return exchange->last.n_skipped + exchange->reply->body.n_bytes;
}

static enum outcome explain_code(struct exchange *exchange, int code)
{
    char what[128], wish[64] = "";
    int64_t pause_s = busy(code) ? wanted_pause_s(exchange->http) : 0;
    if (pause_s > MAX_PAUSE_S)
        snprintf(wish, sizeof wish, ", and asks to come back in %lld seconds", (long long)pause_s);
    if (code == 416)
        snprintf(what, sizeof what, "the server says that the file ends before byte %llu",
                 (unsigned long long)exchange->request->first);
    else
        snprintf(what, sizeof what, "the server answered with HTTP status %d%s%s", code,
                 code == 429 ? ", too many requests" : "", wish);
    say(exchange, code == 416 ? HEFT_BAD_FILE : HEFT_NETWORK, what);
    return busy(code) && !wish[0] ? AGAIN : FAILED;
}

static enum outcome judge(struct exchange *exchange)
{
    struct http_reply *reply = exchange->reply;
    int code = reply->code;
    reply->ranged = code == 206;
    if (code == 200) reply->total = whole_length(exchange);
    if (code == 200 || code == 206) return check_answer(exchange);
    buffer_clear(&reply->body);
    if (code == 401 || code == 403 || code == 404) return DONE;
    return explain_code(exchange, code);
}

static enum outcome explain_failure(struct exchange *exchange, CURLcode code)
{
    const char *problem = exchange->last.problem;
    if (code == CURLE_OUT_OF_MEMORY)
        say(exchange, HEFT_INTERNAL, "no memory for the connection");
    else
        say(exchange, HEFT_NETWORK, problem[0] ? problem : curl_easy_strerror(code));
    return may_pass(code) ? AGAIN : FAILED;
}

/* Queries are left out: those of signed addresses are long, and secret. */
static heft_status say(struct exchange *exchange, heft_status status, const char *what)
{
    const char *asked = exchange->request->url, *now = exchange->url;
    int n_asked = (int)strcspn(asked, "?#"), n_now = (int)strcspn(now, "?#");
    if (n_asked > 300) n_asked = 300;
    if (n_now > 200) n_now = 200;
    if (exchange->n_redirects == 0)
        return error_set(exchange->error, status, "%.*s: %s", n_asked, asked, what);
    return error_set(exchange->error, status, "%.*s, redirected to %.*s: %s", n_asked, asked, n_now,
                     now, what);
}
