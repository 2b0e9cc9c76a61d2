/* Maps of files that may be cut short while they are in use. A read behind the end of a file, or of
 * what its drive cannot read, would end the process by SIGBUS; in a map that is watched it gives
 * zeros, and the map is known to be lost from then on. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* A number for the other two calls; negative if too many maps are watched, and this one is not. */
int watch_begin(const void *data, size_t n_bytes);
void watch_end(int watch);

/* True once a read has failed. */
bool watch_is_lost(int watch);
