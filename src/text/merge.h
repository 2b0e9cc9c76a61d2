/* Joins neighbours in a row of symbols, the best pair first, until no pair has a rank: the heart of
 * byte-pair encoding, in O(n log n). Zero-initialise; free with merger_free. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbol {
    int32_t previous, next; /* indices, -1 at the ends; `next` leads from 0 through the result */
    int32_t id;             /* token, or -1 */
    int32_t merged;         /* what this symbol and the next become */
    uint32_t rank;          /* of that merge; MERGE_NONE: there is none */
    uint32_t start;         /* byte offset; the symbol ends where the next one starts */
};

#define MERGE_NONE UINT32_MAX

struct merger {
    struct symbol *symbols;
    uint64_t *heap; /* rank << 32 | index of the left symbol */
    size_t n_symbols, n_heap, capacity;
    uint32_t n_bytes; /* where the last symbol ends */
};

/* Sets `merged` of `left` and returns the rank of its merge with `right`. */
typedef uint32_t merge_rank(const void *vocabulary, struct symbol *left, const struct symbol *right,
                            uint32_t end);

/* Clears the row and makes room for `n_symbols`; false without memory. */
bool merger_begin(struct merger *merger, size_t n_symbols);
void merger_add(struct merger *merger, uint32_t start, int32_t id);
void merger_run(struct merger *merger, uint32_t n_bytes, merge_rank *rank, const void *vocabulary);
void merger_free(struct merger *merger);

static inline uint32_t merger_end(const struct merger *merger, const struct symbol *symbol)
{
    return symbol->next < 0 ? merger->n_bytes : merger->symbols[symbol->next].start;
}
