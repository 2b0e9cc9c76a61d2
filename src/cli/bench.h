/* What `heft bench` measures, and how it is shown. */
#pragma once

#include <jansson.h>

#include "backend/cpu/bandwidth.h"
#include "backend/cpu/peaks.h"
#include "cli/peers.h"
#include "heft.h"

enum { BENCH_LIST_MOST = 16, BENCH_USERS_MOST = 64 };

/* Numbers as in 0,4096. */
struct bench_list {
    int items[BENCH_LIST_MOST], n;
};

struct bench {
    heft_options options;
    const char *depths_text, *users_text, *peers_text;
    int n_prompt, n_answer, n_repeats;
    bool peaks_only, json;

    struct bench_list depths, users;
    struct peaks peaks;
    heft_engine *engine;
    heft_session *sessions[BENCH_USERS_MOST];
    heft_info info;
    int32_t *tokens; /* any tokens: n_ctx of each user, which overlap */
    float *logits;   /* [users, n_vocab] */
    struct peer peers[PEERS_MOST];
    int n_peers;
    char *peers_words; /* the text they point into */
    double *rates; /* [1 + n_peers, n_repeats] of the row that is measured: heft, then its peers */
    struct bandwidth *bandwidth; /* NULL: there is no memory to read beside the model */
    double *limits;              /* [n_repeats] bytes a second, read before each round of the row */
    double alone; /* tokens a second of the answer of one user at this depth; 0: not measured */
    json_t *rows;
};

/* One line of the table: n tokens after `depth` others, together or one by one, and the same of
 * every user at once. */
struct bench_row {
    const char *name;
    int depth, n_tokens, n_users;
    bool together;
    int n_peers; /* of the bench, or none */
};

/* Of contestant 0, heft, or of a peer. */
double *bench_rates(const struct bench *bench, int contestant);
/* Of sorted rates. */
double bench_median(const struct bench *bench, int contestant);

void bench_print_peaks(const struct bench *bench);
void bench_print_head(const struct bench *bench);
/* A line, or with --json one more of bench->rows. */
void bench_report(struct bench *bench, const struct bench_row *row);
json_t *bench_peaks_json(const struct peaks *peaks);
