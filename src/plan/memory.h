/* Whether what an engine asks for is there. The same few lines answer for a machine in a catalogue
 * and for this one, at the moment a model is opened. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What an engine asks for, apart from how long its sessions are. */
struct demand {
    uint64_t weights;
    uint64_t scratch; /* of the engine: tables, activations, tokenizer */
    int n_sessions;
    uint64_t token_bytes;        /* of a session, for each token of its context */
    uint64_t window_token_bytes; /* the same, but only up to n_window tokens */
    int n_window;
    uint64_t session_bytes; /* of a session, however long */
};

/* Parts of `scratch`: the tables of the pages that are mapped, and what a process takes before it
 * has opened anything. */
uint64_t demand_table_bytes(uint64_t weights);
enum { DEMAND_PROCESS_BYTES = 4 << 20 };

/* Of all sessions together. */
uint64_t demand_sessions(const struct demand *demand, int64_t n_ctx);
uint64_t demand_all(const struct demand *demand, int64_t n_ctx);

/* The largest context, at most `most`, for which everything fits into `usable`; 0: none. */
int64_t demand_largest_context(const struct demand *demand, uint64_t usable, int64_t most);
