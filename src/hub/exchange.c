#include "hub/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "hub/address.h"

enum {
    MAX_REDIRECTS = 10,
    MAX_PAUSE_S = 20, /* a server that asks for a longer one is not waited for */
};

static bool ask(struct exchange *exchange, const char *url);
static enum exchange_outcome follow(struct exchange *exchange);
static enum exchange_outcome judge(struct exchange *exchange);
static enum exchange_outcome explain_failure(struct exchange *exchange, CURLcode code);
static heft_status say(struct exchange *exchange, heft_status status, const char *what);

bool exchange_begin(struct exchange *exchange)
{
    exchange->n_redirects = 0;
    exchange->n_attempts++;
    return ask(exchange, exchange->call->request.url);
}

enum exchange_outcome exchange_arrive(struct exchange *exchange, CURLcode code)
{
    if (code != CURLE_OK && !exchange->transfer.stopped) return explain_failure(exchange, code);
    if (exchange->call->reply.code / 100 != 3) return judge(exchange);
    return follow(exchange);
}

void exchange_end(struct exchange *exchange)
{
    transfer_end(&exchange->transfer);
    free(exchange->url);
    exchange->url = NULL;
}

int64_t exchange_wanted_pause_s(const struct exchange *exchange)
{
    curl_off_t wanted_s = 0;
    curl_easy_getinfo(exchange->easy, CURLINFO_RETRY_AFTER, &wanted_s);
    return wanted_s;
}

static bool ask(struct exchange *exchange, const char *url)
{
    const struct exchange_settings *settings = exchange->settings;
    char *copy = strdup(url);
    free(exchange->url);
    exchange->url = copy;
    exchange->transfer = (struct transfer){
        .easy = exchange->easy,
        .request = &exchange->call->request,
        .url = copy,
        .token = copy && address_may_have_token(settings->origin, copy) ? settings->token : NULL,
        .certificates = settings->certificates,
        .timeout_s = settings->timeout_s,
        .reply = &exchange->call->reply};
    if (copy && transfer_prepare(&exchange->transfer)) return true;
    error_set(&exchange->call->error, HEFT_INTERNAL, "no memory for a connection");
    return false;
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

/* Redirects are followed by hand: the token must not go along, and a file may not come over a
 * connection less safe than the one that named it. */
static enum exchange_outcome follow(struct exchange *exchange)
{
    char *to = NULL;
    curl_easy_getinfo(exchange->easy, CURLINFO_REDIRECT_URL, &to);
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
        return EXCHANGE_FAILED;
    }
    return ask(exchange, to) ? EXCHANGE_GOES_ON : EXCHANGE_FAILED;
}

static enum exchange_outcome check_answer(struct exchange *exchange)
{
    struct http_reply *reply = &exchange->call->reply;
    const struct http_request *request = &exchange->call->request;
    char what[160] = "";
    heft_status status = HEFT_NETWORK;
    if (reply->body.failed) {
        status = HEFT_INTERNAL;
        snprintf(what, sizeof what, "no memory for the answer");
    } else if (exchange->transfer.too_long) {
        status = HEFT_BAD_FILE;
        snprintf(what, sizeof what, "longer than %zu bytes, which is more than such a file needs",
                 request->n_bytes);
    } else if (reply->code == 206 &&
               (request->whole || exchange->transfer.first != request->first)) {
        snprintf(what, sizeof what,
                 "the server sent another part of the file than it was asked for");
    }
    if (!what[0]) return EXCHANGE_DONE;
    say(exchange, status, what);
    return EXCHANGE_FAILED;
}

/* Of an answer with the whole file, or as much of it as was wanted. */
static uint64_t whole_length(const struct exchange *exchange)
{
    curl_off_t length = -1;
    curl_easy_getinfo(exchange->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (length >= 0) return (uint64_t)length;
    if (exchange->transfer.stopped) return HTTP_UNKNOWN;
    return exchange->transfer.n_skipped + exchange->call->reply.body.n_bytes;
}

static enum exchange_outcome explain_code(struct exchange *exchange, int code)
{
    char what[128], wish[64] = "";
    int64_t pause_s = busy(code) ? exchange_wanted_pause_s(exchange) : 0;
    if (pause_s > MAX_PAUSE_S)
        snprintf(wish, sizeof wish, ", and asks to come back in %lld seconds", (long long)pause_s);
    if (code == 416)
        snprintf(what, sizeof what, "the server says that the file ends before byte %llu",
                 (unsigned long long)exchange->call->request.first);
    else
        snprintf(what, sizeof what, "the server answered with HTTP status %d%s%s", code,
                 code == 429 ? ", too many requests" : "", wish);
    say(exchange, code == 416 ? HEFT_BAD_FILE : HEFT_NETWORK, what);
    return busy(code) && !wish[0] ? EXCHANGE_AGAIN : EXCHANGE_FAILED;
}

static enum exchange_outcome judge(struct exchange *exchange)
{
    struct http_reply *reply = &exchange->call->reply;
    int code = reply->code;
    reply->ranged = code == 206;
    if (code == 200) reply->total = whole_length(exchange);
    if (code == 200 || code == 206) return check_answer(exchange);
    buffer_clear(&reply->body);
    if (code == 401 || code == 403 || code == 404) return EXCHANGE_DONE;
    return explain_code(exchange, code);
}

static enum exchange_outcome explain_failure(struct exchange *exchange, CURLcode code)
{
    const char *problem = exchange->transfer.problem;
    if (code == CURLE_OUT_OF_MEMORY)
        say(exchange, HEFT_INTERNAL, "no memory for the connection");
    else
        say(exchange, HEFT_NETWORK, problem[0] ? problem : curl_easy_strerror(code));
    return may_pass(code) ? EXCHANGE_AGAIN : EXCHANGE_FAILED;
}

/* Queries are left out: those of signed addresses are long, and secret. */
static heft_status say(struct exchange *exchange, heft_status status, const char *what)
{
    const char *asked = exchange->call->request.url, *now = exchange->url;
    int n_asked = (int)strcspn(asked, "?#"), n_now = (int)strcspn(now, "?#");
    if (n_asked > 300) n_asked = 300;
    if (n_now > 200) n_now = 200;
    if (exchange->n_redirects == 0)
        return error_set(&exchange->call->error, status, "%.*s: %s", n_asked, asked, what);
    return error_set(&exchange->call->error, status, "%.*s, redirected to %.*s: %s", n_asked, asked,
                     n_now, now, what);
}
