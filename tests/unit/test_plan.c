/* The plan: sizes against published files, what fits where, how fast, and the claims of an article
 * that got them wrong. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plan/catalogue.h"
#include "plan/plan.h"

static struct catalogue *open_catalogue(void)
{
    struct catalogue *catalogue = NULL;
    heft_error error;
    if (catalogue_open(&catalogue, &error) != HEFT_OK) fail_msg("%s", error.message);
    return catalogue;
}

static struct geometry geometry_of(const struct catalogue *catalogue, const char *name)
{
    struct geometry geometry;
    heft_error error;
    int model = catalogue_find(catalogue, name);
    if (model < 0) fail_msg("%s is not in the catalogue", name);
    if (catalogue_geometry(catalogue, model, &geometry, &error) != HEFT_OK)
        fail_msg("%s", error.message);
    return geometry;
}

static void assert_near(const char *what, double is, double expected, double tolerance)
{
    if (!(fabs(is - expected) <= tolerance * fabs(expected)))
        fail_msg("%s: %.6g, expected %.6g", what, is, expected);
}

/* ---- sizes ---- */

static const char *const six[] = {"command-r-plus", "dbrx",        "mixtral-8x22b",
                                  "llama-3.1-405b", "deepseek-v3", "deepseek-r1"};
enum { N_SIX = 6 };

static void test_published_sizes(void **state)
{
    (void)state;
    static const char *const mixes[] = {"Q2_K",   "Q3_K_M", "Q4_0", "Q4_K_S",
                                        "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0"};
    struct catalogue *catalogue = open_catalogue();
    int n_compared = 0;
    for (int i = 0; i < N_SIX; i++) {
        struct geometry geometry = geometry_of(catalogue, six[i]);
        int model = catalogue_find(catalogue, six[i]);
        for (size_t j = 0; j < sizeof mixes / sizeof *mixes; j++) {
            uint64_t published = catalogue_published_bytes(catalogue, model, mixes[j]);
            struct weights weights = weights_of(&geometry, mix_find(mixes[j]));
            char what[64];
            snprintf(what, sizeof what, "%s %s", six[i], mixes[j]);
            if (getenv("SHOW"))
                printf("%-26s %8.2f %8.2f %+.2f%%\n", what, weights.all.bytes / 1e9,
                       published / 1e9,
                       published ? 100 * ((double)weights.all.bytes / published - 1) : 0);
            if (published == 0) continue;
            n_compared++;
            assert_near(what, (double)weights.all.bytes, (double)published, 0.01);
        }
        geometry_free(&geometry);
    }
    assert_int_equal(n_compared, 26);
    catalogue_close(catalogue);
}

static void test_parameters(void **state)
{
    (void)state;
    struct catalogue *catalogue = open_catalogue();
    for (int i = 0; i < catalogue_n_models(catalogue); i++) {
        if (!catalogue_has_geometry(catalogue, i)) continue;
        struct geometry geometry = geometry_of(catalogue, catalogue_id(catalogue, i));
        struct weights weights = weights_of(&geometry, mix_find("Q4_K_M"));
        if (getenv("SHOW"))
            printf("%-26s %14lu active %12.0f kv %ld win %ld x %d fixed %ld widest %ld\n",
                   geometry.name, weights.all.parameters, weights.all.token_parameters,
                   geometry.cache.token_values * 2, geometry.cache.window_token_values * 2,
                   geometry.cache.n_window, geometry.cache.fixed_bytes, geometry.widest);
        geometry_free(&geometry);
    }
    catalogue_close(catalogue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_sizes),
        cmocka_unit_test(test_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
