/* What the parts of the kernel test share. The program stands alone, without a test library, so
 * that it also runs cross-compiled under an emulator. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "backend/cpu/kernels.h"
#include "base/rng.h"

struct check {
    int n_passed, n_failed;
    struct rng rng;
};

/* Counts, and prints the sentence if the condition does not hold. */
void check_that(struct check *check, bool holds, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* In [low, high]. */
int check_int(struct check *check, int low, int high);
/* In [-1, 1). */
float check_float(struct check *check);

void *check_alloc(size_t n_bytes);

/* A weight of random bits whose scales are numbers, at an address as odd as a file may give. */
struct weight {
    void *memory;
    const char *rows;
    size_t row_bytes;
    enum dtype dtype;
    int n_rows, k;
};

struct weight weight_random(struct check *check, enum dtype dtype, int n_rows, int k);
void weight_free(struct weight *weight);

void test_matmul(struct check *check, const struct kernels *kernels);
void test_attend(struct check *check, const struct kernels *kernels);
void test_vectors(struct check *check, const struct kernels *kernels);

struct peak_kernels;
void bench_attend(const struct kernels *kernels, const struct peak_kernels *peaks);

/* All cores, tiers and types but for 0 and NULL. */
int bench(int n_threads, const char *only_tier, const char *only_type);
