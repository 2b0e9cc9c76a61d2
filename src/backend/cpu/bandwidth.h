/* How fast memory can be read: a buffer of its own, read again and again. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "heft.h"

struct bandwidth;

/* Fails if there is no memory. `n_threads` 0: one for each core. */
heft_status bandwidth_open(int n_threads, size_t n_bytes, struct bandwidth **out,
                           heft_error *error);
void bandwidth_close(struct bandwidth *bandwidth); /* NULL is fine */

/* Bytes a second of one pass over the buffer, by all threads or by one of them. */
double bandwidth_measure(struct bandwidth *bandwidth, bool alone);
