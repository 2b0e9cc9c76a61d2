#include "distance.h"

#include <math.h>

static double divergence_of(const float *exact, const float *found, int n);
static double log_sum(const float *x, int n);

struct distance distance_between(const struct numeric_case *of, const float *exact,
                                 const float *found, int n_vocab)
{
    int n = of->n_texts * N_POSITIONS;
    double sum = 0, squares = 0;
    struct distance distance = {0};
    for (int i = 0; i < n; i++) {
        size_t row = (size_t)i * (size_t)n_vocab;
        double divergence = divergence_of(exact + row, found + row, n_vocab);
        sum += divergence;
        squares += divergence * divergence;
        distance.worst = fmax(distance.worst, divergence);
    }
    distance.mean = sum / n;
    distance.deviation = sqrt(fmax(0, squares / n - distance.mean * distance.mean) / n);
    distance.perplexity =
        distance_perplexity(of, found, n_vocab) / distance_perplexity(of, exact, n_vocab) - 1;
    return distance;
}

/* The last token of a text predicts none. */
double distance_perplexity(const struct numeric_case *of, const float *logits, int n_vocab)
{
    double loss = 0;
    int n = 0;
    for (int i = 0; i < of->n_texts * N_POSITIONS; i++) {
        const float *row = logits + (size_t)i * (size_t)n_vocab;
        if (i % N_POSITIONS == N_POSITIONS - 1) continue;
        loss += log_sum(row, n_vocab) - row[of->tokens[i + 1]];
        n++;
    }
    return exp(loss / n);
}

double distance_relative(const struct numeric_case *of, const float *exact, const float *found,
                         int n_vocab)
{
    double differences = 0, size = 0;
    for (int i = 0; i < of->n_texts * N_POSITIONS; i++) {
        size_t row = (size_t)i * (size_t)n_vocab;
        double mean = 0;
        for (int j = 0; j < n_vocab; j++) mean += exact[row + (size_t)j] / (double)n_vocab;
        for (int j = 0; j < n_vocab; j++) {
            double value = exact[row + (size_t)j], difference = found[row + (size_t)j] - value;
            differences += difference * difference;
            size += (value - mean) * (value - mean);
        }
    }
    return sqrt(differences / size);
}

/* Sum of p * (log p - log q); rounding must not make it negative. */
static double divergence_of(const float *exact, const float *found, int n)
{
    double of_exact = log_sum(exact, n), of_found = log_sum(found, n), sum = 0;
    for (int i = 0; i < n; i++) {
        double p = exact[i] - of_exact, q = found[i] - of_found;
        sum += exp(p) * (p - q);
    }
    return fmax(0, sum);
}

static double log_sum(const float *x, int n)
{
    double top = x[0], sum = 0;
    for (int i = 1; i < n; i++) top = fmax(top, x[i]);
    for (int i = 0; i < n; i++) sum += exp(x[i] - top);
    return top + log(sum);
}
