/* The bytes of a file that a plan needs, and no more: its header, or all of a small file. */
#pragma once

#include "hub/choice.h"
#include "hub/hub.h"

/* One file on its way. The caller fills in the first two, and frees `data`. */
struct header {
    const struct hub_part_file *file;
    size_t guess; /* how much is read of weights before anything is known */

    struct buffer data;
    uint64_t needed;
    bool unranged; /* the server sends the file from its first byte only */
    int n_reads;
    char *url, *title; /* the title is for sentences, without what may be secret */
};

/* Reads of weights ranges from the start until `need` says that the header is complete, and small
 * files whole; all of the `n`, at most HTTP_MAX_CALLS, together. */
heft_status headers_read(struct http *http, const struct hub_name *name, hub_header_need *need,
                         struct header *headers, int n, heft_error *error);
