/* The bytes of a file that a plan needs, and no more: its header, or all of a small file. */
#pragma once

#include "hub/choice.h"
#include "hub/hub.h"

struct header_request {
    struct http *http;
    const struct hub_name *name;
    const struct hub_part_file *file;
    hub_header_need *need; /* not of a small file */
    size_t guess;          /* how much is read before anything is known */
};

/* Reads ranges from the start of the file until `need` says that the header is complete. False in
 * *ranged if the server sends files from their first byte only. */
heft_status header_read(const struct header_request *request, struct buffer *out, bool *ranged,
                        heft_error *error);

heft_status header_read_small(const struct header_request *request, struct buffer *out,
                              heft_error *error);
