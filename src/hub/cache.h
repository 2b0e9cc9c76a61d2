/* Where headers are kept: folders in the user's cache. A folder appears under its final name when
 * it is complete, so another process sees all of it or none, and of two that make the same one
 * either may win. */
#pragma once

#include "base/buffer.h"
#include "heft.h"

/* The user's cache for heft, from the environment: $XDG_CACHE_HOME/heft, ~/.cache/heft, or
 * ~/Library/Caches/heft on macOS. False if there is no home. */
bool cache_default(struct buffer *path);

/* Makes a folder with all that are above it. */
heft_status cache_make_folder(const char *path, heft_error *error);

/* A new folder beside those in `parent`, which is made; *out is its path. */
heft_status cache_begin(const char *parent, struct buffer *out, heft_error *error);

/* Gives it its name; *taken, and nothing done, if there is a folder of that name. */
heft_status cache_finish(const char *folder, const char *final, bool *taken, heft_error *error);

/* Takes a folder that is damaged out of the way: whoever looks sees all of it or none. */
void cache_retire(const char *final);

/* Removes a folder with all that is in it; for folders of cache_begin only. */
void cache_abandon(const char *folder);

/* A file of `length` bytes of which the first n_bytes are real and the others a hole, which takes
 * no room. `path` is below `folder`; folders between are made. */
heft_status cache_write(const char *folder, const char *path, const void *data, size_t n_bytes,
                        uint64_t length, heft_error *error);
