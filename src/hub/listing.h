/* The files of a repository as the hub lists them: names, sizes and what identifies the content. */
#pragma once

#include "base/arena.h"
#include "hub/http.h"
#include "hub/name.h"

struct hub_entry {
    const char *path; /* safe below any folder: no "..", no empty parts, no control characters */
    const char *id;   /* hash of the content, or the server's tag of it; "" if there is none */
    uint64_t n_bytes;
};

/* Zero-initialise. */
struct hub_listing {
    struct hub_entry *entries; /* sorted by path */
    int n_entries, capacity;
    struct arena texts;
};

/* Asks the hub, page after page; for a file on no hub, asks its server about it and the other parts
 * that its name speaks of. `n_attempts` as in struct http_request. */
heft_status hub_listing_fetch(struct http *http, const struct hub_name *name, int n_attempts,
                              struct hub_listing *out, heft_error *error);
void hub_listing_free(struct hub_listing *listing);

/* What was fetched last, in a file. */
heft_status hub_listing_save(const struct hub_listing *listing, const char *path,
                             heft_error *error);
heft_status hub_listing_load(const char *path, struct hub_listing *out, heft_error *error);

/* The address of a file of the listing; the caller frees it, NULL is no memory. */
char *hub_file_url(const struct hub_name *name, const char *path);

/* Turns 401, 403 and 404 into a sentence about the repository, or `path` in it if not NULL. */
heft_status hub_refusal(const struct hub_name *name, const char *path,
                        const struct http_reply *reply, heft_error *error);
