/* What the rounding of activations changes, against floats with the same weights.
 *
 *     test_numerics                 measures, checks, and reports what docs/numerics.md is made of
 *     test_numerics --write FOLDER  leaves the files and the logits of floats there: llama_cpp.py
 *
 * Every model is run three ways: its weights unpacked to F32, which no kernel rounds; a token at a
 * time; a whole text at once. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../report.h"
#include "../unit/model_file.h"
#include "backend/cpu/kernels.h"
#include "finding.h"
#include "record.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED true
#else
#define IS_SANITIZED false
#endif
#define MOST_OF_FLOATS 1e-9
/* Standard deviations by which a mean may be above that of llama.cpp. */
#define DEVIATIONS 3

static const char *const verdicts[] = {"-", "yes", "choices", "magnified", "no"};

struct fixture {
    struct finding finding;
    bool passed;
};

static void check_floats(const struct finding *finding);
static void check_against_llama_cpp(const struct finding *finding);
static void print(const struct finding *finding);

static void test_case(void **state)
{
    struct fixture *fixture = *state;
    struct finding *finding = &fixture->finding;
    finding_files(finding);
    finding_measure(finding);
    print(finding);
    check_floats(finding);
    check_against_llama_cpp(finding);
    if (finding->verdict == VERDICT_NO) fail_msg("too far from floats");
    if (finding->of->must_hold && finding->verdict != VERDICT_YES)
        fail_msg("too far from floats: %s", verdicts[finding->verdict]);
    fixture->passed = true;
}

/* Runs after a failed test too. */
static int report_case(void **state)
{
    const struct fixture *fixture = *state;
    const struct finding *finding = &fixture->finding;
    unlink(finding->found);
    unlink(finding->exact);
    char ways[128], theirs[64] = "-\t-\t-";
    size_t n = 0;
    for (int way = 0; way < N_WAYS; way++)
        n += (size_t)snprintf(ways + n, sizeof ways - n, "\t%.1e\t%.1e\t%+.3f",
                              finding->ways[way].mean, finding->ways[way].worst,
                              100 * finding->ways[way].perplexity);
    struct record record;
    if (record_find(finding->of->model, finding_type(finding), &record))
        snprintf(theirs, sizeof theirs, "%.1e\t%.1e\t%+.3f", record.mean, record.worst,
                 100 * record.perplexity);
    report("numerics\t%s\t%s\t%s\t%s\t%.1e\t%.1f\t%.4g%s\t%s", finding->of->model,
           finding_type(finding), fixture->passed ? "passed" : "failed", verdicts[finding->verdict],
           finding_worse(finding->all_experts), finding->magnification, finding->perplexity, ways,
           theirs);
    return 0;
}

static void check_floats(const struct finding *finding)
{
    for (int way = 0; way < N_WAYS; way++)
        if (!finding_rounds(finding, way) && finding->ways[way].worst > MOST_OF_FLOATS)
            fail_msg("floats are off by %.1e", finding->ways[way].worst);
}

static void check_against_llama_cpp(const struct finding *finding)
{
    struct record theirs;
    if (!record_find(finding->of->model, finding_type(finding), &theirs)) return;
    for (int way = 0; way < N_WAYS; way++) {
        const struct distance *ours = &finding->ways[way];
        double most = theirs.mean + DEVIATIONS * hypot(ours->deviation, theirs.deviation);
        if (ours->mean > most + MOST_OF_FLOATS)
            fail_msg("%.1e from floats, llama.cpp %.1e", ours->mean, theirs.mean);
    }
}

static void print(const struct finding *finding)
{
    const struct distance *way = finding->ways;
    print_message("%s, %s: %.1e and %+.3f %% singly, %.1e and %+.3f %% at once: %s\n",
                  finding->of->model, finding_type(finding), way[SINGLY].mean,
                  100 * way[SINGLY].perplexity, way[AT_ONCE].mean, 100 * way[AT_ONCE].perplexity,
                  verdicts[finding->verdict]);
}

/* ---- for llama_cpp.py ---- */

static void write_file(const char *folder, int i, const char *suffix, const void *data,
                       size_t n_bytes)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%d.%s", folder, i, suffix);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, n_bytes, file) != n_bytes || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

static void write_case(const char *folder, int i, struct finding *finding)
{
    char path[512];
    int n_vocab;
    finding_files(finding);
    float *exact = finding_exact(finding, &n_vocab);
    size_t n = (size_t)finding->of->n_texts * N_POSITIONS;
    write_file(folder, i, "tokens", finding->of->tokens, n * sizeof *finding->of->tokens);
    write_file(folder, i, "logits", exact, n * (size_t)n_vocab * sizeof *exact);
    free(exact);
    snprintf(path, sizeof path, "%s/%d.gguf", folder, i);
    struct model_file *file = model_file_read(finding->found);
    model_file_write(file, path);
    model_file_free(file);
    unlink(finding->found);
    unlink(finding->exact);
    printf("%d\t%s\t%s\t%s\t%d\n", i, finding->of->model, finding_type(finding), finding->of->path,
           finding->of->n_texts);
}

static void write_all(const struct cases *cases, const char *folder)
{
    for (int i = 0; i < cases->n; i++) {
        struct finding finding = {.of = &cases->list[i]};
        write_case(folder, i, &finding);
    }
}

static int test_all(const struct cases *cases)
{
    struct fixture *fixtures = calloc((size_t)cases->n, sizeof *fixtures);
    struct CMUnitTest *tests = calloc((size_t)cases->n, sizeof *tests);
    if (!fixtures || !tests) return 1;
    for (int i = 0; i < cases->n; i++) {
        fixtures[i].finding.of = &cases->list[i];
        tests[i] =
            (struct CMUnitTest){cases->list[i].model, test_case, NULL, report_case, &fixtures[i]};
    }
    int n_failed = _cmocka_run_group_tests("numerics", tests, (size_t)cases->n, NULL, NULL);
    free(tests);
    free(fixtures);
    return n_failed;
}

int main(int argc, char **argv)
{
    struct kernels kernels;
    if (!kernels_init(&kernels, getenv("HEFT_CPU"))) return 1;
    bool few = IS_SANITIZED || strcmp(kernels.name, "c") == 0;
    report("numerics-run\t%s\t%s", kernels.name, few ? "some" : "all");
    struct cases *cases = cases_make(few);
    int status = 0;
    if (argc == 3 && strcmp(argv[1], "--write") == 0)
        write_all(cases, argv[2]);
    else
        status = test_all(cases);
    cases_free(cases);
    return status;
}
