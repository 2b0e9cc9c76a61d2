/* Number formats against the fixtures of make_blocks.py, bit for bit. Run from the repository root.
 */
#include <ctype.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../report.h"
#include "base/rng.h"
#include "tensor/block.h"
#include "tensor/dtype.h"
#include "tensor/half.h"

enum { FIXTURE_BYTES = 1 << 16 };

/* "blocks", DTYPE_Q4_K: tests/unit/data/blocks-q4_k.bin; the caller frees it. */
static uint8_t *read_fixture(const char *kind, enum dtype dtype, size_t *n_bytes)
{
    char path[128], name[16] = "";
    for (int i = 0; dtype_name(dtype)[i]; i++) name[i] = (char)tolower(dtype_name(dtype)[i]);
    snprintf(path, sizeof path, "tests/unit/data/%s-%s.bin", kind, name);
    FILE *file = fopen(path, "rb");
    if (!file) fail_msg("%s is missing", path);
    uint8_t *data = malloc(FIXTURE_BYTES);
    assert_non_null(data);
    *n_bytes = fread(data, 1, FIXTURE_BYTES, file);
    fclose(file);
    return data;
}

/* How many values a fixture of blocks and float32 values has. */
static int64_t values_in(enum dtype dtype, size_t n_bytes)
{
    const struct dtype_info *info = dtype_info(dtype);
    size_t pair_bytes = (size_t)info->block_bytes + (size_t)info->block_values * sizeof(float);
    assert_int_equal(n_bytes % pair_bytes, 0);
    return (int64_t)(n_bytes / pair_bytes) * info->block_values;
}

static void unpacks_every_type_that_runs(void **state)
{
    (void)state;
    for (int dtype = 0; dtype < DTYPE_LIMIT; dtype++) {
        const struct dtype_info *info = dtype_info(dtype);
        if (!info || !info->runs) continue;
        size_t n_bytes;
        uint8_t *fixture = read_fixture("blocks", dtype, &n_bytes);
        int64_t n = values_in(dtype, n_bytes);
        assert_true(n >= 256);
        size_t n_values_bytes = (size_t)n * sizeof(float);
        float *values = malloc(n_values_bytes);
        assert_non_null(values);
        dtype_unpack(dtype, fixture, values, n);
        bool same = memcmp(values, fixture + n_bytes - n_values_bytes, n_values_bytes) == 0;
        report("unpack\t%s\t%s", info->name, same ? "passed" : "failed");
        if (!same) fail_msg("%s differs", info->name);
        free(values);
        free(fixture);
    }
}

static void packs_as_the_reference_does(void **state)
{
    (void)state;
    static const enum dtype dtypes[] = {DTYPE_F16,   DTYPE_BF16, DTYPE_Q8_0, DTYPE_Q4_0,
                                        DTYPE_Q4_1,  DTYPE_Q5_0, DTYPE_Q5_1, DTYPE_MXFP4,
                                        DTYPE_TQ1_0, DTYPE_TQ2_0};
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
        size_t n_bytes;
        uint8_t *fixture = read_fixture("packed", dtypes[i], &n_bytes);
        int64_t n = values_in(dtypes[i], n_bytes);
        size_t n_packed = dtype_bytes(dtypes[i], n);
        uint8_t *packed = malloc(n_packed);
        assert_non_null(packed);
        dtype_pack(dtypes[i], (const float *)fixture, packed, n);
        if (memcmp(packed, fixture + n_bytes - n_packed, n_packed) != 0)
            fail_msg("%s differs", dtype_name(dtypes[i]));
        free(packed);
        free(fixture);
    }
}

/* Standard normal by the sum of uniforms, good enough for an error bound. */
static void fill_normal(float *x, int n)
{
    struct rng rng = {1};
    for (int i = 0; i < n; i++) {
        double sum = -6;
        for (int k = 0; k < 12; k++) sum += rng_uniform(&rng);
        x[i] = (float)sum;
    }
}

static void pack_and_unpack(enum dtype dtype, const float *x, float *back, int n)
{
    uint8_t *packed = malloc(dtype_bytes(dtype, n));
    assert_non_null(packed);
    dtype_pack(dtype, x, packed, n);
    dtype_unpack(dtype, packed, back, n);
    free(packed);
}

static double distance(const float *x, const float *y, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += (double)(x[i] - y[i]) * (double)(x[i] - y[i]);
    return sqrt(sum / n);
}

/* Root mean square of what packing loses, for values of deviation 1. */
static double packing_error(enum dtype dtype, const float *x, int n)
{
    float *back = malloc((size_t)n * sizeof *back);
    assert_non_null(back);
    pack_and_unpack(dtype, x, back, n);
    double error = distance(x, back, n);
    free(back);
    return error;
}

static void packing_loses_little(void **state)
{
    (void)state;
    static const struct {
        enum dtype dtype;
        double error;
    } bounds[] = {
        {DTYPE_F32, 0},        {DTYPE_F16, 3e-4},     {DTYPE_BF16, 2e-3},    {DTYPE_Q8_0, 6e-3},
        {DTYPE_Q4_0, 0.09},    {DTYPE_Q4_1, 0.08},    {DTYPE_Q5_0, 0.045},   {DTYPE_Q5_1, 0.04},
        {DTYPE_Q4_K, 0.074},   {DTYPE_Q5_K, 0.037},   {DTYPE_Q6_K, 0.018},   {DTYPE_Q2_K, 0.28},
        {DTYPE_Q3_K, 0.15},    {DTYPE_IQ4_NL, 0.075}, {DTYPE_IQ4_XS, 0.076}, {DTYPE_MXFP4, 0.12},
        {DTYPE_NVFP4, 0.087},  {DTYPE_TQ1_0, 0.85},   {DTYPE_TQ2_0, 0.85},   {DTYPE_IQ3_S, 0.135},
        {DTYPE_IQ3_XXS, 0.19}, {DTYPE_IQ2_S, 0.25},   {DTYPE_IQ2_XS, 0.3},   {DTYPE_IQ2_XXS, 0.345},
        {DTYPE_IQ1_M, 0.43},   {DTYPE_IQ1_S, 0.47},
    };
    enum { N = 4096 };
    static float x[N];
    fill_normal(x, N);
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        double error = packing_error(bounds[i].dtype, x, N);
        if (error > bounds[i].error) fail_msg("%s loses %g", dtype_name(bounds[i].dtype), error);
    }
}

/* What has been packed once is not lost again: the search finds the very scales it chose. */
static void packs_what_it_has_unpacked(void **state)
{
    (void)state;
    enum { N = 1024 };
    float x[N], once[N], twice[N];
    fill_normal(x, N);
    for (int dtype = 0; dtype < DTYPE_LIMIT; dtype++) {
        if (!dtype_can_pack(dtype)) continue;
        pack_and_unpack(dtype, x, once, N);
        pack_and_unpack(dtype, once, twice, N);
        if (distance(once, twice, N) > 1e-6) fail_msg("%s changes twice", dtype_name(dtype));
    }
}

/* The offset of a K group cannot be positive, so that values far from zero get coarser steps. */
static void packs_values_of_one_sign(void **state)
{
    (void)state;
    static const enum dtype dtypes[] = {DTYPE_Q4_K, DTYPE_Q5_K, DTYPE_Q6_K};
    struct rng rng = {2};
    float x[1024];
    for (int sign = -1; sign <= 1; sign += 2) {
        for (int i = 0; i < 1024; i++) x[i] = (float)(sign * (1 + rng_uniform(&rng)));
        for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
            assert_true(packing_error(dtypes[i], x, 1024) < 0.045);
    }
}

/* Zeros, one sign, huge, tiny and broken values: no type may trap, and finite ones must stay
 * finite. */
static void packs_awkward_values(void **state)
{
    (void)state;
    static const float awkward[] = {0, -0.0f, 1, -1, 6e4f, -6e4f, 1e-30f, 1e-42f, INFINITY, NAN};
    for (int dtype = 0; dtype < DTYPE_LIMIT; dtype++) {
        if (!dtype_can_pack(dtype)) continue;
        /* E2M1 ends at 6 times its scale: MXFP4 gives a quarter away, NVFP4 has 448 for scales. */
        float share = dtype == DTYPE_MXFP4 ? 0.25f : dtype == DTYPE_NVFP4 ? 0.96f : 0.02f;
        for (size_t i = 0; i < sizeof awkward / sizeof *awkward; i++) {
            float x[256], back[256];
            uint16_t packed[512];
            for (int k = 0; k < 256; k++) x[k] = awkward[i];
            dtype_pack(dtype, x, packed, 256);
            dtype_unpack(dtype, packed, back, 256);
            if (!isfinite(awkward[i])) continue;
            for (int k = 0; k < 256; k++)
                assert_true(fabsf(back[k] - x[k]) <= share * fabsf(x[k]) + 1e-7f);
        }
    }
}

/* Values of all sizes next to each other: none may grow, all must stay finite. */
static void packs_wild_values(void **state)
{
    (void)state;
    enum { N = 1024 };
    struct rng rng = {3};
    float x[N], back[N];
    for (int i = 0; i < N; i++) {
        float size = ldexpf(1, (int)(rng_next(&rng) % 60) - 44);
        x[i] = rng_next(&rng) % 8 == 0 ? 0 : size * (float)(2 * rng_uniform(&rng) - 1);
    }
    for (int dtype = 0; dtype < DTYPE_LIMIT; dtype++) {
        if (!dtype_can_pack(dtype)) continue;
        pack_and_unpack(dtype, x, back, N);
        for (int i = 0; i < N; i++) assert_true(fabsf(back[i]) <= 2 * 65536);
    }
}

static void halves_survive_the_way_up_and_down(void **state)
{
    (void)state;
    for (uint32_t half = 0; half < 65536; half++) {
        float x = f16_to_f32((uint16_t)half);
        bool is_nan = (half & 0x7fff) > 0x7c00;
        assert_int_equal(isnan(x) != 0, is_nan);
        assert_int_equal(f32_to_f16(x), is_nan ? half | 0x200 : half); /* a NaN becomes quiet */
        float y = bf16_to_f32((uint16_t)half);
        assert_int_equal(f32_to_bf16(y), isnan(y) ? half | 0x40 : half);
    }
}

/* Between two neighbours: to the nearer one, and in the middle to the even one. */
static void halves_round_to_even(void **state)
{
    (void)state;
    for (uint16_t half = 0; half < 0x7bff; half++) {
        float low = f16_to_f32(half), high = f16_to_f32((uint16_t)(half + 1));
        float middle = low + (high - low) / 2;
        assert_int_equal(f32_to_f16(middle), half & 1 ? half + 1 : half);
        assert_int_equal(f32_to_f16(nextafterf(middle, 0)), half);
        assert_int_equal(f32_to_f16(nextafterf(middle, INFINITY)), half + 1);
        assert_int_equal(f32_to_f16(-nextafterf(middle, INFINITY)), 0x8000 | (half + 1));
    }
    assert_int_equal(f32_to_f16(65519.99f), 0x7bff);
    assert_int_equal(f32_to_f16(65520), 0x7c00);
    assert_int_equal(f32_to_f16(INFINITY), 0x7c00);
    assert_int_equal(f32_to_bf16(float_of_bits(0x3f808000)), 0x3f80);
    assert_int_equal(f32_to_bf16(float_of_bits(0x3f818000)), 0x3f82);
    assert_int_equal(f32_to_bf16(float_of_bits(0x7f7fffff)), 0x7f80);
}

static void describes_types(void **state)
{
    (void)state;
    assert_null(dtype_info(-1));
    assert_null(dtype_info(DTYPE_LIMIT));
    assert_null(dtype_info(4)); /* Q4_2, withdrawn */
    assert_null(dtype_info(INT64_MAX));
    assert_string_equal(dtype_name(DTYPE_Q4_K), "Q4_K");
    assert_int_equal(dtype_bytes(DTYPE_Q6_K, 512), 2 * sizeof(struct block_q6_k));
    assert_int_equal(dtype_bytes(DTYPE_I64, 3), 24);
    assert_false(dtype_info(DTYPE_I32)->runs);
    assert_false(dtype_can_pack(DTYPE_Q8_K));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unpacks_every_type_that_runs),
        cmocka_unit_test(packs_as_the_reference_does),
        cmocka_unit_test(packing_loses_little),
        cmocka_unit_test(packs_what_it_has_unpacked),
        cmocka_unit_test(packs_values_of_one_sign),
        cmocka_unit_test(packs_awkward_values),
        cmocka_unit_test(packs_wild_values),
        cmocka_unit_test(halves_survive_the_way_up_and_down),
        cmocka_unit_test(halves_round_to_even),
        cmocka_unit_test(describes_types),
    };
    return cmocka_run_group_tests_name("unpack", tests, NULL, NULL);
}
