#include "hub/transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/address.h"
#include "hub/http_fields.h"

enum {
    CONNECT_TIMEOUT_S = 15,    /* at most; less where the options say so */
    LEAST_BYTES_A_SECOND = 64, /* below it a connection counts as standing still */
    MAX_REFUSAL_BYTES = 1 << 20,
    MAX_FIELDS = 1000,
};

static void clear_reply(struct http_reply *reply);
static size_t take_field(char *data, size_t one, size_t n, void *context);
static size_t take_body(char *data, size_t one, size_t n, void *context);

bool transfer_prepare(struct transfer *transfer)
{
    const struct http_request *request = transfer->request;
    CURL *easy = transfer->easy;
    long timeout_s = transfer->timeout_s;
    char range[48];
    snprintf(range, sizeof range, "%llu-%llu", (unsigned long long)request->first,
             (unsigned long long)(request->first + request->n_bytes - 1));
    clear_reply(transfer->reply);
    curl_easy_reset(easy);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "heft");
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->problem);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT,
                     timeout_s < CONNECT_TIMEOUT_S ? timeout_s : CONNECT_TIMEOUT_S);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, (long)LEAST_BYTES_A_SECOND);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, timeout_s);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_field);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    if (transfer->certificates) curl_easy_setopt(easy, CURLOPT_CAINFO, transfer->certificates);
    if (transfer->token) curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->token);
    CURLcode code = curl_easy_setopt(easy, CURLOPT_URL, transfer->url);
    if (code == CURLE_OK && !request->whole) code = curl_easy_setopt(easy, CURLOPT_RANGE, range);
    return code == CURLE_OK;
}

void transfer_end(struct transfer *transfer)
{
    curl_easy_reset(transfer->easy);
}

static void clear_reply(struct http_reply *reply)
{
    buffer_clear(&reply->body);
    free(reply->next);
    *reply = (struct http_reply){.body = reply->body, .total = HTTP_UNKNOWN};
}

static void begin_answer(struct transfer *transfer)
{
    long code = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &code);
    clear_reply(transfer->reply);
    transfer->reply->code = (int)code;
    transfer->first = 0;
}

static void copy_text(char *to, size_t n_room, struct slice from)
{
    if (from.n_bytes >= n_room) return;
    memcpy(to, from.data, from.n_bytes);
    to[from.n_bytes] = 0;
}

static size_t take_field(char *data, size_t one, size_t n, void *context)
{
    struct transfer *transfer = context;
    struct http_reply *reply = transfer->reply;
    struct slice line = {data, one * n}, value, url;
    uint64_t first, total;
    if (++transfer->n_fields > MAX_FIELDS) return 0;
    /* Answers of a proxy and interim ones come before the one that counts. */
    if (line.n_bytes >= 5 && memcmp(line.data, "HTTP/", 5) == 0) {
        begin_answer(transfer);
    } else if (http_field(line, "etag", &value)) {
        copy_text(reply->etag, sizeof reply->etag, value);
    } else if (http_field(line, "x-error-code", &value)) {
        copy_text(reply->refusal, sizeof reply->refusal, value);
    } else if (reply->code == 206 && http_field(line, "content-range", &value)) {
        bool good = http_content_range(value, &first, &total);
        transfer->first = good ? first : HTTP_UNKNOWN;
        reply->total = good ? total : HTTP_UNKNOWN;
    } else if (!reply->next && http_field(line, "link", &value) && http_link_next(value, &url)) {
        char *relative = strndup(url.data, url.n_bytes);
        reply->next = relative ? address_absolute(transfer->url, relative) : NULL;
        free(relative);
    }
    return one * n;
}

/* The page that explains a refusal is not read, only passed over. */
static size_t pass_over(struct transfer *transfer, size_t n_bytes)
{
    transfer->n_refused += n_bytes;
    transfer->stopped = transfer->n_refused > MAX_REFUSAL_BYTES;
    return transfer->stopped ? 0 : n_bytes;
}

static size_t take_body(char *data, size_t one, size_t n, void *context)
{
    struct transfer *transfer = context;
    const struct http_request *request = transfer->request;
    struct http_reply *reply = transfer->reply;
    struct buffer *body = &reply->body;
    size_t n_bytes = one * n, n_taken = n_bytes;
    if (reply->code != 200 && reply->code != 206) return pass_over(transfer, n_bytes);

    if (reply->code == 200) {
        /* A server without ranges begins at the beginning. */
        uint64_t n_ahead = request->first - transfer->n_skipped;
        size_t n_skip = n_ahead < n_bytes ? (size_t)n_ahead : n_bytes;
        transfer->n_skipped += n_skip;
        data += n_skip;
        n_taken -= n_skip;
    }
    size_t n_room = request->n_bytes - body->n_bytes;
    buffer_append(body, data, n_taken < n_room ? n_taken : n_room);
    transfer->too_long = request->whole && n_taken > n_room;
    transfer->stopped = body->failed || n_taken > n_room ||
                        (reply->code == 200 && !request->whole && n_taken == n_room);
    return transfer->stopped ? 0 : n_bytes;
}
