#include "finding.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/cpu/kernels.h"
#include "run.h"
#include "variant.h"

static void measure_ways(const struct finding *finding, const float *exact, int n_vocab,
                         struct distance ways[N_WAYS]);
static enum verdict reason_of(struct finding *finding);
static bool are_halves(const char *types);
static bool are_low(const struct finding *finding, const struct distance ways[N_WAYS]);
static bool take_all_experts(const struct finding *finding);
static double magnification_of(const struct finding *finding);

void finding_files(struct finding *finding)
{
    int process = (int)getpid();
    snprintf(finding->found, sizeof finding->found, "/tmp/heft-numerics-%d.gguf", process);
    snprintf(finding->exact, sizeof finding->exact, "/tmp/heft-numerics-%d-f32.gguf", process);
    struct model_file *file = model_file_read(finding->of->path);
    if (finding->of->dtype != AS_IT_IS) variant_pack(file, (enum dtype)finding->of->dtype);
    variant_types(file, finding->types, sizeof finding->types);
    model_file_write(file, finding->found);
    bool is_bounded = variant_is_wide(file) && strcmp(finding->types, "F32") != 0;
    finding->verdict = is_bounded ? VERDICT_NO : VERDICT_NONE;
    variant_unpack(file);
    model_file_write(file, finding->exact);
    model_file_free(file);
}

float *finding_exact(const struct finding *finding, int *n_vocab)
{
    struct run run = {finding->exact, finding->of, HEFT_KV_F32, false};
    return run_logits(&run, n_vocab);
}

void finding_measure(struct finding *finding)
{
    int n_vocab;
    float *exact = finding_exact(finding, &n_vocab);
    finding->perplexity = distance_perplexity(finding->of, exact, n_vocab);
    measure_ways(finding, exact, n_vocab, finding->ways);
    free(exact);
    if (finding->verdict == VERDICT_NONE) return;
    finding->verdict = are_low(finding, finding->ways) ? VERDICT_YES : reason_of(finding);
    if (finding->of->must_hold) finding->magnification = magnification_of(finding);
}

/* Changes the files, one thing after the other. */
static enum verdict reason_of(struct finding *finding)
{
    const struct distance *ways = finding->ways;
    if (take_all_experts(finding)) {
        int n_vocab;
        float *exact = finding_exact(finding, &n_vocab);
        measure_ways(finding, exact, n_vocab, finding->all_experts);
        free(exact);
        ways = finding->all_experts;
    }
    if (are_low(finding, ways)) return VERDICT_CHOICES;
    finding->magnification = magnification_of(finding);
    double square = finding->magnification * finding->magnification;
    bool is_explained = finding_worse(ways) / square < MOST_DIVERGENCE;
    return is_explained && !finding->of->is_trained ? VERDICT_MAGNIFIED : VERDICT_NO;
}

const char *finding_type(const struct finding *finding)
{
    if (finding->of->dtype != AS_IT_IS) return dtype_name((enum dtype)finding->of->dtype);
    return strchr(finding->types, ',') ? "mix" : finding->types;
}

bool finding_rounds(const struct finding *finding, enum way way)
{
    struct kernels kernels;
    if (strcmp(finding->types, "F32") == 0) return false;
    if (!are_halves(finding->types)) return true;
    return kernels_init(&kernels, getenv("HEFT_CPU")) && way == AT_ONCE && kernels.many[DTYPE_F16];
}

double finding_worse(const struct distance ways[N_WAYS])
{
    return fmax(ways[SINGLY].mean, ways[AT_ONCE].mean);
}

static void measure_ways(const struct finding *finding, const float *exact, int n_vocab,
                         struct distance ways[N_WAYS])
{
    for (int way = 0; way < N_WAYS; way++) {
        struct run run = {finding->found, finding->of, finding->of->kv_type, way == SINGLY};
        float *found = run_logits(&run, &n_vocab);
        ways[way] = distance_between(finding->of, exact, found, n_vocab);
        free(found);
    }
}

static bool are_halves(const char *types)
{
    return strcmp(types, "F16") == 0 || strcmp(types, "BF16") == 0 ||
           strcmp(types, "F16,BF16") == 0;
}

static bool are_low(const struct finding *finding, const struct distance ways[N_WAYS])
{
    for (int way = 0; finding->of->knows_text && way < N_WAYS; way++)
        if (fabs(ways[way].perplexity) >= MOST_PERPLEXITY) return false;
    return finding_worse(ways) < MOST_DIVERGENCE;
}

/* In both files; false if there are none. */
static bool take_all_experts(const struct finding *finding)
{
    const char *const paths[] = {finding->found, finding->exact};
    bool any = true;
    for (int i = 0; i < 2 && any; i++) {
        struct model_file *file = model_file_read(paths[i]);
        any = variant_take_all_experts(file);
        if (any) model_file_write(file, paths[i]);
        model_file_free(file);
    }
    return any;
}

/* How much more the logits of floats are changed than the embedding was, in shares of their size.
 * Rounding disturbs every product likewise, and the divergence grows with the square. */
static double magnification_of(const struct finding *finding)
{
    const double share = 1e-5;
    int n_vocab;
    float *before = finding_exact(finding, &n_vocab);
    struct model_file *file = model_file_read(finding->exact);
    variant_disturb(file, share);
    model_file_write(file, finding->exact);
    model_file_free(file);
    float *after = finding_exact(finding, &n_vocab);
    double change = distance_relative(finding->of, before, after, n_vocab);
    free(before);
    free(after);
    return change / share;
}
