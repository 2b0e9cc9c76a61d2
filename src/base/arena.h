/* Many small allocations with one end: chunks that are given back together. Zero-initialise; a
 * request that would pass `limit` (when not 0), or that the system refuses, gives NULL. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct arena_chunk;

struct arena {
    struct arena_chunk *chunk; /* the newest; it knows the one before */
    size_t n_bytes;            /* asked of the system so far */
    size_t limit;
};

/* Aligned for any type; not cleared. */
void *arena_alloc(struct arena *arena, size_t n_bytes);

/* Without alignment, so that the next text may lie right behind this one. */
char *arena_alloc_text(struct arena *arena, size_t n_bytes);

/* Appends `n_more` bytes to a text without moving it: possible when `end` (one past its last byte)
 * is where the newest allocation ended and its chunk has room. */
bool arena_extend(struct arena *arena, const char *end, size_t n_more);

void arena_free(struct arena *arena);
