/* What an engine takes is what was planned: each case runs in a process of its own, whose memory is
 * read when every session is full. A file's pages are the system's, and counted as the file's size.
 */
#include <glob.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "heft.h"
#include "model_file.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__linux__)
#define MEASURES 0
#else
#define MEASURES 1
#endif

struct footprint {
    double planned, taken; /* bytes, both with the whole file */
    double largest;        /* 1 if the plan named a context at least as large as this one */
};

static void fail_child(const heft_error *error)
{
    fprintf(stderr, "%s\n", error->message);
    _exit(1);
}

static double anonymous_bytes(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    double kib = 0;
    while (file && fgets(line, sizeof line, file)) sscanf(line, "RssAnon: %lf", &kib);
    if (file) fclose(file);
    return kib * 1024;
}

static void fill_session(heft_engine *engine, const int32_t *tokens, int n_tokens)
{
    heft_session *session;
    heft_error error;
    heft_work work = {NULL, tokens, n_tokens, NULL, 0};
    if (heft_session_create(engine, &session, &error) != HEFT_OK) fail_child(&error);
    work.session = session;
    if (heft_step(engine, &work, 1, &error) != HEFT_OK) fail_child(&error);
}

/* In the child: never returns. */
static void measure(const heft_options *options, int to)
{
    struct footprint footprint;
    heft_engine *engine;
    heft_error error;
    heft_info info;
    double before = anonymous_bytes();
    if (heft_engine_open(options, &engine, &error) != HEFT_OK) fail_child(&error);
    heft_engine_info(engine, &info);
    int32_t *tokens = malloc((size_t)info.n_ctx * sizeof *tokens);
    for (int i = 0; i < info.n_ctx; i++) tokens[i] = (i * 37) % info.n_vocab;
    double own = (double)info.n_ctx * sizeof *tokens; /* of this test */
    for (int i = 0; i < options->n_sessions; i++) fill_session(engine, tokens, info.n_ctx);
    const heft_memory *memory = &info.memory;
    footprint.planned = (double)(memory->weights + memory->kv + memory->scratch);
    footprint.taken = anonymous_bytes() - before - own + (double)memory->weights;
    footprint.largest = memory->n_ctx_most >= info.n_ctx || info.n_ctx > info.n_ctx_train;
    if (write(to, &footprint, sizeof footprint) != sizeof footprint) exit(1);
    _exit(0);
}

static struct footprint footprint_of(const heft_options *options)
{
    struct footprint footprint = {0};
    int ends[2], status;
    assert_int_equal(pipe(ends), 0);
    fflush(stdout);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) measure(options, ends[1]);
    close(ends[1]);
    ssize_t n = read(ends[0], &footprint, sizeof footprint);
    close(ends[0]);
    waitpid(child, &status, 0);
    if (n != sizeof footprint || status != 0)
        fail_msg("%s with %d tokens does not run", options->model, options->n_ctx);
    return footprint;
}

/* Within 2 %, or `slack`: scratch is planned for every road through the kernels, and one run takes
 * one of them. */
static void check(const heft_options *options, double slack)
{
    struct footprint footprint = footprint_of(options);
    double off = fabs(footprint.taken - footprint.planned);
    if (off > 0.02 * footprint.planned && off > slack)
        fail_msg("%s, %d tokens, %d sessions: %.1f MB planned, %.1f MB taken", options->model,
                 options->n_ctx, options->n_sessions, footprint.planned / 1e6,
                 footprint.taken / 1e6);
    assert_true(footprint.largest > 0);
}

static void test_every_model(void **state)
{
    (void)state;
    static const int contexts[] = {64, 256}, sessions[] = {1, 3};
    glob_t models;
    if (!MEASURES) skip();
    assert_int_equal(glob("tests/golden/data/*-[a-z].gguf", 0, NULL, &models), 0);
    assert_int_equal(glob("models/demo/demo.gguf", GLOB_APPEND, NULL, &models), 0);
    for (size_t i = 0; i < models.gl_pathc; i++) {
        for (int j = 0; j < 2; j++) {
            heft_options options = heft_options_default();
            options.model = models.gl_pathv[i];
            options.n_ctx = contexts[j];
            options.n_sessions = sessions[j];
            options.n_threads = 2;
            check(&options, 24e6);
        }
    }
    globfree(&models);
}

/* A cache of hundreds of megabytes, in each of its types. */
static void test_large_cache(void **state)
{
    (void)state;
    static const struct {
        heft_kv_type kv;
        int n_ctx, n_sessions;
    } cases[] = {{HEFT_KV_F16, 256, 64}, {HEFT_KV_Q8_0, 128, 128}, {HEFT_KV_F32, 1024, 6}};
    static const struct model_shape shape = {.n_layers = 2,
                                             .d_model = 64,
                                             .n_heads = 16,
                                             .n_kv_heads = 16,
                                             .d_k = 256,
                                             .d_v = 256,
                                             .d_rope = 256,
                                             .d_ff = 64,
                                             .n_ctx = 8192,
                                             .dtype = DTYPE_F16};
    char path[] = "/tmp/heft-footprint-XXXXXX";
    if (!MEASURES) skip();
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    struct model_file *model = model_file_make(&shape, "tests/golden/data/llama-a.gguf");
    model_file_write(model, path);
    model_file_free(model);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        heft_options options = heft_options_default();
        options.model = path;
        options.n_ctx = cases[i].n_ctx;
        options.n_sessions = cases[i].n_sessions;
        options.kv_type = cases[i].kv;
        options.n_threads = 2;
        check(&options, 32e6);
    }
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_model),
        cmocka_unit_test(test_large_cache),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
