/* The bytes of a file that a plan needs, and no more: its header, or all of a small file. */
#pragma once

#include "hub/choice.h"
#include "hub/hub.h"

/* Reads ranges from the start of the file until `need` says that the header is complete. False in
 * *ranged if the server sends files from their first byte only. */
heft_status header_read(struct http *http, const struct hub_name *name,
                        const struct hub_part_file *file, hub_header_need *need, struct buffer *out,
                        bool *ranged, heft_error *error);

heft_status header_read_small(struct http *http, const struct hub_name *name,
                              const struct hub_part_file *file, struct buffer *out,
                              heft_error *error);
