/* heft bench: how fast prompts are read and answers written, as shares of what the machine can. */
#include "cli/bench.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/rng.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/settings.h"
#include "cli/terminal.h"

enum { REPEATS_MOST = 1000, USER_SHIFT = 101 /* between the tokens of one user and the next */ };

static heft_status run(const struct command *self, int argc, char **argv, heft_error *error);
static heft_status parse_list(const char *option, const char *text, int least, int most,
                              struct bench_list *out, heft_error *error);
static heft_status parse_peers(struct bench *bench, heft_error *error);
static heft_status check_model(struct bench *bench, heft_error *error);
static heft_status open_all(struct bench *bench, heft_error *error);
static void open_bandwidth(struct bench *bench);
static void close_all(struct bench *bench);
static heft_status measure_all(struct bench *bench, heft_error *error);
static heft_status measure_depth(struct bench *bench, int depth, heft_error *error);
static heft_status measure(struct bench *bench, const struct bench_row *row, heft_error *error);
static heft_status measure_peers(struct bench *bench, const struct bench_row *row, int round,
                                 heft_error *error);
static heft_status feed(struct bench *bench, const struct bench_row *row, heft_error *error);
static void rewind_all(struct bench *bench, int n_tokens);
static int compare(const void *a, const void *b);
static int compare_counts(const void *a, const void *b);

static const struct option bench_options[] = {
    {"-p --n-prompt", OPTION_INT, offsetof(struct bench, n_prompt), "N",
     "tokens of the prompt (512; 0: leave out)", 0, 1 << 20, NULL},
    {"-n --n-gen", OPTION_INT, offsetof(struct bench, n_answer), "N",
     "tokens of the answer (32; 0: leave out)", 0, 1 << 20, NULL},
    {"-d --n-depth", OPTION_TEXT, offsetof(struct bench, depths_text), "N,N...",
     "tokens that are in the context before (0)", 0, 0, NULL},
    {"-u --users", OPTION_TEXT, offsetof(struct bench, users_text), "N,N...",
     "conversations that are answered at once (1), fewest first", 0, 0, NULL},
    {"-r --repetitions", OPTION_INT, offsetof(struct bench, n_repeats), "N",
     "how often each is measured (5)", 1, REPEATS_MOST, NULL},
    {"--peers", OPTION_TEXT, offsetof(struct bench, peers_text), "NAME=PROGRAM,...",
     "llama-bench programs, run in turns with heft on the same file", 0, 0, NULL},
    {"--peaks", OPTION_FLAG, offsetof(struct bench, peaks_only), NULL,
     "measure the machine only, no model", 0, 0, NULL},
    {"--json", OPTION_FLAG, offsetof(struct bench, json), NULL, "print JSON", 0, 0, NULL},
};

const struct command command_bench = {
    .name = "bench",
    .usage = "[options] [MODEL]",
    .summary = "measure speed, as shares of what the machine can",
    .details =
        "Measures how many tokens a second are read from a prompt and written as an answer,\n"
        "at several depths of the context: the median, and the slowest and the fastest in\n"
        "brackets. Beside it stands the memory read (weights of the active experts and the\n"
        "key-value cache) as a share of the bandwidth of this machine, and the arithmetic (two\n"
        "operations a weight) as a share of its peak: of matrices of bfloat16 where the\n"
        "processor has a unit for them, else of int8. The peak is measured before the model is\n"
        "opened, the bandwidth before every round of an answer, as other programs may take some\n"
        "of it at any time.\n"
        "With several users, one token of each is computed in a step; tokens a second are those\n"
        "of all together, and the line below says how much longer than for one user a step takes.\n"
        "With --peers, every round measures heft and then each of them; each line of a peer ends\n"
        "with how many times faster heft was, in the median.",
    .examples = "  heft bench model.gguf\n"
                "  heft bench -p 512 -n 64 -d 0,4096,16384 -ctk q8_0 model.gguf\n"
                "  heft bench -p 0 -u 1,4,8 model.gguf\n"
                "  heft bench --peers \"llama=./llama-bench,ik=./ik-bench -rtr 1\" model.gguf\n"
                "  heft bench --peaks --json\n",
    .run = run,
};

static heft_status run(const struct command *self, int argc, char **argv, heft_error *error)
{
    struct bench bench = {.options = heft_options_default(),
                          .depths_text = "0",
                          .users_text = "1",
                          .n_prompt = 512,
                          .n_answer = 32,
                          .n_repeats = 5};
    const struct option_group groups[] = {
        OPTION_GROUP("Options", bench_options, &bench),
        {"Model", model_options, n_model_options, &bench.options},
        {"Engine", engine_options, n_engine_options, &bench.options},
    };
    struct words words;
    heft_status status = command_parse(self, groups, 3, argc, argv, &words, error);
    if (status != HEFT_OK || words.help) return status;
    if (words.n_items > 1 || (words.n_items == 1 && bench.options.model))
        return error_set(error, HEFT_USAGE, "bench takes one model");
    if (words.n_items == 1) bench.options.model = words.items[0];

    char room[4400];
    status = parse_list("-d", bench.depths_text, 0, 1 << 24, &bench.depths, error);
    if (status == HEFT_OK)
        status = parse_list("-u", bench.users_text, 1, BENCH_USERS_MOST, &bench.users, error);
    qsort(bench.users.items, (size_t)bench.users.n, sizeof *bench.users.items, compare_counts);
    if (status == HEFT_OK) status = parse_peers(&bench, error);
    if (status == HEFT_OK && !bench.peaks_only)
        status = settings_model(&bench.options.model, room, sizeof room, error);
    if (status == HEFT_OK && !bench.peaks_only) status = check_model(&bench, error);
    if (status == HEFT_OK) status = peaks_measure(bench.options.n_threads, &bench.peaks, error);
    if (status == HEFT_OK && !bench.json) bench_print_peaks(&bench);
    if (status == HEFT_OK && !bench.peaks_only) status = open_all(&bench, error);
    if (status == HEFT_OK && !bench.peaks_only) status = measure_all(&bench, error);
    if (status == HEFT_OK && bench.json)
        status = output_json(json_pack("{s:s*, s:o, s:O*}", "model", bench.options.model, "peaks",
                                       bench_peaks_json(&bench.peaks), "rows", bench.rows),
                             error);
    close_all(&bench);
    return status;
}

static heft_status parse_list(const char *option, const char *text, int least, int most,
                              struct bench_list *out, heft_error *error)
{
    for (const char *at = text;;) {
        char *end;
        long item = strtol(at, &end, 10);
        bool valid = end != at && item >= least && item <= most && (*end == ',' || *end == 0);
        if (!valid || out->n == BENCH_LIST_MOST)
            return error_set(error, HEFT_USAGE,
                             "%s needs up to %d numbers from %d to %d, as in %d,%d, not \"%s\"",
                             option, BENCH_LIST_MOST, least, most, least, least + 4, text);
        out->items[out->n++] = (int)item;
        if (*end == 0) return HEFT_OK;
        at = end + 1;
    }
}

static int greatest(const struct bench_list *list)
{
    int greatest = list->items[0];
    for (int i = 1; i < list->n; i++)
        if (list->items[i] > greatest) greatest = list->items[i];
    return greatest;
}

static heft_status parse_peers(struct bench *bench, heft_error *error)
{
    if (!bench->peers_text) return HEFT_OK;
    bench->peers_words = strdup(bench->peers_text);
    if (!bench->peers_words) return error_set(error, HEFT_INTERNAL, "no memory for the peers");
    return peers_parse(bench->peers_words, bench->peers, &bench->n_peers, error);
}

/* What is wrong with the question or the file is said at once. The file is opened only after the
 * machine is measured, for an engine begins to read it beside whatever else is done. */
static heft_status check_model(struct bench *bench, heft_error *error)
{
    int deepest = greatest(&bench->depths);
    int n_longest = bench->n_prompt > bench->n_answer ? bench->n_prompt : bench->n_answer;
    if (n_longest == 0)
        return error_set(error, HEFT_USAGE, "with -p 0 and -n 0 nothing is measured");
    if (bench->options.n_ctx < deepest + n_longest) bench->options.n_ctx = deepest + n_longest;
    bench->options.n_sessions = bench->n_answer > 0 ? greatest(&bench->users) : 1;
    heft_memory memory;
    return heft_engine_measure(&bench->options, &memory, error);
}

static heft_status open_all(struct bench *bench, heft_error *error)
{
    heft_status status = settings_open(&bench->options, bench->json, &bench->engine, error);
    for (int i = 0; i < bench->options.n_sessions && status == HEFT_OK; i++)
        status = heft_session_create(bench->engine, &bench->sessions[i], error);
    if (status != HEFT_OK) return status;

    heft_engine_info(bench->engine, &bench->info);
    size_t n_users = (size_t)bench->options.n_sessions;
    size_t n_tokens = (size_t)bench->options.n_ctx + n_users * USER_SHIFT;
    bench->tokens = malloc(n_tokens * sizeof *bench->tokens);
    bench->logits = malloc(n_users * (size_t)bench->info.n_vocab * sizeof *bench->logits);
    size_t n_rates = (size_t)(1 + bench->n_peers) * (size_t)bench->n_repeats;
    bench->rates = malloc(n_rates * sizeof *bench->rates);
    bench->limits = calloc((size_t)bench->n_repeats, sizeof *bench->limits);
    bench->rows = json_array();
    if (!bench->tokens || !bench->logits || !bench->rates || !bench->limits || !bench->rows)
        return error_set(error, HEFT_INTERNAL, "no memory for the measurement");
    /* Mixed tokens, so that mixed experts are asked for. */
    struct rng rng = {1};
    for (size_t i = 0; i < n_tokens; i++)
        bench->tokens[i] = (int32_t)(rng_next(&rng) % (uint64_t)bench->info.n_vocab);
    open_bandwidth(bench);
    return HEFT_OK;
}

/* A buffer to read before each round of an answer, out of the memory that neither the model nor the
 * weights of a peer will ever need; if that is too little, the reading before the model was opened
 * has to do. */
static void open_bandwidth(struct bench *bench)
{
    const uint64_t most = (uint64_t)2 << 30, least = (uint64_t)512 << 20;
    const heft_memory *memory = &bench->info.memory;
    uint64_t taken = memory->weights + memory->kv + memory->scratch, available = memory_available();
    if (bench->n_peers > 0) taken += memory->weights;
    uint64_t half = available > taken ? (available - taken) / 2 : 0;
    heft_error ignored;
    if (half >= least)
        bandwidth_open(bench->info.n_threads, (size_t)(half < most ? half : most),
                       &bench->bandwidth, &ignored);
}

static void close_all(struct bench *bench)
{
    heft_engine_close(bench->engine);
    bandwidth_close(bench->bandwidth);
    free(bench->tokens);
    free(bench->logits);
    free(bench->rates);
    free(bench->limits);
    free(bench->peers_words);
    json_decref(bench->rows);
}

static heft_status measure_all(struct bench *bench, heft_error *error)
{
    heft_status status = HEFT_OK;
    if (!bench->json) bench_print_head(bench);
    interrupt_begin(bench->engine);
    for (int i = 0; i < bench->depths.n && status == HEFT_OK; i++)
        status = measure_depth(bench, bench->depths.items[i], error);
    interrupt_end();
    return status;
}

static heft_status measure_depth(struct bench *bench, int depth, heft_error *error)
{
    const struct bench_row context = {
        .n_tokens = depth, .n_users = bench->options.n_sessions, .together = true};
    const struct bench_row prompt = {
        "prompt", depth, bench->n_prompt, 1, .together = true, .n_peers = bench->n_peers};
    heft_status status = HEFT_OK;
    bench->alone = 0;
    rewind_all(bench, 0);
    if (depth > 0) status = feed(bench, &context, error);
    if (status == HEFT_OK && bench->n_prompt > 0) status = measure(bench, &prompt, error);
    for (int i = 0; i < bench->users.n && bench->n_answer > 0 && status == HEFT_OK; i++) {
        int n_users = bench->users.items[i];
        struct bench_row answer = {"answer", depth, bench->n_answer, n_users,
                                   .n_peers = n_users == 1 ? bench->n_peers : 0};
        status = measure(bench, &answer, error);
        if (n_users == 1) bench->alone = bench_median(bench, 0);
    }
    return status;
}

static heft_status measure(struct bench *bench, const struct bench_row *row, heft_error *error)
{
    struct progress progress = {0};
    /* The first round brings weights into memory and is not counted. */
    for (int i = -1; i < bench->n_repeats; i++) {
        progress_show(&progress, row->name, i + 1, bench->n_repeats + 1);
        rewind_all(bench, row->depth);
        if (bench->bandwidth && !row->together && i >= 0)
            bench->limits[i] = bandwidth_measure(bench->bandwidth, false);
        uint64_t start = clock_ns();
        heft_status status = feed(bench, row, error);
        double seconds = (double)(clock_ns() - start) * 1e-9;
        if (status == HEFT_OK && i >= 0) {
            bench->rates[i] = (double)row->n_users * row->n_tokens / seconds;
            status = measure_peers(bench, row, i, error);
        }
        if (status != HEFT_OK) return status;
    }
    progress_end(&progress);
    qsort(bench->limits, (size_t)bench->n_repeats, sizeof *bench->limits, compare);
    for (int i = 0; i <= row->n_peers; i++)
        qsort(bench_rates(bench, i), (size_t)bench->n_repeats, sizeof *bench->rates, compare);
    bench_report(bench, row);
    return HEFT_OK;
}

static heft_status measure_peers(struct bench *bench, const struct bench_row *row, int round,
                                 heft_error *error)
{
    const struct peer_run run = {.model = bench->options.model,
                                 .n_threads = bench->info.n_threads,
                                 .n_prompt = row->together ? row->n_tokens : 0,
                                 .n_answer = row->together ? 0 : row->n_tokens,
                                 .depth = row->depth};
    heft_status status = HEFT_OK;
    for (int i = 0; i < row->n_peers && status == HEFT_OK; i++)
        status = peer_measure(&bench->peers[i], &run, &bench_rates(bench, i + 1)[round], error);
    return status;
}

static void rewind_all(struct bench *bench, int n_tokens)
{
    for (int i = 0; i < bench->options.n_sessions; i++)
        if (heft_session_length(bench->sessions[i]) > n_tokens)
            heft_session_rewind(bench->sessions[i], n_tokens);
}

/* The tokens of a row to the first n_users sessions. They hold the same number, but each its own
 * tokens, so that experts are asked for as by users who know nothing of each other. */
static heft_status feed(struct bench *bench, const struct bench_row *row, heft_error *error)
{
    heft_work work[BENCH_USERS_MOST];
    int n_step = row->together ? row->n_tokens : 1;
    for (int i = 0; i < row->n_tokens; i += n_step) {
        for (int user = 0; user < row->n_users; user++) {
            int first = heft_session_length(bench->sessions[user]);
            float *logits = bench->logits + (size_t)user * (size_t)bench->info.n_vocab;
            work[user] = (heft_work){bench->sessions[user],
                                     bench->tokens + user * USER_SHIFT + first, n_step, logits, 1};
        }
        heft_status status = heft_step(bench->engine, work, row->n_users, error);
        if (status != HEFT_OK) return status;
    }
    return HEFT_OK;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int compare_counts(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}
