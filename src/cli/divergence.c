#include "cli/divergence.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/error.h"

static double between(const float *base, const float *logits, int n, bool *same_top);
static int compare(const void *a, const void *b);

heft_status divergence_open(struct divergence *divergence, const char *path, int64_t n_rows,
                            int n_vocab, heft_error *error)
{
    *divergence = (struct divergence){0};
    heft_status status = npy_open(&divergence->base, path, error);
    if (status != HEFT_OK) return status;
    if (divergence->base.n_rows != n_rows || divergence->base.n_columns != n_vocab)
        return error_set(error, HEFT_BAD_FILE,
                         "%s: it has %" PRId64 " rows of %d logits, but this run makes %" PRId64
                         " rows of %d: text, -c and --stride must be the same",
                         path, divergence->base.n_rows, divergence->base.n_columns, n_rows,
                         n_vocab);
    divergence->row = malloc((size_t)n_vocab * sizeof *divergence->row);
    divergence->values = malloc((size_t)n_rows * sizeof *divergence->values);
    if (!divergence->row || !divergence->values)
        return error_set(error, HEFT_INTERNAL, "no memory for the divergence");
    return HEFT_OK;
}

void divergence_add(struct divergence *divergence, int64_t row, const float *logits)
{
    bool same_top;
    npy_row(&divergence->base, row, divergence->row);
    divergence->values[divergence->n_values++] =
        between(divergence->row, logits, divergence->base.n_columns, &same_top);
    divergence->n_same_top += same_top;
}

struct divergence_summary divergence_summarise(struct divergence *divergence)
{
    int64_t n = divergence->n_values;
    double *values = divergence->values, sum = 0;
    for (int64_t i = 0; i < n; i++) sum += values[i];
    qsort(values, (size_t)n, sizeof *values, compare);
    return (struct divergence_summary){
        .mean = sum / (double)n,
        .median = (values[(n - 1) / 2] + values[n / 2]) / 2,
        .p99 = values[(n - 1) * 99 / 100],
        .most = values[n - 1],
        .same_top = (double)divergence->n_same_top / (double)n,
    };
}

void divergence_close(struct divergence *divergence)
{
    npy_close(&divergence->base);
    free(divergence->row);
    free(divergence->values);
}

/* Sum of p * (log p - log q) with p of the base; the highest logits are taken off before exp. */
static double between(const float *base, const float *logits, int n, bool *same_top)
{
    int top_base = 0, top = 0;
    for (int i = 1; i < n; i++) {
        if (base[i] > base[top_base]) top_base = i;
        if (logits[i] > logits[top]) top = i;
    }
    double sum_base = 0, sum = 0, mean_difference = 0;
    for (int i = 0; i < n; i++) {
        double b = (double)base[i] - base[top_base], l = (double)logits[i] - logits[top];
        double p = exp(b);
        sum_base += p;
        sum += exp(l);
        if (p > 0) mean_difference += p * (b - l);
    }
    *same_top = top == top_base;
    return fmax(0, mean_difference / sum_base - log(sum_base) + log(sum));
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}
