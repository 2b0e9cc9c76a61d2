/* What this machine can give, and memory for the large planned pieces. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Bytes a new process could use without pushing others out: `available` of machine.h, as it is now.
 */
uint64_t memory_available(void);

/* Zeroed, 64-byte aligned, backed by huge pages where the system offers them; NULL if there is
 * none. The addresses are taken at once, the pages as they are first written: what is not used yet
 * costs nothing, and that there is enough is memory_available's word, not the system's. */
void *memory_take(size_t n_bytes);
void memory_give(void *memory, size_t n_bytes);
