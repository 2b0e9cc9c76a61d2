/* heft bench: how fast prompts are read and answers written, as shares of what the machine can. */
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/peaks.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/rng.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/peers.h"
#include "cli/settings.h"
#include "cli/terminal.h"

enum { DEPTHS_MOST = 16, REPEATS_MOST = 1000 };

struct bench {
    heft_options options;
    const char *depths_text, *peers_text;
    int n_prompt, n_answer, n_repeats;
    bool peaks_only, json;

    int depths[DEPTHS_MOST], n_depths;
    struct peaks peaks;
    heft_engine *engine;
    heft_session *session;
    heft_info info;
    int32_t *tokens; /* [n_ctx] any tokens */
    float *logits;   /* [n_vocab] */
    struct peer peers[PEERS_MOST];
    int n_peers;
    char *peers_words; /* the text they point into */
    double *rates; /* [1 + n_peers, n_repeats] of the row that is measured: heft, then its peers */
    json_t *rows;
};

/* One line of the table: n tokens after `depth` others, together or one by one. */
struct row {
    const char *name;
    int depth, n_tokens;
    bool together;
};

static heft_status run(const struct command *self, int argc, char **argv, heft_error *error);
static heft_status parse_depths(struct bench *bench, heft_error *error);
static heft_status parse_peers(struct bench *bench, heft_error *error);
static heft_status check_model(struct bench *bench, heft_error *error);
static heft_status open_all(struct bench *bench, heft_error *error);
static void close_all(struct bench *bench);
static heft_status measure_all(struct bench *bench, heft_error *error);
static heft_status measure(struct bench *bench, const struct row *row, heft_error *error);
static heft_status measure_peers(struct bench *bench, const struct row *row, int round,
                                 heft_error *error);
static double *rates_of(const struct bench *bench, int contestant);
static double median_of(const struct bench *bench, int contestant);
static heft_status feed(struct bench *bench, int n_tokens, bool together, heft_error *error);
static void report_row(struct bench *bench, const struct row *row);
static json_t *peers_json(const struct bench *bench);
static void report_peaks(const struct bench *bench);
static json_t *peaks_json(const struct peaks *peaks);
static int compare(const void *a, const void *b);

static const struct option bench_options[] = {
    {"-p --n-prompt", OPTION_INT, offsetof(struct bench, n_prompt), "N",
     "tokens of the prompt (512; 0: leave out)", 0, 1 << 20, NULL},
    {"-n --n-gen", OPTION_INT, offsetof(struct bench, n_answer), "N",
     "tokens of the answer (32; 0: leave out)", 0, 1 << 20, NULL},
    {"-d --n-depth", OPTION_TEXT, offsetof(struct bench, depths_text), "N,N...",
     "tokens that are in the context before (0)", 0, 0, NULL},
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
        "Measures how many tokens a second are read from a prompt and written as an answer, at\n"
        "several depths of the context: the median, and the slowest and the fastest in brackets.\n"
        "Beside it stands the memory read (weights of the active experts and the key-value cache)\n"
        "as a share of the bandwidth of this machine, and the arithmetic (two operations a "
        "weight)\n"
        "as a share of its peak: of matrices of bfloat16 where the processor has a unit for them, "
        "else\n"
        "of int8. Both limits are measured in the same run.\n"
        "With --peers, every round measures heft and then each of them; each line of a peer ends\n"
        "with how many times faster heft was, in the median.",
    .examples = "  heft bench model.gguf\n"
                "  heft bench -p 512 -n 64 -d 0,4096,16384 -ctk q8_0 model.gguf\n"
                "  heft bench --peers \"llama=./llama-bench,ik=./ik-bench -rtr 1\" model.gguf\n"
                "  heft bench --peaks --json\n",
    .run = run,
};

static heft_status run(const struct command *self, int argc, char **argv, heft_error *error)
{
    struct bench bench = {.options = heft_options_default(),
                          .depths_text = "0",
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
    status = parse_depths(&bench, error);
    if (status == HEFT_OK) status = parse_peers(&bench, error);
    if (status == HEFT_OK && !bench.peaks_only)
        status = settings_model(&bench.options.model, room, sizeof room, error);
    if (status == HEFT_OK && !bench.peaks_only) status = check_model(&bench, error);
    if (status == HEFT_OK) status = peaks_measure(bench.options.n_threads, &bench.peaks, error);
    if (status == HEFT_OK && !bench.json) report_peaks(&bench);
    if (status == HEFT_OK && !bench.peaks_only) status = open_all(&bench, error);
    if (status == HEFT_OK && !bench.peaks_only) status = measure_all(&bench, error);
    if (status == HEFT_OK && bench.json)
        status = output_json(json_pack("{s:s*, s:o, s:O*}", "model", bench.options.model, "peaks",
                                       peaks_json(&bench.peaks), "rows", bench.rows),
                             error);
    close_all(&bench);
    return status;
}

static heft_status parse_depths(struct bench *bench, heft_error *error)
{
    const char *at = bench->depths_text;
    for (;;) {
        char *end;
        long depth = strtol(at, &end, 10);
        bool valid = end != at && depth >= 0 && depth <= 1 << 24 && (*end == ',' || *end == 0);
        if (!valid || bench->n_depths == DEPTHS_MOST)
            return error_set(error, HEFT_USAGE,
                             "-d needs up to %d numbers, as in 0,4096, not \"%s\"", DEPTHS_MOST,
                             bench->depths_text);
        bench->depths[bench->n_depths++] = (int)depth;
        if (*end == 0) return HEFT_OK;
        at = end + 1;
    }
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
    int deepest = 0;
    for (int i = 0; i < bench->n_depths; i++)
        if (bench->depths[i] > deepest) deepest = bench->depths[i];
    int n_longest = bench->n_prompt > bench->n_answer ? bench->n_prompt : bench->n_answer;
    if (n_longest == 0)
        return error_set(error, HEFT_USAGE, "with -p 0 and -n 0 nothing is measured");
    if (bench->options.n_ctx < deepest + n_longest) bench->options.n_ctx = deepest + n_longest;
    heft_memory memory;
    return heft_engine_measure(&bench->options, &memory, error);
}

static heft_status open_all(struct bench *bench, heft_error *error)
{
    heft_status status = settings_open(&bench->options, bench->json, &bench->engine, error);
    if (status == HEFT_OK) status = heft_session_create(bench->engine, &bench->session, error);
    if (status != HEFT_OK) return status;

    heft_engine_info(bench->engine, &bench->info);
    size_t n_tokens = (size_t)bench->options.n_ctx;
    bench->tokens = malloc(n_tokens * sizeof *bench->tokens);
    bench->logits = malloc((size_t)bench->info.n_vocab * sizeof *bench->logits);
    size_t n_rates = (size_t)(1 + bench->n_peers) * (size_t)bench->n_repeats;
    bench->rates = malloc(n_rates * sizeof *bench->rates);
    bench->rows = json_array();
    if (!bench->tokens || !bench->logits || !bench->rates || !bench->rows)
        return error_set(error, HEFT_INTERNAL, "no memory for the measurement");
    /* Mixed tokens, so that mixed experts are asked for. */
    struct rng rng = {1};
    for (size_t i = 0; i < n_tokens; i++)
        bench->tokens[i] = (int32_t)(rng_next(&rng) % (uint64_t)bench->info.n_vocab);
    return HEFT_OK;
}

static void close_all(struct bench *bench)
{
    heft_engine_close(bench->engine);
    free(bench->tokens);
    free(bench->logits);
    free(bench->rates);
    free(bench->peers_words);
    json_decref(bench->rows);
}

static heft_status measure_all(struct bench *bench, heft_error *error)
{
    heft_status status = HEFT_OK;
    if (!bench->json)
        printf("\n%s\n\n%-8s %7s %7s  %-30s %9s %6s %10s %6s\n", bench->info.description, "",
               "depth", "tokens", "tokens/s", "GB/s", "share", "Gop/s", "share");
    interrupt_begin(bench->engine);
    for (int i = 0; i < bench->n_depths && status == HEFT_OK; i++) {
        const struct row rows[] = {
            {"prompt", bench->depths[i], bench->n_prompt, true},
            {"answer", bench->depths[i], bench->n_answer, false},
        };
        heft_session_rewind(bench->session, 0);
        if (rows[0].depth > 0) status = feed(bench, rows[0].depth, true, error);
        for (int j = 0; j < 2 && status == HEFT_OK; j++)
            if (rows[j].n_tokens > 0) status = measure(bench, &rows[j], error);
    }
    interrupt_end();
    return status;
}

static heft_status measure(struct bench *bench, const struct row *row, heft_error *error)
{
    struct progress progress = {0};
    /* The first round brings weights into memory and is not counted. */
    for (int i = -1; i < bench->n_repeats; i++) {
        progress_show(&progress, row->name, i + 1, bench->n_repeats + 1);
        heft_session_rewind(bench->session, row->depth);
        uint64_t start = clock_ns();
        heft_status status = feed(bench, row->n_tokens, row->together, error);
        double seconds = (double)(clock_ns() - start) * 1e-9;
        if (status == HEFT_OK && i >= 0) {
            bench->rates[i] = row->n_tokens / seconds;
            status = measure_peers(bench, row, i, error);
        }
        if (status != HEFT_OK) return status;
    }
    progress_end(&progress);
    for (int i = 0; i <= bench->n_peers; i++)
        qsort(rates_of(bench, i), (size_t)bench->n_repeats, sizeof *bench->rates, compare);
    report_row(bench, row);
    return HEFT_OK;
}

static heft_status measure_peers(struct bench *bench, const struct row *row, int round,
                                 heft_error *error)
{
    const struct peer_run run = {.model = bench->options.model,
                                 .n_threads = bench->info.n_threads,
                                 .n_prompt = row->together ? row->n_tokens : 0,
                                 .n_answer = row->together ? 0 : row->n_tokens,
                                 .depth = row->depth};
    heft_status status = HEFT_OK;
    for (int i = 0; i < bench->n_peers && status == HEFT_OK; i++)
        status = peer_measure(&bench->peers[i], &run, &rates_of(bench, i + 1)[round], error);
    return status;
}

/* Of contestant 0, heft, or of a peer. */
static double *rates_of(const struct bench *bench, int contestant)
{
    return bench->rates + (size_t)contestant * (size_t)bench->n_repeats;
}

/* Sorted rates. */
static double median_of(const struct bench *bench, int contestant)
{
    const double *rates = rates_of(bench, contestant);
    return (rates[(bench->n_repeats - 1) / 2] + rates[bench->n_repeats / 2]) / 2;
}

static heft_status feed(struct bench *bench, int n_tokens, bool together, heft_error *error)
{
    int length = heft_session_length(bench->session);
    int n_step = together ? n_tokens : 1;
    for (int i = 0; i < n_tokens; i += n_step) {
        heft_work work = {bench->session, bench->tokens + length + i, n_step, bench->logits, 1};
        heft_status status = heft_step(bench->engine, &work, 1, error);
        if (status != HEFT_OK) return status;
    }
    return HEFT_OK;
}

static void report_row(struct bench *bench, const struct row *row)
{
    const heft_info *info = &bench->info;
    const double *rates = bench->rates;
    int n = bench->n_repeats;
    double median = median_of(bench, 0);
    /* A batch reads the weights once for all its tokens, and how many of the experts is not known.
     */
    double mean_depth = row->depth + row->n_tokens / 2.0;
    double token_bytes =
        (double)info->token_weight_bytes + (double)info->kv_token_bytes * mean_depth;
    double gbs = row->together ? 0 : median * token_bytes * 1e-9;
    /* A prompt needs logits after its last token only. */
    double used =
        (double)info->layer_parameters + (row->together ? 0 : (double)info->head_parameters);
    double gops = median * 2 * used * 1e-9;
    double gbs_share = gbs / bench->peaks.read_gbs[1];
    double gops_share = gops / peaks_product_gops(&bench->peaks);
    if (bench->json) {
        json_array_append_new(
            bench->rows,
            json_pack("{s:s, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:o}", "name", row->name,
                      "depth", row->depth, "n_tokens", row->n_tokens, "tokens_per_second", median,
                      "slowest", rates[0], "fastest", rates[n - 1], "gb_per_second", gbs,
                      "bandwidth_share", gbs_share, "gop_per_second", gops, "arithmetic_share",
                      gops_share, "peers", peers_json(bench)));
        return;
    }
    char speed[64];
    snprintf(speed, sizeof speed, "%.2f (%.2f to %.2f)", median, rates[0], rates[n - 1]);
    printf("%-8s %7d %7d  %-30s ", row->name, row->depth, row->n_tokens, speed);
    if (row->together)
        printf("%9s %6s", "", "");
    else
        printf("%9.2f %4.0f %%", gbs, 100 * gbs_share);
    printf(" %10.1f %4.0f %%\n", gops, 100 * gops_share);
    for (int i = 1; i <= bench->n_peers; i++) {
        const double *peer = rates_of(bench, i);
        snprintf(speed, sizeof speed, "%.2f (%.2f to %.2f)", median_of(bench, i), peer[0],
                 peer[n - 1]);
        printf("  %-22s  %-30s  heft %.2f times\n", bench->peers[i - 1].name, speed,
               median / median_of(bench, i));
    }
    fflush(stdout);
}

static json_t *peers_json(const struct bench *bench)
{
    json_t *peers = json_array();
    for (int i = 1; i <= bench->n_peers; i++) {
        const double *rates = rates_of(bench, i);
        json_array_append_new(peers, json_pack("{s:s, s:f, s:f, s:f, s:f}", "name",
                                               bench->peers[i - 1].name, "tokens_per_second",
                                               median_of(bench, i), "slowest", rates[0], "fastest",
                                               rates[bench->n_repeats - 1], "heft_times",
                                               median_of(bench, 0) / median_of(bench, i)));
    }
    return peers;
}

static void report_peaks(const struct bench *bench)
{
    const struct peaks *peaks = &bench->peaks;
    char size[16];
    printf("%-28s %12s %9d threads\n", "this machine", "1 thread", peaks->n_threads);
    printf("%-28s %7.1f GB/s %12.1f GB/s   (over %s)\n", "reading memory", peaks->read_gbs[0],
           peaks->read_gbs[1], output_bytes(size, peaks->buffer_bytes));
    printf("%-28s %6.1f Gop/s %11.1f Gop/s  (%s)\n", "float multiply-add", peaks->f32_gops[0],
           peaks->f32_gops[1], peaks->tier);
    printf("%-28s %6.1f Gop/s %11.1f Gop/s  (%s)\n", "int8 multiply-add", peaks->int8_gops[0],
           peaks->int8_gops[1], peaks->tier);
    if (peaks->bf16_gops[1] > 0)
        printf("%-28s %6.1f Gop/s %11.1f Gop/s  (%s)\n", "bf16 matrices", peaks->bf16_gops[0],
               peaks->bf16_gops[1], peaks->tier);
    fflush(stdout);
}

static json_t *peaks_json(const struct peaks *peaks)
{
    return json_pack("{s:s, s:i, s:[f,f], s:[f,f], s:[f,f], s:[f,f]}", "tier", peaks->tier,
                     "n_threads", peaks->n_threads, "read_gb_per_second", peaks->read_gbs[0],
                     peaks->read_gbs[1], "f32_gop_per_second", peaks->f32_gops[0],
                     peaks->f32_gops[1], "int8_gop_per_second", peaks->int8_gops[0],
                     peaks->int8_gops[1], "bf16_gop_per_second", peaks->bf16_gops[0],
                     peaks->bf16_gops[1]);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}
