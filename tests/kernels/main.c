/* Tests every tier of kernels that this machine can run, or measures them:
 *     kernels [--bench [TIER|all [TYPE|attend|all [THREADS]]]] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/kernels/peak_kernels.h"
#include "check.h"

/* Argument number i; NULL if it is missing or "all". */
static const char *choice(int n_arguments, char **arguments, int i)
{
    return i < n_arguments && strcmp(arguments[i], "all") != 0 ? arguments[i] : NULL;
}

/* What measures a tier uses no instruction that came with a later one. */
static void test_peaks(struct check *check, const struct kernels *kernels)
{
    struct peak_kernels peaks;
    peak_kernels_fill_c(&peaks);
    peak_kernels_fill_arch(&peaks, kernels->name);
    check_that(check, (peaks.bf16 != NULL) == (kernels->many[DTYPE_Q8_0] != NULL),
               "%s: products of matrices are measured without kernels for them, or not at all",
               kernels->name);
}

int main(int n_arguments, char **arguments)
{
    if (n_arguments > 1 && strcmp(arguments[1], "--bench") == 0)
        return bench(n_arguments > 4 ? atoi(arguments[4]) : 0, choice(n_arguments, arguments, 2),
                     choice(n_arguments, arguments, 3));
    struct check check = {.rng = {20}};
    for (const char *const *tier = kernels_tiers(); *tier; tier++) {
        struct kernels kernels;
        bool known = kernels_init(&kernels, *tier);
        check_that(&check, known && strcmp(kernels.name, *tier) == 0, "tier %s gives %s", *tier,
                   kernels.name);
        if (!known) continue;
        test_matmul(&check, &kernels);
        test_vectors(&check, &kernels);
        test_attend(&check, &kernels);
        test_peaks(&check, &kernels);
    }
    struct kernels kernels;
    check_that(&check, !kernels_init(&kernels, "abacus"), "an unknown tier is accepted");
    printf("kernels: %d passed, %d failed\n", check.n_passed, check.n_failed);
    return check.n_failed > 0;
}
