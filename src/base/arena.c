#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>

struct arena_chunk {
    struct arena_chunk *previous;
    size_t used, capacity; /* of bytes[] */
    _Alignas(max_align_t) char bytes[];
};

enum { SMALLEST_CHUNK = 16 << 10, LARGEST_STEP = 1 << 20 };

static char *allocate(struct arena *arena, size_t n_bytes, size_t alignment);
static bool grow(struct arena *arena, size_t n_bytes);

void *arena_alloc(struct arena *arena, size_t n_bytes)
{
    return allocate(arena, n_bytes, _Alignof(max_align_t));
}

char *arena_alloc_text(struct arena *arena, size_t n_bytes)
{
    return allocate(arena, n_bytes, 1);
}

bool arena_extend(struct arena *arena, const char *end, size_t n_more)
{
    struct arena_chunk *chunk = arena->chunk;
    if (!chunk || end != chunk->bytes + chunk->used) return false;
    if (n_more > chunk->capacity - chunk->used) return false;
    chunk->used += n_more;
    return true;
}

void arena_free(struct arena *arena)
{
    while (arena->chunk) {
        struct arena_chunk *previous = arena->chunk->previous;
        free(arena->chunk);
        arena->chunk = previous;
    }
    arena->n_bytes = 0;
}

static char *allocate(struct arena *arena, size_t n_bytes, size_t alignment)
{
    struct arena_chunk *chunk = arena->chunk;
    size_t at = chunk ? (chunk->used + alignment - 1) & ~(alignment - 1) : 0;
    if (!chunk || at > chunk->capacity || n_bytes > chunk->capacity - at) {
        if (!grow(arena, n_bytes)) return NULL;
        chunk = arena->chunk;
        at = 0;
    }
    chunk->used = at + n_bytes;
    return chunk->bytes + at;
}

/* Chunks double up to a step, so that small users stay small and large ones ask seldom. */
static bool grow(struct arena *arena, size_t n_bytes)
{
    size_t limit = arena->limit ? arena->limit : SIZE_MAX / 4;
    size_t room = limit > arena->n_bytes ? limit - arena->n_bytes : 0;
    if (room <= sizeof(struct arena_chunk) || n_bytes > room - sizeof(struct arena_chunk))
        return false;
    room -= sizeof(struct arena_chunk);

    size_t capacity = arena->n_bytes < SMALLEST_CHUNK ? SMALLEST_CHUNK : arena->n_bytes;
    if (capacity > LARGEST_STEP) capacity = LARGEST_STEP;
    if (capacity < n_bytes) capacity = n_bytes;
    if (capacity > room) capacity = room;

    struct arena_chunk *chunk = malloc(sizeof *chunk + capacity);
    if (!chunk) return false;
    *chunk = (struct arena_chunk){.previous = arena->chunk, .capacity = capacity};
    arena->chunk = chunk;
    arena->n_bytes += sizeof *chunk + capacity;
    return true;
}
