/* The rotation of each pair of values, in radians a position. */
#pragma once

#include "model/description.h"

/* `factors` [n_rot / 2] divide the plain frequencies (the rope_freqs tensor of llama3 scaling),
 * NULL: none. out [n_rot / 2]. */
void frequencies_fill(const struct rope_description *rope, const float *factors, double *out);
