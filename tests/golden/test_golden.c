/* The engine against logits that an independent implementation computed: see README.md.
 *
 *     test_golden [folder of the data]
 *
 * Every model runs under every setting; every case must give the same logits at all positions.
 * Where weights come in blocks, activations are rounded to bytes. What that may cost is told by the
 * same rounding in the independent implementation: the logits of <model>.rounded.npy. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../report.h"
#include "backend/cpu/kernels.h"
#include "format/gguf.h"
#include "heft.h"
#include "npy.h"

#define TOLERANCE 1e-4
/* Where a machine multiplies matrices of bfloat16, prompts round the activations of BF16 weights to
 * it: eight bits of each. */
#define TOLERANCE_BFLOAT16 2e-2
/* Multiples of what rounding costs in the independent implementation: what it may cost the engine,
 * and how far plain C, which rounds the same values, may be from that implementation. A value
 * between two bytes may fall to the other one. */
#define TOLERANCE_COST 2.0
#define TOLERANCE_TWIN 0.2

enum { N_SESSIONS = 3, N_CTX = 400, MAX_NAME = 64, MAX_TYPES = 256, MAX_PATH = 512 };

static const char *const MODELS[] = {
    "llama-a",          "llama-b",          "llama-c",          "llama-d",
    "llama-e",          "llama-f",          "llama-g",          "llama-h",
    "mixtral-a",        "mixtral-b",        "mixtral-c",        "command-r-a",
    "command-r-b",      "command-r-c",      "dbrx-a",           "dbrx-b",
    "dbrx-c",           "deepseek-a",       "deepseek-b",       "deepseek-c",
    "deepseek-d",       "deepseek-e",       "deepseek-f",       "deepseek-g",
    "deepseek-h",       "deepseek-i",       "deepseek-j",       "llama-i",
    "llama-j",

    "llama-halves",     "llama-blocks",     "llama-supers",     "llama-codebooks",
    "mixtral-halves",   "mixtral-blocks",   "mixtral-supers",   "mixtral-codebooks",
    "command-r-halves", "command-r-blocks", "command-r-supers", "command-r-codebooks",
    "dbrx-halves",      "dbrx-blocks",      "dbrx-supers",      "dbrx-codebooks",
    "deepseek-halves",  "deepseek-blocks",  "deepseek-supers",  "deepseek-codebooks",
};

struct setting {
    const char *name;
    const char *cpu; /* value of HEFT_CPU: "c" leaves only the plain-C kernels; NULL: unset */
    int n_threads;
    int n_batch;
    heft_kv_type kv_type; /* F16: for models in blocks only, see belongs */
};

static const struct setting SETTINGS[] = {
    {"one thread", NULL, 1, 0, HEFT_KV_F32},
    {"two threads, batch of 7", NULL, 2, 7, HEFT_KV_F32},
    {"plain C", "c", 2, 0, HEFT_KV_F32},
    {"cache of halves", NULL, 2, 0, HEFT_KV_F16},
};

enum { N_MODELS = sizeof MODELS / sizeof *MODELS, N_SETTINGS = sizeof SETTINGS / sizeof *SETTINGS };

struct fixture {
    const char *folder;
    const char *model;
    const struct setting *setting;
    char name[MAX_NAME];
    char types[MAX_TYPES]; /* of the matrices, between commas */
    bool passed;
    double error, cost; /* as in struct golden */
};

struct golden {
    heft_engine *engine;
    heft_session *sessions[N_SESSIONS];
    const int32_t *tokens;
    const float *expected; /* [n_tokens - first_expected, n_vocab] */
    const float *rounded;  /* the same with activations rounded; NULL: none are */
    float *logits;         /* [n_tokens, n_vocab] */
    float *other_logits;   /* [n_tokens, n_vocab] */
    int n_tokens;
    int first_expected; /* position; long models have the logits of the last positions only */
    int n_vocab;
    double tolerance; /* where nothing is rounded to bytes */
    bool is_twin;     /* rounds the very values that `rounded` has rounded */
    double error;     /* the worst: see compare_exact and compare_rounded */
    double cost;      /* of rounding, in the terms of `error` */
};

static void read_types(struct fixture *fixture);
static void read_expected(const struct fixture *fixture, struct golden *golden);
static void open_engine(const struct fixture *fixture, struct golden *golden);
static void close_golden(struct golden *golden);
static void forget_logits(struct golden *golden);
static void run_in_chunks(struct golden *golden, const int *sizes, int n_sizes);
static void feed(struct golden *golden, heft_session *session, int from, int n_tokens,
                 float *logits);
static void run_works(struct golden *golden, const heft_work *works, int n_works);
static void compare(struct golden *golden, const float *logits, int from, const char *what);
static void compare_exact(struct golden *golden, const float *logits, int first, const char *what);
static void compare_rounded(struct golden *golden, const float *logits, int first,
                            const char *what);
static double distance(const float *x, const float *y, int n);
static double magnitude(const float *x, int n);

static void case_one_prefill(struct golden *golden)
{
    feed(golden, golden->sessions[0], 0, golden->n_tokens, golden->logits);
    compare(golden, golden->logits, 0, "one prefill");
}

static void case_token_by_token(struct golden *golden)
{
    run_in_chunks(golden, (int[]){1}, 1);
    compare(golden, golden->logits, 0, "token by token");
}

static void case_odd_chunks(struct golden *golden)
{
    run_in_chunks(golden, (int[]){1, 7, 3, 13, 2, 17, 5}, 7);
    compare(golden, golden->logits, 0, "odd chunks");
}

static void case_last_logits_only(struct golden *golden)
{
    int last = golden->n_tokens - 1;
    heft_work work = {golden->sessions[0], golden->tokens, golden->n_tokens, NULL, 1};
    work.logits = golden->logits + (size_t)last * golden->n_vocab;
    run_works(golden, &work, 1);
    compare(golden, golden->logits, last, "last logits only");
}

/* Two sessions run the golden tokens at different places and paces, a third something else. */
static void case_batch(struct golden *golden)
{
    int done[2] = {0, 0};
    const int pace[2] = {5, 3}, lag = 4;
    float *logits[2] = {golden->logits, golden->other_logits};

    for (int round = 0; done[0] < golden->n_tokens || done[1] < golden->n_tokens; round++) {
        heft_work works[N_SESSIONS];
        int n_works = 0;
        int32_t noise = (int32_t)(round * 37 % golden->n_vocab);
        works[n_works++] = (heft_work){golden->sessions[2], &noise, 1, NULL, 0};
        for (int i = 0; i < 2; i++) {
            int left = golden->n_tokens - done[i];
            int n_tokens = left < pace[i] ? left : pace[i];
            if (n_tokens == 0 || (i == 1 && round < lag)) continue;
            works[n_works++] = (heft_work){golden->sessions[i], golden->tokens + done[i], n_tokens,
                                           logits[i] + (size_t)done[i] * golden->n_vocab, n_tokens};
            done[i] += n_tokens;
        }
        run_works(golden, works, n_works);
    }
    compare(golden, logits[0], 0, "batch, first session");
    compare(golden, logits[1], 0, "batch, second session");
}

static void case_rewind(struct golden *golden)
{
    heft_session *session = golden->sessions[0];
    const int kept = 29, strayed = 20;

    feed(golden, session, 0, golden->n_tokens, NULL);
    heft_session_rewind(session, kept);
    feed(golden, session, 3, strayed, NULL);
    assert_int_equal(heft_session_length(session), kept + strayed);
    heft_session_rewind(session, heft_session_common(session, golden->tokens, kept));
    assert_int_equal(heft_session_length(session), kept);
    feed(golden, session, kept, golden->n_tokens - kept, golden->logits);
    compare(golden, golden->logits, kept, "after a rewind");
}

static void (*const CASES[])(struct golden *golden) = {
    case_one_prefill,      case_token_by_token, case_odd_chunks,
    case_last_logits_only, case_batch,          case_rewind,
};

/* Plain C rounds whatever the number of rows. What latent attention rounds depends on it. */
static bool is_twin(const struct fixture *fixture)
{
    return fixture->setting->cpu && strncmp(fixture->model, "deepseek", 8) != 0;
}

/* Where matrices are multiplied as such, columns for weights of BF16 are rounded as these are. */
static bool may_round_halves(const struct fixture *fixture)
{
    struct kernels kernels;
    return kernels_init(&kernels, fixture->setting->cpu) && kernels.many[DTYPE_BF16] &&
           strstr(fixture->types, "BF16");
}

static void test_model(void **state)
{
    struct fixture *fixture = *state;
    struct golden golden = {0};

    read_types(fixture);
    read_expected(fixture, &golden);
    golden.is_twin = is_twin(fixture);
    golden.tolerance = may_round_halves(fixture) ? TOLERANCE_BFLOAT16 : TOLERANCE;
    open_engine(fixture, &golden);
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        forget_logits(&golden);
        CASES[i](&golden);
        for (int s = 0; s < N_SESSIONS; s++) heft_session_rewind(golden.sessions[s], 0);
    }
    print_message("%s: error %.1e\n", fixture->name, golden.error);
    fixture->error = golden.error;
    fixture->cost = golden.cost;
    fixture->passed = true;
    close_golden(&golden);
}

/* Runs after a failed test too. */
static int report_model(void **state)
{
    const struct fixture *fixture = *state;
    report("golden\t%s\t%s\t%s\t%.1e\t%.1e", fixture->model, fixture->types,
           fixture->passed ? "passed" : "failed", fixture->error, fixture->cost);
    return 0;
}

/* What the file has matrices of; a list that is too long is cut. */
static void read_types(struct fixture *fixture)
{
    char path[MAX_PATH];
    struct gguf *file;
    heft_error error;
    snprintf(path, sizeof path, "%s/%s.gguf", fixture->folder, fixture->model);
    if (gguf_open(path, &file, &error) != HEFT_OK) fail_msg("%s", error.message);
    bool seen[DTYPE_LIMIT] = {false};
    for (int i = 0; i < gguf_n_tensors(file); i++)
        if (gguf_tensor(file, i)->n_dims > 1) seen[gguf_tensor(file, i)->dtype] = true;
    gguf_close(file);
    for (int dtype = 0, n = 0; dtype < DTYPE_LIMIT; dtype++)
        if (seen[dtype] && n < MAX_TYPES)
            n += snprintf(fixture->types + n, (size_t)(MAX_TYPES - n), "%s%s", n > 0 ? "," : "",
                          dtype_name(dtype));
}

static void read_expected(const struct fixture *fixture, struct golden *golden)
{
    char path[MAX_PATH];
    struct npy tokens, logits, rounded;

    snprintf(path, sizeof path, "%s/%s.tokens.npy", fixture->folder, fixture->model);
    if (!npy_read(path, "<i4", &tokens)) fail_msg("cannot read %s", path);
    snprintf(path, sizeof path, "%s/%s.logits.npy", fixture->folder, fixture->model);
    if (!npy_read(path, "<f4", &logits)) fail_msg("cannot read %s", path);
    assert_int_equal(tokens.n_dims, 1);
    assert_int_equal(logits.n_dims, 2);
    assert_in_range(logits.shape[0], 1, tokens.shape[0]);

    snprintf(path, sizeof path, "%s/%s.rounded.npy", fixture->folder, fixture->model);
    if (npy_read(path, "<f4", &rounded)) {
        assert_int_equal(rounded.shape[0], logits.shape[0]);
        assert_int_equal(rounded.shape[1], logits.shape[1]);
        golden->rounded = rounded.data;
    }

    golden->tokens = tokens.data;
    golden->expected = logits.data;
    golden->n_tokens = (int)tokens.shape[0];
    golden->first_expected = (int)(tokens.shape[0] - logits.shape[0]);
    golden->n_vocab = (int)logits.shape[1];
    golden->logits = calloc(tokens.shape[0] * logits.shape[1], sizeof *golden->logits);
    golden->other_logits = calloc(tokens.shape[0] * logits.shape[1], sizeof *golden->other_logits);
    assert_non_null(golden->logits);
    assert_non_null(golden->other_logits);
}

static void open_engine(const struct fixture *fixture, struct golden *golden)
{
    char path[MAX_PATH];
    snprintf(path, sizeof path, "%s/%s.gguf", fixture->folder, fixture->model);
    heft_options options = heft_options_default();
    options.model = path;
    options.n_ctx = N_CTX;
    options.n_sessions = N_SESSIONS;
    options.n_batch = fixture->setting->n_batch;
    options.n_threads = fixture->setting->n_threads;
    options.kv_type = fixture->setting->kv_type;
    if (fixture->setting->cpu)
        setenv("HEFT_CPU", fixture->setting->cpu, 1);
    else
        unsetenv("HEFT_CPU");

    heft_error error;
    if (heft_engine_open(&options, &golden->engine, &error) != HEFT_OK)
        fail_msg("%s", error.message);
    heft_info info;
    heft_engine_info(golden->engine, &info);
    assert_int_equal(info.n_vocab, golden->n_vocab);
    for (int s = 0; s < N_SESSIONS; s++)
        if (heft_session_create(golden->engine, &golden->sessions[s], &error) != HEFT_OK)
            fail_msg("%s", error.message);
}

static void close_golden(struct golden *golden)
{
    heft_engine_close(golden->engine);
    free((void *)golden->tokens);
    free((void *)golden->expected);
    free((void *)golden->rounded);
    free(golden->logits);
    free(golden->other_logits);
}

/* What a case does not write must not pass for right because an earlier one did. */
static void forget_logits(struct golden *golden)
{
    for (int i = 0; i < golden->n_tokens * golden->n_vocab; i++)
        golden->logits[i] = golden->other_logits[i] = NAN;
}

static void run_in_chunks(struct golden *golden, const int *sizes, int n_sizes)
{
    for (int done = 0, i = 0; done < golden->n_tokens; i++) {
        int left = golden->n_tokens - done;
        int n_tokens = sizes[i % n_sizes] < left ? sizes[i % n_sizes] : left;
        feed(golden, golden->sessions[0], done, n_tokens, golden->logits);
        done += n_tokens;
    }
}

/* `logits` is the place of position 0: those of position `from` on are written. NULL: none. */
static void feed(struct golden *golden, heft_session *session, int from, int n_tokens,
                 float *logits)
{
    heft_work work = {session, golden->tokens + from, n_tokens, NULL, 0};
    if (logits) {
        work.logits = logits + (size_t)from * golden->n_vocab;
        work.n_logits = n_tokens;
    }
    run_works(golden, &work, 1);
}

static void run_works(struct golden *golden, const heft_work *works, int n_works)
{
    heft_error error;
    if (heft_step(golden->engine, works, n_works, &error) != HEFT_OK) fail_msg("%s", error.message);
}

/* Compares the expected positions from `from` on. */
static void compare(struct golden *golden, const float *logits, int from, const char *what)
{
    int first = from > golden->first_expected ? from : golden->first_expected;
    for (int i = first * golden->n_vocab; i < golden->n_tokens * golden->n_vocab; i++)
        if (!isfinite(logits[i]))
            fail_msg("%s: no number at position %d", what, i / golden->n_vocab);
    if (golden->rounded)
        compare_rounded(golden, logits, first, what);
    else
        compare_exact(golden, logits, first, what);
}

/* The error is the largest difference, as a share of the largest logit. */
static void compare_exact(struct golden *golden, const float *logits, int first, const char *what)
{
    double difference = 0, largest = 0;
    int skipped = golden->first_expected * golden->n_vocab;
    for (int i = first * golden->n_vocab; i < golden->n_tokens * golden->n_vocab; i++) {
        double expected = golden->expected[i - skipped];
        difference = fmax(difference, fabs(logits[i] - expected));
        largest = fmax(largest, fabs(expected));
    }
    double error = difference / largest;
    golden->error = fmax(golden->error, error);
    if (error > golden->tolerance) fail_msg("%s: relative error %.1e", what, error);
}

/* The error is the root mean square of the differences, as a share of that of the logits. */
static void compare_rounded(struct golden *golden, const float *logits, int first, const char *what)
{
    int n_expected = (golden->n_tokens - golden->first_expected) * golden->n_vocab;
    double size = magnitude(golden->expected, n_expected);
    golden->cost = distance(golden->rounded, golden->expected, n_expected) / size;

    int skipped = (first - golden->first_expected) * golden->n_vocab, n = n_expected - skipped;
    const float *found = logits + (size_t)first * golden->n_vocab;
    double error = distance(found, golden->expected + skipped, n) / size;
    golden->error = fmax(golden->error, error);
    if (error > TOLERANCE_COST * golden->cost)
        fail_msg("%s: relative error %.1e, rounding costs %.1e", what, error, golden->cost);
    double from_twin = distance(found, golden->rounded + skipped, n) / size;
    if (golden->is_twin && from_twin > TOLERANCE_TWIN * golden->cost)
        fail_msg("%s: %.1e from the same rounding, which costs %.1e", what, from_twin,
                 golden->cost);
}

static double distance(const float *x, const float *y, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += ((double)x[i] - y[i]) * ((double)x[i] - y[i]);
    return sqrt(sum / n);
}

static double magnitude(const float *x, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += (double)x[i] * x[i];
    return sqrt(sum / n);
}

/* Models whose activations are rounded already: their routers are decided clearly enough for it,
 * and their bounds know it. */
static bool belongs(const char *model, const struct setting *setting)
{
    return setting->kv_type == HEFT_KV_F32 || strstr(model, "-blocks") ||
           strstr(model, "-supers") || strstr(model, "-codebooks");
}

int main(int argc, char **argv)
{
    static struct fixture fixtures[N_SETTINGS * N_MODELS];
    struct CMUnitTest tests[N_SETTINGS * N_MODELS] = {{0}}; /* empty ones are left out */
    int n = 0;

    for (int i = 0; i < N_SETTINGS * N_MODELS; i++) {
        struct fixture *fixture = &fixtures[n];
        fixture->folder = argc > 1 ? argv[1] : "tests/golden/data";
        fixture->model = MODELS[i % N_MODELS];
        fixture->setting = &SETTINGS[i / N_MODELS];
        if (!belongs(fixture->model, fixture->setting)) continue;
        snprintf(fixture->name, sizeof fixture->name, "%s, %s", fixture->model,
                 fixture->setting->name);
        tests[n++] = (struct CMUnitTest){fixture->name, test_model, NULL, report_model, fixture};
    }
    return cmocka_run_group_tests_name("golden", tests, NULL, NULL);
}
