/* One request on its way through redirects to an answer or a sentence about why there is none.
 * http.c runs several of them together and repeats what may pass. */
#pragma once

#include "hub/transfer.h"

struct exchange_settings {
    const char *origin; /* where the token may go */
    struct curl_slist *token;
    const char *certificates;
    long timeout_s;
};

struct exchange {
    const struct exchange_settings *settings;
    struct http_call *call;
    CURL *easy;
    char *url; /* where it is asked now */
    int n_redirects, n_attempts;
    struct transfer transfer;
};

enum exchange_outcome {
    EXCHANGE_DONE,
    EXCHANGE_GOES_ON, /* at another address: `easy` is prepared for it */
    EXCHANGE_AGAIN,   /* failed in a way that may pass */
    EXCHANGE_FAILED
};

/* Prepares `easy`; false, with the error in the call, if there is no memory for it. */
bool exchange_begin(struct exchange *exchange);

/* When `easy` has run and ended with `code`. */
enum exchange_outcome exchange_arrive(struct exchange *exchange, CURLcode code);
void exchange_end(struct exchange *exchange);

/* How long a server that is busy wants to be left alone. */
int64_t exchange_wanted_pause_s(const struct exchange *exchange);
