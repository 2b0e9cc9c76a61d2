/* Other engines, measured in turns with heft on the same file: each is a llama-bench program, which
 * prints JSON. */
#pragma once

#include "heft.h"

enum { PEERS_MOST = 4, PEER_WORDS_MOST = 16 };

struct peer {
    const char *name;
    const char *words[PEER_WORDS_MOST]; /* program and its own options */
    int n_words;
};

/* What one run is to measure: n_prompt or n_answer tokens, the other 0. */
struct peer_run {
    const char *model;
    int n_threads, n_prompt, n_answer, depth;
};

/* "llama=/path/llama-bench,ik=/path/llama-bench -rtr 1"; `text` is cut up and must stay. */
heft_status peers_parse(char *text, struct peer *peers, int *n_peers, heft_error *error);

/* Tokens a second; the program loads the model anew. */
heft_status peer_measure(const struct peer *peer, const struct peer_run *run, double *rate,
                         heft_error *error);
