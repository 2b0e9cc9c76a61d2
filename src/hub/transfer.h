/* One request to one address: what comes is put into a reply as far as it is wanted. */
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

/* Makes `easy` ready to be run, after which it points into *transfer; false if there is no
 * memory. */
bool transfer_prepare(struct transfer *transfer);
void transfer_end(struct transfer *transfer);
