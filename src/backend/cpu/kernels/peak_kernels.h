/* Loops that do one thing as fast as the machine can: see peaks.h. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { PEAK_SINK_BYTES = 4096, PEAK_THREADS_MOST = 1024 };

/* Adds up the data so that all of it must be read; `n_bytes` is a multiple of 64. */
typedef uint64_t peak_read(const uint8_t *data, size_t n_bytes);

/* Keeps all arithmetic units busy for a number of rounds and returns how many operations that were.
 * The results go to `sink`, PEAK_SINK_BYTES long, so that they cannot be left out. */
typedef double peak_compute(int64_t n_rounds, void *sink);

struct peak_kernels {
    peak_read *read;
    peak_compute *f32, *int8;
    peak_compute *bf16; /* NULL: this machine does not multiply matrices */
};

void peak_kernels_fill_c(struct peak_kernels *kernels);

/* Puts in what the machine does better, up to and with the tier, which it can run. */
void peak_kernels_fill_arch(struct peak_kernels *kernels, const char *tier);
