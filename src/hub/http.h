/* GET requests over kept connections, several at a time: redirects, ranges, repeats, and the token
 * that belongs to one place only. */
#pragma once

#include "base/buffer.h"
#include "heft.h"

struct http;

struct http_options {
    const char *origin; /* the token goes where scheme, host and port are those of this address */
    const char *token;  /* NULL: none */
    const char *certificates; /* a file of those to trust instead of the system's, or NULL */
    int timeout_s;            /* of a connection that hardly moves */
    int n_attempts;           /* of a request whose failure may pass; at least 1 */
    int pause_ms;             /* before the second attempt; each later pause is twice as long */
};

struct http_request {
    const char *url;
    uint64_t first; /* of a range */
    size_t n_bytes; /* no more is read: of the range, or of an answer that is wanted whole */
    bool whole;     /* an answer of more than n_bytes is an error, and no range is asked for */
    int n_attempts; /* 0: as the options say */
};

#define HTTP_UNKNOWN UINT64_MAX

/* Zero-initialise; cleared by each http_get. */
struct http_reply {
    int code;           /* 200 or 206, and 401, 403 and 404, which are the caller's to explain */
    bool ranged;        /* false: the server sends files from their first byte only */
    struct buffer body; /* of the range; may be shorter than asked, and empty only at the end */
    uint64_t total;     /* bytes of the whole file, or HTTP_UNKNOWN */
    char etag[160];     /* as it was sent, "" if it was not */
    char refusal[64];   /* what a hub says beside 401, 403 and 404, or "" */
    char *next;         /* address of the page after this one, or NULL */
};

heft_status http_open(const struct http_options *options, struct http **out, heft_error *error);
void http_close(struct http *http); /* NULL is fine */

heft_status http_get(struct http *http, const struct http_request *request,
                     struct http_reply *reply, heft_error *error);
void http_reply_free(struct http_reply *reply);

enum { HTTP_MAX_CALLS = 8 };

/* A request of several that run together, and what http_get would return for it. */
struct http_call {
    struct http_request request;
    struct http_reply reply;
    heft_status status;
    heft_error error;
};

/* Returns when all `n`, at most HTTP_MAX_CALLS, are done or have failed. */
void http_get_all(struct http *http, struct http_call *calls, int n);
