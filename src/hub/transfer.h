/* One request to one address: what comes is put into a reply as far as it is wanted. http.c has the
 * redirects and the repeats. */
#pragma once

#include <curl/curl.h>

#include "hub/http.h"

/* Zero-initialise the rest. */
struct transfer {
    CURL *easy;
    const struct http_request *request;
    const char *url; /* where it is asked, which redirects may change */
    struct curl_slist *token;
    const char *certificates;
    long timeout_s;
    struct http_reply *reply;

    /* What came of it. */
    char problem[CURL_ERROR_SIZE];
    uint64_t first; /* of the range that came */
    uint64_t n_skipped, n_refused;
    int n_fields;
    bool stopped;  /* by us, as all that is wanted is there */
    bool too_long; /* more than a whole answer may have */
};

CURLcode transfer_run(struct transfer *transfer);
void transfer_clear_reply(struct http_reply *reply);
