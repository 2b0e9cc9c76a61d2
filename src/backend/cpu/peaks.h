/* The limits of this machine, measured: how fast memory can be read, how much it can compute. What
 * the engine does is stated as a share of them. */
#pragma once

#include "heft.h"

struct peaks {
    const char *tier; /* the instructions used, as kernels_tiers names them */
    int n_threads;
    size_t buffer_bytes; /* what was read */
    /* With one thread, and with n_threads. A multiplication and an addition are two operations. */
    double read_gbs[2]; /* 1e9 bytes a second */
    double f32_gops[2]; /* 1e9 operations a second */
    double int8_gops[2];
    double bf16_gops[2]; /* of matrices; 0 where the machine has no unit for them */
};

/* Of the units that multiply prompts with quantised weights. */
static inline double peaks_product_gops(const struct peaks *peaks)
{
    return peaks->bf16_gops[1] > 0 ? peaks->bf16_gops[1] : peaks->int8_gops[1];
}

/* Takes a few seconds and up to 2 GiB, at most a quarter of the memory available. `n_threads` 0:
 * one for each core. */
heft_status peaks_measure(int n_threads, struct peaks *out, heft_error *error);
