#include "model/frequencies.h"

#include <math.h>

static const double TWO_PI = 6.283185307179586;

static double yarn_pair(const struct rope_description *rope, double turns);

/* YaRN (arXiv 2309.00071, 3.2): pairs that turn often within the original context keep their speed,
 * those that turn less than once are slowed by the factor, with a ramp between. */
void frequencies_fill(const struct rope_description *rope, const float *factors, double *out)
{
    int n_pairs = rope->n_rot / 2;
    double low = 0, high = 0;
    if (rope->scaling == SCALING_YARN) {
        low = fmax(floor(yarn_pair(rope, rope->beta_fast)), 0);
        high = fmin(ceil(yarn_pair(rope, rope->beta_slow)), rope->n_rot - 1);
    }
    for (int i = 0; i < n_pairs; i++) {
        double f = pow(rope->theta, -2.0 * i / rope->n_rot);
        if (factors) f /= factors[i];
        if (rope->scaling == SCALING_LINEAR) f /= rope->factor;
        if (rope->scaling == SCALING_YARN) {
            double ramp = fmin(fmax((i - low) / fmax(high - low, 0.001), 0), 1);
            f *= 1 - ramp + ramp / rope->factor;
        }
        out[i] = f;
    }
}

/* The pair that makes so many turns within the original context. */
static double yarn_pair(const struct rope_description *rope, double turns)
{
    return rope->n_rot * log(rope->original_context / (turns * TWO_PI)) / (2 * log(rope->theta));
}
