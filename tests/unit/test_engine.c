/* The public interface: what it promises, and what it says when it refuses. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "heft.h"
#include "model_file.h"

enum { N_VOCAB = 272, N_LONG = 330 };

static const char llama[] = "tests/golden/data/llama-a.gguf";
static const char deepseek[] = "tests/golden/data/deepseek-b.gguf";
static const char kv_b_whole[] = "tests/golden/data/deepseek-c.gguf";

/* The cache of floats: one of halves turns the last bits of a sum into more. */
static heft_options options_of(const char *model)
{
    heft_options options = heft_options_default();
    options.model = model;
    options.n_threads = 2;
    options.kv_type = HEFT_KV_F32;
    return options;
}

static heft_engine *open_engine(const heft_options *options)
{
    heft_engine *engine = NULL;
    heft_error error;
    if (heft_engine_open(options, &engine, &error) != HEFT_OK) fail_msg("%s", error.message);
    return engine;
}

static heft_session *new_session(heft_engine *engine)
{
    heft_session *session = NULL;
    heft_error error;
    if (heft_session_create(engine, &session, &error) != HEFT_OK) fail_msg("%s", error.message);
    return session;
}

static void step(heft_engine *engine, const heft_work *work, int n_work)
{
    heft_error error;
    if (heft_step(engine, work, n_work, &error) != HEFT_OK) fail_msg("%s", error.message);
}

static void fill_tokens(int32_t *tokens, int n)
{
    for (int i = 0; i < n; i++) tokens[i] = (i * 37 + i * i) % N_VOCAB;
}

static void assert_says(heft_status status, heft_status expected, const heft_error *error,
                        const char *words)
{
    if (status != expected || error->status != expected || !strstr(error->message, words))
        fail_msg("status %d, expected %d with \"%s\": %s", status, expected, words, error->message);
}

static void assert_close(const float *a, const float *b, int n, double tolerance)
{
    double largest = 0;
    for (int i = 0; i < n; i++) largest = fmax(largest, fabs(b[i]));
    for (int i = 0; i < n; i++)
        if (!(fabs(a[i] - b[i]) <= tolerance * largest))
            fail_msg("value %d: %.9g, expected %.9g, largest %g", i, a[i], b[i], largest);
}

/* ---- options ---- */

static void test_options(void **state)
{
    (void)state;
    struct {
        heft_options options;
        const char *words;
    } bad[] = {
        {{.model = NULL, .n_sessions = 1}, "model"},
        {{.model = llama, .n_sessions = 0}, "n_sessions"},
        {{.model = llama, .n_sessions = 100000}, "n_sessions"},
        {{.model = llama, .n_sessions = 1, .n_ctx = -2}, "n_ctx"},
        {{.model = llama, .n_sessions = 1, .n_batch = -5}, "n_batch"},
        {{.model = llama, .n_sessions = 1, .n_batch = 1 << 20}, "n_batch"},
        {{.model = llama, .n_sessions = 1, .n_threads = -1}, "n_threads"},
        {{.model = llama, .n_sessions = 1, .n_threads = 1 << 20}, "n_threads"},
        {{.model = llama, .n_sessions = 1, .kv_type = (heft_kv_type)9}, "kv_type"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        heft_engine *engine;
        heft_memory memory;
        heft_error error = {0};
        assert_says(heft_engine_open(&bad[i].options, &engine, &error), HEFT_USAGE, &error,
                    bad[i].words);
        assert_says(heft_engine_measure(&bad[i].options, &memory, &error), HEFT_USAGE, &error,
                    bad[i].words);
        assert_int_equal(heft_engine_open(&bad[i].options, &engine, NULL), HEFT_USAGE);
    }
}

static void test_unusable_files(void **state)
{
    (void)state;
    heft_engine *engine;
    heft_error error = {0};
    heft_options options = options_of("/nowhere/model.gguf");
    assert_says(heft_engine_open(&options, &engine, &error), HEFT_BAD_FILE, &error,
                "/nowhere/model.gguf");
    options.model = "/tmp";
    assert_says(heft_engine_open(&options, &engine, &error), HEFT_BAD_FILE, &error, "directory");
    options.model = "Makefile";
    assert_says(heft_engine_open(&options, &engine, &error), HEFT_BAD_FILE, &error, "Makefile");
}

/* Heads of 16 values are no whole blocks of 32. */
static void test_cache_does_not_suit_the_heads(void **state)
{
    (void)state;
    heft_engine *engine;
    heft_error error = {0};
    heft_options options = options_of(llama);
    options.kv_type = HEFT_KV_Q8_0;
    assert_says(heft_engine_open(&options, &engine, &error), HEFT_USAGE, &error, "q8_0");
}

static void test_info(void **state)
{
    (void)state;
    heft_options options = options_of(deepseek);
    options.n_batch = 1807;
    heft_engine *engine = open_engine(&options);
    heft_info info;
    heft_engine_info(engine, &info);
    assert_string_equal(info.architecture, "deepseek2");
    assert_string_equal(info.name, "deepseek-b");
    assert_int_equal(info.n_vocab, N_VOCAB);
    assert_int_equal(info.n_ctx, 1920);
    assert_int_equal(info.n_ctx_train, 1920);
    assert_int_equal(info.n_layers, 3);
    assert_int_equal(info.d_model, 36);
    assert_int_equal(info.n_threads, 2);
    assert_int_equal(info.n_batch, 1807);
    assert_int_equal(info.kv_token_bytes, 3 * (32 + 16) * 4);
    assert_true(info.token_weight_bytes < info.weight_bytes);
    heft_engine_close(engine);
    heft_engine_close(NULL);
}

/* ---- memory ---- */

static void test_measure(void **state)
{
    (void)state;
    heft_memory one, more;
    heft_error error;
    heft_options options = options_of(deepseek);
    options.n_ctx = 100;
    options.kv_type = HEFT_KV_F16;
    assert_int_equal(heft_engine_measure(&options, &one, &error), HEFT_OK);
    assert_int_equal(one.n_ctx, 100);
    assert_int_equal(one.kv, 100 * 3 * (32 + 16) * 2);
    assert_true(one.weights > 300000 && one.weights < 500000);
    assert_true(one.scratch > 0 && one.available > 0);
    options.n_sessions = 3;
    options.kv_type = HEFT_KV_F32;
    assert_int_equal(heft_engine_measure(&options, &more, &error), HEFT_OK);
    assert_int_equal(more.kv, 6 * one.kv);
    assert_true(more.scratch > one.scratch); /* tokens and spans of the sessions */
    options.vocab_only = true;
    assert_int_equal(heft_engine_measure(&options, &more, &error), HEFT_OK);
    assert_int_equal(more.kv, 0);
    assert_int_equal(more.weights, 0);
}

static void test_does_not_fit(void **state)
{
    (void)state;
    heft_engine *engine = NULL;
    heft_error error = {0};
    heft_memory memory;
    heft_options options = options_of(llama);
    options.n_ctx = INT32_MAX / 2;
    options.n_sessions = 4096;
    assert_int_equal(heft_engine_measure(&options, &memory, &error), HEFT_OK);
    assert_true(memory.kv > 1000000000000);
    assert_says(heft_engine_open(&options, &engine, &error), HEFT_DOES_NOT_FIT, &error,
                "key-value cache");
    assert_non_null(strstr(error.message, llama));
    options.ignore_limit = true;
    engine = open_engine(&options);
    heft_engine_close(engine);
}

/* ---- sessions and steps ---- */

static void test_vocab_only(void **state)
{
    (void)state;
    heft_options options = options_of(llama);
    options.vocab_only = true;
    heft_engine *engine = open_engine(&options);
    heft_session *session = NULL;
    heft_sampler *sampler = NULL;
    heft_sampling sampling = heft_sampling_default();
    heft_error error = {0};
    heft_info info;
    assert_says(heft_session_create(engine, &session, &error), HEFT_USAGE, &error,
                "vocabulary only");
    assert_says(heft_sampler_create(engine, &sampling, &sampler, &error), HEFT_USAGE, &error,
                "vocabulary only");
    assert_says(heft_step(engine, NULL, 0, &error), HEFT_USAGE, &error, "vocabulary only");
    heft_engine_info(engine, &info);
    assert_int_equal(info.n_vocab, N_VOCAB);
    int32_t tokens[8];
    assert_true(heft_encode(engine, "ab", 2, 0, tokens, 8) > 0);
    heft_engine_cancel(engine);
    heft_engine_close(engine);
}

static void test_sessions_run_out(void **state)
{
    (void)state;
    heft_options options = options_of(llama);
    options.n_sessions = 2;
    heft_engine *engine = open_engine(&options);
    heft_session *first = new_session(engine), *third = NULL;
    heft_error error = {0};
    new_session(engine);
    assert_says(heft_session_create(engine, &third, &error), HEFT_USAGE, &error, "all 2 sessions");
    heft_session_free(first);
    heft_session_free(NULL);
    new_session(engine);
    heft_engine_close(engine); /* with sessions still open */
}

static void test_wrong_work(void **state)
{
    (void)state;
    heft_options options = options_of(llama);
    options.n_ctx = 16;
    options.n_sessions = 2;
    heft_engine *engine = open_engine(&options), *other = open_engine(&options);
    heft_session *a = new_session(engine), *b = new_session(engine), *foreign = new_session(other);
    float logits[2 * N_VOCAB];
    int32_t tokens[20] = {1, 2, 3}, outside[] = {1, N_VOCAB, 2}, negative[] = {-1};
    const struct {
        heft_work work[2];
        int n_work;
        const char *words;
    } bad[] = {
        {{{a, tokens, 3, NULL, 0}, {b, outside, 3, NULL, 0}}, 2, "token 272"},
        {{{a, tokens, 3, NULL, 0}, {b, negative, 1, NULL, 0}}, 2, "token -1"},
        {{{a, tokens, 3, NULL, 0}, {b, tokens, 17, NULL, 0}}, 2, "context is full"},
        {{{a, tokens, 3, NULL, 0}, {a, tokens, 1, NULL, 0}}, 2, "twice"},
        {{{a, tokens, 3, NULL, 0}, {NULL, tokens, 1, NULL, 0}}, 2, "session"},
        {{{a, tokens, 3, NULL, 0}, {foreign, tokens, 1, NULL, 0}}, 2, "session"},
        {{{a, tokens, 0, NULL, 0}}, 1, "no tokens"},
        {{{a, NULL, 1, NULL, 0}}, 1, "no tokens"},
        {{{a, tokens, 1, logits, 2}}, 1, "n_logits"},
        {{{a, tokens, 1, logits, 0}}, 1, "n_logits"},
        {{{0}}, 1, "session"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        heft_error error = {0};
        assert_says(heft_step(engine, bad[i].work, bad[i].n_work, &error), HEFT_USAGE, &error,
                    bad[i].words);
        assert_int_equal(heft_session_length(a), 0);
        assert_int_equal(heft_session_length(b), 0);
    }
    step(engine, NULL, 0);
    step(engine, &(heft_work){a, tokens, 16, NULL, 0}, 1);
    heft_error error = {0};
    assert_says(heft_step(engine, &(heft_work){a, tokens, 1, NULL, 0}, 1, &error), HEFT_USAGE,
                &error, "16 tokens are held");
    assert_int_equal(heft_session_length(a), 16);
    heft_engine_close(engine);
    heft_engine_close(other);
}

static void test_rewind_and_common(void **state)
{
    (void)state;
    heft_options options = options_of(deepseek);
    options.n_ctx = 64;
    options.n_sessions = 2;
    heft_engine *engine = open_engine(&options);
    heft_session *session = new_session(engine), *fresh = new_session(engine);
    int32_t tokens[40], changed[40];
    float after[N_VOCAB], expected[N_VOCAB];
    fill_tokens(tokens, 40);
    memcpy(changed, tokens, sizeof changed);
    changed[25] ^= 1;
    step(engine, &(heft_work){session, tokens, 40, NULL, 0}, 1);
    assert_memory_equal(heft_session_tokens(session), tokens, sizeof tokens);
    assert_int_equal(heft_session_common(session, changed, 40), 25);
    assert_int_equal(heft_session_common(session, tokens, 10), 10);
    assert_int_equal(heft_session_common(session, NULL, 0), 0);
    heft_session_rewind(session, 1000);
    assert_int_equal(heft_session_length(session), 40);
    heft_session_rewind(session, 25);
    step(engine, &(heft_work){session, changed + 25, 15, after, 1}, 1);
    step(engine, &(heft_work){fresh, changed, 40, expected, 1}, 1);
    assert_close(after, expected, N_VOCAB, 1e-5);
    heft_session_rewind(session, -3);
    assert_int_equal(heft_session_length(session), 0);
    heft_engine_close(engine);
}

/* ---- the same numbers whatever the road ---- */

/* Logits after every token, fed `chunk` at a time with batches of n_batch rows. */
static float *logits_of(const heft_options *options, const int32_t *tokens, int n, int chunk,
                        int n_logits)
{
    heft_engine *engine = open_engine(options);
    heft_session *session = new_session(engine);
    float *logits = calloc((size_t)n * N_VOCAB, sizeof *logits);
    assert_non_null(logits);
    for (int i = 0; i < n; i += chunk) {
        int count = n - i < chunk ? n - i : chunk, wanted = count < n_logits ? count : n_logits;
        float *to = logits + (size_t)(i + count - wanted) * N_VOCAB;
        step(engine, &(heft_work){session, tokens + i, count, to, wanted}, 1);
    }
    heft_engine_close(engine);
    return logits;
}

static void test_batch_size_does_not_matter(void **state)
{
    enum { N = 72 };
    int32_t tokens[N];
    fill_tokens(tokens, N);
    heft_options options = options_of(*state);
    float *expected = logits_of(&options, tokens, N, N, N);
    static const int sizes[] = {1, 7, 31, 33, 512};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        options.n_batch = sizes[i];
        float *logits = logits_of(&options, tokens, N, N, N);
        assert_close(logits, expected, N * N_VOCAB, 1e-5);
        free(logits);
    }
    options.n_batch = 0;
    float *window = logits_of(&options, tokens, N, N, 5); /* the last five only */
    assert_close(window + (N - 5) * N_VOCAB, expected + (N - 5) * N_VOCAB, 5 * N_VOCAB, 1e-5);
    for (int i = 0; i < (N - 5) * N_VOCAB; i++) assert_true(window[i] == 0);
    free(window);
    free(expected);
}

static void test_same_threads_same_bits(void **state)
{
    enum { N = 60 };
    int32_t tokens[N];
    fill_tokens(tokens, N);
    heft_options options = options_of(*state);
    static const int n_threads[] = {1, 2, 3, 5};
    float *one = NULL;
    for (size_t i = 0; i < sizeof n_threads / sizeof *n_threads; i++) {
        options.n_threads = n_threads[i];
        float *first = logits_of(&options, tokens, N, 20, N),
              *again = logits_of(&options, tokens, N, 20, N);
        assert_memory_equal(first, again, N * N_VOCAB * sizeof *first);
        if (i == 0) one = calloc(N * N_VOCAB, sizeof *one);
        if (i == 0) memcpy(one, first, N * N_VOCAB * sizeof *one);
        assert_close(first, one, N * N_VOCAB, 1e-5);
        free(first);
        free(again);
    }
    free(one);
}

/* Sums that no machine has are not counted exactly, but no part of them turns into nonsense. */
static void test_beyond_counting(void **state)
{
    (void)state;
    struct model_shape shape = {.n_layers = 16,
                                .d_model = 32,
                                .n_heads = 64,
                                .n_kv_heads = 64,
                                .d_k = 32,
                                .d_v = 32,
                                .d_ff = 32,
                                .d_rope = 32,
                                .n_ctx = 512,
                                .dtype = DTYPE_Q8_0};
    char path[] = "/tmp/heft-large-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    struct model_file *file = model_file_make(&shape, llama);
    model_file_write(file, path);
    model_file_free(file);
    heft_options options = options_of(path);
    options.n_ctx = INT32_MAX / 2;
    options.n_sessions = 4096;
    heft_memory memory;
    heft_error error;
    if (heft_engine_measure(&options, &memory, &error) != HEFT_OK) fail_msg("%s", error.message);
    uint64_t own = (uint64_t)options.n_ctx * 4096 * sizeof(int32_t); /* ids of the tokens */
    assert_true(memory.kv >= (uint64_t)1 << 59);
    assert_true(memory.scratch > own && memory.scratch < own + ((uint64_t)1 << 32));
    heft_engine *engine;
    assert_says(heft_engine_open(&options, &engine, &error), HEFT_DOES_NOT_FIT, &error, path);
    unlink(path);
}

/* A prefill long enough to expand the latent rows, against one token at a time, which never does.
 */
static void test_expanded_is_absorbed(void **state)
{
    struct model_shape shape = {.n_layers = 2,
                                .d_model = 64,
                                .n_heads = 4,
                                .d_k = 48,
                                .d_v = 32,
                                .d_ff = 96,
                                .n_ctx = 512,
                                .kv_rank = 64,
                                .d_rope = 32,
                                .whole_kv_b = *state != NULL};
    char path[] = "/tmp/heft-latent-XXXXXX";
    int32_t tokens[N_LONG];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    fill_tokens(tokens, N_LONG);
    struct model_file *file = model_file_make(&shape, llama);
    model_file_write(file, path);
    model_file_free(file);
    heft_options options = options_of(path);
    static const heft_kv_type types[] = {HEFT_KV_F32, HEFT_KV_F16, HEFT_KV_Q8_0};
    static const double tolerances[] = {1e-5, 2e-2, 5e-2}; /* a prompt may be rounded to bfloat16 */
    for (int i = 0; i < 3; i++) {
        options.kv_type = types[i];
        float *whole = logits_of(&options, tokens, N_LONG, N_LONG, N_LONG);
        float *single = logits_of(&options, tokens, N_LONG, 1, 1);
        assert_close(whole, single, N_LONG * N_VOCAB, tolerances[i]);
        free(whole);
        free(single);
    }
    unlink(path);
}

/* Several sessions at different depths in one step, more rows than a batch holds. */
static void test_sessions_do_not_mix(void **state)
{
    enum { N = 50, N_SESSIONS = 4 };
    heft_options options = options_of(*state);
    options.n_sessions = N_SESSIONS;
    options.n_batch = 13;
    options.n_ctx = 64;
    int32_t tokens[N_SESSIONS][N];
    float *logits = calloc(N_SESSIONS * N * N_VOCAB, sizeof *logits);
    heft_engine *engine = open_engine(&options);
    heft_session *sessions[N_SESSIONS];
    int done[N_SESSIONS] = {0};
    assert_non_null(logits);
    for (int s = 0; s < N_SESSIONS; s++) {
        sessions[s] = new_session(engine);
        fill_tokens(tokens[s], N);
        for (int i = 0; i < N; i++) tokens[s][i] = (tokens[s][i] + s * 11) % N_VOCAB;
    }
    for (int round = 0; round < 100; round++) {
        heft_work work[N_SESSIONS];
        int n_work = 0;
        for (int s = 0; s < N_SESSIONS; s++) {
            int n = 1 + (round * 5 + s * 7) % 11;
            if (n > N - done[s]) n = N - done[s];
            if (n == 0) continue;
            float *to = logits + ((size_t)s * N + (size_t)done[s]) * N_VOCAB;
            work[n_work++] = (heft_work){sessions[s], tokens[s] + done[s], n, to, n};
            done[s] += n;
        }
        step(engine, work, n_work);
    }
    heft_engine_close(engine);
    for (int s = 0; s < N_SESSIONS; s++) {
        float *alone = logits_of(&options, tokens[s], N, N, N);
        assert_close(logits + (size_t)s * N * N_VOCAB, alone, N * N_VOCAB, 1e-5);
        free(alone);
    }
    free(logits);
}

/* ---- cancelling ---- */

static void *cancel_soon(void *engine)
{
    nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
    heft_engine_cancel(engine);
    return NULL;
}

/* Whole chunks are kept, and what follows is as if nothing had been. */
static void test_cancel(void **state)
{
    enum { CHUNK = 16, N = 1900 };
    heft_options options = options_of(*state);
    options.n_ctx = N;
    options.n_batch = CHUNK;
    heft_engine *engine = open_engine(&options);
    heft_session *session = new_session(engine);
    heft_error error = {0};
    int32_t tokens[N];
    fill_tokens(tokens, N);
    pthread_t other;
    int before, rounds = 0;
    do { /* a machine may be so fast, or so slow, that the cancel comes too late */
        heft_session_rewind(session, 0);
        before = 0;
        assert_int_equal(pthread_create(&other, NULL, cancel_soon, engine), 0);
        heft_status status = HEFT_OK;
        while (status == HEFT_OK) {
            heft_session_rewind(session, 0);
            status = heft_step(engine, &(heft_work){session, tokens, N, NULL, 0}, 1, &error);
        }
        pthread_join(other, NULL);
        assert_says(status, HEFT_CANCELLED, &error, "cancelled");
        before = heft_session_length(session);
        assert_int_equal(before % CHUNK, 0);
    } while ((before == 0 || before == N) && ++rounds < 100);
    assert_memory_equal(heft_session_tokens(session), tokens, (size_t)before * sizeof *tokens);

    float after[N_VOCAB];
    int n = before + 40 < N ? before + 40 : N;
    step(engine, &(heft_work){session, tokens + before, n - before, after, 1}, 1);
    heft_engine_close(engine);
    float *expected = logits_of(&options, tokens, n, n, 1);
    assert_close(after, expected + (size_t)(n - 1) * N_VOCAB, N_VOCAB, 1e-5);
    free(expected);
}

static void test_cancel_before(void **state)
{
    (void)state;
    heft_options options = options_of(llama);
    heft_engine *engine = open_engine(&options);
    heft_session *session = new_session(engine);
    heft_error error = {0};
    int32_t token = 5;
    heft_engine_cancel(engine);
    heft_engine_cancel(engine);
    heft_work work = {session, &token, 1, NULL, 0};
    assert_says(heft_step(engine, &work, 1, &error), HEFT_CANCELLED, &error, "cancelled");
    assert_int_equal(heft_session_length(session), 0);
    step(engine, &work, 1);
    assert_int_equal(heft_session_length(session), 1);

    /* One that came too late for a step is taken back by a step of no work. */
    heft_engine_cancel(engine);
    assert_says(heft_step(engine, NULL, 0, &error), HEFT_CANCELLED, &error, "cancelled");
    step(engine, NULL, 0);
    step(engine, &work, 1);
    assert_int_equal(heft_session_length(session), 2);
    heft_engine_close(engine);
}

#define FOR(test, model)                                                                           \
    {                                                                                              \
#test " " #model, test, NULL, NULL, (void *)model                                          \
    }

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_unusable_files),
        cmocka_unit_test(test_cache_does_not_suit_the_heads),
        cmocka_unit_test(test_info),
        cmocka_unit_test(test_measure),
        cmocka_unit_test(test_beyond_counting),
        cmocka_unit_test(test_does_not_fit),
        cmocka_unit_test(test_vocab_only),
        cmocka_unit_test(test_sessions_run_out),
        cmocka_unit_test(test_wrong_work),
        cmocka_unit_test(test_rewind_and_common),
        FOR(test_batch_size_does_not_matter, llama),
        FOR(test_batch_size_does_not_matter, deepseek),
        FOR(test_batch_size_does_not_matter, kv_b_whole),
        FOR(test_same_threads_same_bits, llama),
        FOR(test_same_threads_same_bits, deepseek),
        FOR(test_sessions_do_not_mix, llama),
        FOR(test_sessions_do_not_mix, deepseek),
        {"test_expanded_is_absorbed, split", test_expanded_is_absorbed, NULL, NULL, NULL},
        {"test_expanded_is_absorbed, whole", test_expanded_is_absorbed, NULL, NULL, (void *)llama},
        FOR(test_cancel, llama),
        FOR(test_cancel, deepseek),
        cmocka_unit_test(test_cancel_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
