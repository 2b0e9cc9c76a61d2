#include "text/merge.h"

#include <assert.h>
#include <stdlib.h>

static void rank_pair(struct merger *merger, int32_t left, merge_rank *rank,
                      const void *vocabulary);
static void join(struct merger *merger, int32_t left);
static void heap_order(struct merger *merger);
static void heap_push(struct merger *merger, uint64_t entry);
static uint64_t heap_pop(struct merger *merger);
static void sift_down(uint64_t *heap, size_t n, size_t i);

bool merger_begin(struct merger *merger, size_t n_symbols)
{
    merger->n_symbols = merger->n_heap = 0;
    if (n_symbols <= merger->capacity) return true;
    if (n_symbols > INT32_MAX) return false;
    size_t capacity = n_symbols + n_symbols / 2 + 64;
    /* The heap starts with a pair for each symbol, and a merge takes one entry and adds two. */
    struct symbol *symbols = malloc(capacity * sizeof *symbols);
    uint64_t *heap = malloc(2 * capacity * sizeof *heap);
    if (!symbols || !heap) {
        free(symbols);
        free(heap);
        return false;
    }
    merger_free(merger);
    *merger = (struct merger){.symbols = symbols, .heap = heap, .capacity = capacity};
    return true;
}

void merger_add(struct merger *merger, uint32_t start, int32_t id)
{
    assert(merger->n_symbols < merger->capacity);
    int32_t index = (int32_t)merger->n_symbols++;
    merger->symbols[index] = (struct symbol){index - 1, index + 1, id, -1, MERGE_NONE, start};
}

void merger_run(struct merger *merger, uint32_t n_bytes, merge_rank *rank, const void *vocabulary)
{
    if (merger->n_symbols == 0) return;
    struct symbol *symbols = merger->symbols;
    symbols[merger->n_symbols - 1].next = -1;
    merger->n_bytes = n_bytes;
    for (int32_t i = 0; symbols[i].next >= 0; i++) {
        rank_pair(merger, i, rank, vocabulary);
        if (symbols[i].rank != MERGE_NONE)
            merger->heap[merger->n_heap++] = (uint64_t)symbols[i].rank << 32 | (uint32_t)i;
    }
    heap_order(merger);
    while (merger->n_heap) {
        uint64_t entry = heap_pop(merger);
        int32_t left = (int32_t)(entry & UINT32_MAX);
        /* An entry is out of date if its pair has changed since. */
        if (symbols[left].rank == MERGE_NONE || symbols[left].rank != entry >> 32) continue;
        join(merger, left);
        rank_pair(merger, left, rank, vocabulary);
        if (symbols[left].rank != MERGE_NONE)
            heap_push(merger, (uint64_t)symbols[left].rank << 32 | (uint32_t)left);
        int32_t previous = symbols[left].previous;
        if (previous < 0) continue;
        rank_pair(merger, previous, rank, vocabulary);
        if (symbols[previous].rank != MERGE_NONE)
            heap_push(merger, (uint64_t)symbols[previous].rank << 32 | (uint32_t)previous);
    }
}

void merger_free(struct merger *merger)
{
    free(merger->symbols);
    free(merger->heap);
    *merger = (struct merger){0};
}

static void rank_pair(struct merger *merger, int32_t left, merge_rank *rank, const void *vocabulary)
{
    struct symbol *symbol = &merger->symbols[left];
    symbol->rank = MERGE_NONE;
    if (symbol->next < 0) return;
    const struct symbol *right = &merger->symbols[symbol->next];
    symbol->rank = rank(vocabulary, symbol, right, merger_end(merger, right));
}

static void join(struct merger *merger, int32_t left)
{
    struct symbol *symbol = &merger->symbols[left], *right = &merger->symbols[symbol->next];
    symbol->id = symbol->merged;
    symbol->next = right->next;
    right->rank = MERGE_NONE;
    if (right->next >= 0) merger->symbols[right->next].previous = left;
}

static void heap_order(struct merger *merger)
{
    for (size_t i = merger->n_heap / 2; i-- > 0;) sift_down(merger->heap, merger->n_heap, i);
}

static void heap_push(struct merger *merger, uint64_t entry)
{
    assert(merger->n_heap < 2 * merger->capacity);
    size_t i = merger->n_heap++;
    for (; i > 0 && merger->heap[(i - 1) / 2] > entry; i = (i - 1) / 2)
        merger->heap[i] = merger->heap[(i - 1) / 2];
    merger->heap[i] = entry;
}

static uint64_t heap_pop(struct merger *merger)
{
    uint64_t top = merger->heap[0];
    merger->heap[0] = merger->heap[--merger->n_heap];
    sift_down(merger->heap, merger->n_heap, 0);
    return top;
}

static void sift_down(uint64_t *heap, size_t n, size_t i)
{
    if (i >= n) return;
    uint64_t entry = heap[i];
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && heap[child + 1] < heap[child]) child++;
        if (heap[child] >= entry) break;
        heap[i] = heap[child];
    }
    heap[i] = entry;
}
