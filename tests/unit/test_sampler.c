/* Every stage of the sampler on distributions small enough to be worked out by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "sample/sampler.h"

enum { N_DRAWS = 20000, N_VOCAB_LARGE = 262144 };

static heft_sampling neutral(void)
{
    return (heft_sampling){
        .seed = 7,
        .temperature = 1,
        .top_p = 1,
        .typical_p = 1,
        .repeat_penalty = 1,
        .penalty_last_n = 64,
        .dry_base = 1.75f,
        .dry_allowed_length = 2,
        .dry_last_n = -1,
        .xtc_threshold = 0.1f,
    };
}

static struct sampler *create(const heft_sampling *sampling, int n_vocab)
{
    struct sampler *sampler;
    heft_error error;
    assert_int_equal(sampler_create(sampling, n_vocab, NULL, 0, &sampler, &error), HEFT_OK);
    return sampler;
}

/* Chi-square over the tokens with expected[i] > 0; the others must never come. 4 degrees of freedom
 * pass 23.5 once in 10000; the seed is fixed, so that the test says the same each time. */
static void check_frequencies(const heft_sampling *sampling, const double *p, int n_vocab,
                              const double *expected)
{
    struct sampler *sampler = create(sampling, n_vocab);
    int counts[16] = {0};
    for (int i = 0; i < N_DRAWS; i++) {
        float logits[16];
        for (int t = 0; t < n_vocab; t++) logits[t] = (float)log(p[t]);
        counts[sampler_pick(sampler, logits)]++;
    }
    double chi2 = 0;
    for (int t = 0; t < n_vocab; t++) {
        double mean = expected[t] * N_DRAWS;
        if (mean == 0)
            assert_int_equal(counts[t], 0);
        else
            chi2 += (counts[t] - mean) * (counts[t] - mean) / mean;
    }
    assert_true(chi2 < 23.5);
    sampler_free(sampler);
}

static const double p5[5] = {0.1, 0.4, 0.05, 0.25, 0.2};

static void test_plain_distribution(void **state)
{
    (void)state;
    heft_sampling sampling = neutral();
    check_frequencies(&sampling, p5, 5, p5);
}

static void test_temperature(void **state)
{
    (void)state;
    heft_sampling sampling = neutral();
    sampling.temperature = 0.5f; /* squares the probabilities */
    double expected[5], sum = 0;
    for (int i = 0; i < 5; i++) sum += p5[i] * p5[i];
    for (int i = 0; i < 5; i++) expected[i] = p5[i] * p5[i] / sum;
    check_frequencies(&sampling, p5, 5, expected);
    sampling.temperature = 1e-30f;
    check_frequencies(&sampling, p5, 5, (double[5]){0, 1, 0, 0, 0});
}

static void test_top_k(void **state)
{
    (void)state;
    heft_sampling sampling = neutral();
    sampling.top_k = 2;
    check_frequencies(&sampling, p5, 5, (double[5]){0, 0.4 / 0.65, 0, 0.25 / 0.65, 0});
    sampling.top_k = 1000;
    check_frequencies(&sampling, p5, 5, p5);
    /* Of equals the lower tokens stay. */
    sampling.top_k = 2;
    check_frequencies(&sampling, (double[4]){0.25, 0.25, 0.25, 0.25}, 4,
                      (double[4]){0.5, 0.5, 0, 0});
}

static void test_top_p(void **state)
{
    (void)state;
    heft_sampling sampling = neutral();
    sampling.top_p = 0.6f; /* 0.4, 0.65: two are enough */
    check_frequencies(&sampling, p5, 5, (double[5]){0, 0.4 / 0.65, 0, 0.25 / 0.65, 0});
    sampling.top_p = 0;
    check_frequencies(&sampling, p5, 5, (double[5]){0, 1, 0, 0, 0});
    sampling.top_p = 0.97f;
    check_frequencies(&sampling, p5, 5, p5);
}

static void test_min_p(void **state)
{
    (void)state;
    heft_sampling sampling = neutral();
    sampling.min_p = 0.45f; /* 0.18 and more */
    check_frequencies(&sampling, p5, 5, (double[5]){0, 0.4 / 0.85, 0, 0.25 / 0.85, 0.2 / 0.85});
    sampling.min_p = 1;
    check_frequencies(&sampling, p5, 5, (double[5]){0, 1, 0, 0, 0});
}

/* The entropy of p5 is 1.4150: the surprises 2.303 0.916 2.996 1.386 1.609 are 0.888 0.499 1.581
 * 0.029 0.194 away, so the order is 3, 4, 1, 0, 2. */
static void test_typical(void **state)
{
    (void)state;
    heft_sampling sampling = neutral();
    sampling.typical_p = 0.4f;
    check_frequencies(&sampling, p5, 5, (double[5]){0, 0, 0, 0.25 / 0.45, 0.2 / 0.45});
    sampling.typical_p = 0.5f;
    check_frequencies(&sampling, p5, 5, (double[5]){0, 0.4 / 0.85, 0, 0.25 / 0.85, 0.2 / 0.85});
}

static void test_xtc(void **state)
{
    (void)state;
    heft_sampling sampling = neutral();
    sampling.xtc_threshold = 0.15f; /* 1, 3, 4 reach it: only 4 of them stays */
    sampling.xtc_probability = 1;
    check_frequencies(&sampling, p5, 5, (double[5]){0.1 / 0.35, 0, 0.05 / 0.35, 0, 0.2 / 0.35});
    sampling.xtc_probability = 0.5f;
    double half[5];
    const double excluded[5] = {0.1 / 0.35, 0, 0.05 / 0.35, 0, 0.2 / 0.35};
    for (int i = 0; i < 5; i++) half[i] = (p5[i] + excluded[i]) / 2;
    check_frequencies(&sampling, p5, 5, half);
    sampling.xtc_probability = 1;
    sampling.xtc_threshold = 0.3f; /* one alone is not excluded */
    check_frequencies(&sampling, p5, 5, p5);
}

static void test_stages_in_order(void **state)
{
    (void)state;
    heft_sampling sampling = neutral();
    sampling.top_k = 3;    /* 1, 3, 4 become 0.47 0.29 0.24 */
    sampling.top_p = 0.7f; /* 1, 3: with all five tokens it would take three */
    check_frequencies(&sampling, p5, 5, (double[5]){0, 0.4 / 0.65, 0, 0.25 / 0.65, 0});
}

static void test_greedy(void **state)
{
    (void)state;
    heft_sampling sampling = neutral();
    sampling.temperature = 0;
    sampling.xtc_probability = 1;
    struct sampler *sampler = create(&sampling, 4);
    float logits[4] = {1, 3, 3, -1};
    assert_int_equal(sampler_pick(sampler, logits), 1);
    float broken[4] = {NAN, -INFINITY, -5, NAN};
    assert_int_equal(sampler_pick(sampler, broken), 2);
    float impossible[4] = {NAN, -INFINITY, -INFINITY, NAN};
    assert_int_equal(sampler_pick(sampler, impossible), 0);
    sampler_free(sampler);
}

static void test_hard_logits_when_sampling(void **state)
{
    (void)state;
    heft_sampling sampling = neutral();
    sampling.top_k = 3;
    sampling.top_p = 0.9f;
    sampling.typical_p = 0.9f;
    sampling.min_p = 0.1f;
    struct sampler *sampler = create(&sampling, 4);
    float broken[4] = {NAN, -INFINITY, -5, NAN};
    assert_int_equal(sampler_pick(sampler, broken), 2);
    float impossible[4] = {NAN, -INFINITY, -INFINITY, NAN};
    assert_int_equal(sampler_pick(sampler, impossible), 0);
    float infinite[4] = {1, INFINITY, 3, NAN};
    assert_int_equal(sampler_pick(sampler, infinite), 1);
    float largest[4] = {3e38f, -3e38f, 3.1e38f, 0};
    assert_int_equal(sampler_pick(sampler, largest), 2);
    sampler_free(sampler);
}

static void test_bias(void **state)
{
    (void)state;
    heft_logit_bias biases[] = {{1, -INFINITY}, {2, (float)log(8)}, {2, 0}};
    heft_sampling sampling = neutral();
    sampling.biases = biases;
    sampling.n_biases = 3;
    check_frequencies(&sampling, p5, 5,
                      (double[5]){0.1 / 0.95, 0, 0.4 / 0.95, 0.25 / 0.95, 0.2 / 0.95});
}

static void check_logits(const float *logits, const float *expected, int n)
{
    for (int i = 0; i < n; i++) assert_float_equal(logits[i], expected[i], 1e-5f);
}

static void test_penalties(void **state)
{
    (void)state;
    heft_sampling sampling = neutral();
    sampling.temperature = 0;
    sampling.repeat_penalty = 2;
    sampling.presence_penalty = 0.5f;
    sampling.frequency_penalty = 0.25f;
    sampling.penalty_last_n = 3;
    struct sampler *sampler = create(&sampling, 4);
    const int32_t tokens[] = {0, 1,  2,
                              1, 99, -1}; /* 0 has left the window, the last two are no tokens */
    for (int i = 0; i < 6; i++) sampler_accept(sampler, tokens[i]);
    float logits[4] = {1, 4, -1, 3};
    assert_int_equal(sampler_pick(sampler, logits), 3);
    check_logits(logits, (float[4]){1, 2 - 0.5f - 0.5f, -2 - 0.25f - 0.5f, 3}, 4);

    sampler_reset(sampler);
    float untouched[4] = {1, 4, -1, 3};
    assert_int_equal(sampler_pick(sampler, untouched), 1);
    check_logits(untouched, (float[4]){1, 4, -1, 3}, 4);
    sampler_free(sampler);
}

static void test_penalties_forget(void **state)
{
    (void)state;
    heft_sampling sampling = neutral();
    sampling.temperature = 0;
    sampling.presence_penalty = 10;
    sampling.penalty_last_n = 1;
    sampling.dry_multiplier =
        1e-6f; /* makes the ring longer than the window, and does nothing else */
    struct sampler *sampler = create(&sampling, 2);
    for (int i = 0; i < 10; i++) {
        float logits[2] = {1, 0};
        assert_int_equal(sampler_pick(sampler, logits), i % 2);
    }
    sampler_free(sampler);
}

static struct sampler *create_dry(int last_n, const int32_t *breakers, int n_breakers)
{
    heft_sampling sampling = neutral();
    sampling.temperature = 0;
    sampling.dry_multiplier = 0.5f;
    sampling.dry_base = 2;
    sampling.dry_last_n = last_n;
    struct sampler *sampler;
    assert_int_equal(sampler_create(&sampling, 8, breakers, n_breakers, &sampler, NULL), HEFT_OK);
    return sampler;
}

static void accept_all(struct sampler *sampler, const int32_t *tokens, int n)
{
    for (int i = 0; i < n; i++) sampler_accept(sampler, tokens[i]);
}

static void test_dry(void **state)
{
    (void)state;
    const int32_t tokens[] = {1, 2, 3, 4, 5, 2, 3, 6, 1, 2, 3};
    struct sampler *sampler = create_dry(-1, NULL, 0);
    accept_all(sampler, tokens, 11);
    float logits[8] = {9};
    sampler_pick(sampler, logits);
    /* 1 2 3 was followed by 4: 0.5 * 2^(3-2). 2 3 was followed by 6: 0.5 * 2^0. */
    check_logits(logits, (float[8]){9, 0, 0, 0, -1, 0, -0.5f, 0}, 8);
    sampler_free(sampler);

    /* Only the last 7 tokens: the first 1 2 3 4 is out of sight. */
    sampler = create_dry(7, NULL, 0);
    accept_all(sampler, tokens, 11);
    float windowed[8] = {9};
    sampler_pick(sampler, windowed);
    check_logits(windowed, (float[8]){9, 0, 0, 0, 0, 0, -0.5f, 0}, 8);
    sampler_free(sampler);
}

static void test_dry_breaker(void **state)
{
    (void)state;
    const int32_t tokens[] = {1, 2, 3, 4, 5, 1, 2, 3};
    const int32_t one[] = {1, -1, 100}, three[] = {3};
    struct sampler *sampler = create_dry(-1, one, 3);
    accept_all(sampler, tokens, 8);
    float logits[8] = {9};
    sampler_pick(sampler, logits);
    check_logits(logits, (float[8]){9, 0, 0, 0, -0.5f, 0, 0, 0},
                 8); /* 2 3 counts, the breaker does not */
    sampler_free(sampler);

    sampler = create_dry(-1, three, 1);
    accept_all(sampler, tokens, 8);
    float broken[8] = {9};
    sampler_pick(sampler, broken);
    check_logits(broken, (float[8]){9}, 8);
    sampler_free(sampler);
}

/* A run of one token matches itself at every length; the penalty stays finite. */
static void test_dry_long_run(void **state)
{
    (void)state;
    struct sampler *sampler = create_dry(-1, NULL, 0);
    for (int i = 0; i < 5000; i++) sampler_accept(sampler, 1);
    float logits[8] = {-4, 1e20f};
    assert_int_equal(sampler_pick(sampler, logits), 2);
    assert_true(isfinite(logits[1]));
    sampler_free(sampler);
}

/* Straight from the definition, against the linear algorithm. */
static void test_dry_against_definition(void **state)
{
    (void)state;
    struct rng rng = {3};
    for (int round = 0; round < 300; round++) {
        int32_t tokens[40];
        int n = 1 + (int)(rng_next(&rng) % 40), longest[8] = {0};
        for (int i = 0; i < n; i++) tokens[i] = (int32_t)(rng_next(&rng) % 3);
        for (int end = 0; end + 1 < n; end++) {
            int length = 0;
            while (length <= end && tokens[end - length] == tokens[n - 1 - length]) length++;
            if (length > longest[tokens[end + 1]]) longest[tokens[end + 1]] = length;
        }
        struct sampler *sampler = create_dry(-1, NULL, 0);
        accept_all(sampler, tokens, n);
        float logits[8] = {0}, expected[8] = {0};
        for (int t = 0; t < 8; t++)
            if (longest[t] >= 2) expected[t] = -0.5f * powf(2, (float)(longest[t] - 2));
        sampler_pick(sampler, logits);
        for (int t = 0; t < 8; t++)
            assert_float_equal(logits[t] / fminf(expected[t], -1),
                               expected[t] / fminf(expected[t], -1), 1e-5f);
        sampler_free(sampler);
    }
}

static void test_seed(void **state)
{
    (void)state;
    heft_sampling sampling = neutral();
    struct sampler *a = create(&sampling, 5), *b = create(&sampling, 5);
    sampling.seed = 8;
    struct sampler *c = create(&sampling, 5);
    int first[64], n_equal = 0;
    for (int i = 0; i < 64; i++) {
        float x[5] = {0}, y[5] = {0}, z[5] = {0};
        first[i] = sampler_pick(a, x);
        assert_int_equal(first[i], sampler_pick(b, y));
        n_equal += first[i] == sampler_pick(c, z);
    }
    assert_true(n_equal < 40);
    sampler_reset(a);
    for (int i = 0; i < 64; i++) {
        float x[5] = {0};
        assert_int_equal(first[i], sampler_pick(a, x));
    }
    sampler_free(a);
    sampler_free(b);
    sampler_free(c);
}

/* top-k, top-p and min-p over a real vocabulary, against sorting by hand. */
static void test_large_vocabulary(void **state)
{
    (void)state;
    static float logits[N_VOCAB_LARGE];
    heft_sampling sampling = neutral();
    sampling.top_k = 40;
    struct sampler *narrow = create(&sampling, N_VOCAB_LARGE);
    sampling.top_k = 0;
    sampling.top_p = 0.9f;
    struct sampler *wide = create(&sampling, N_VOCAB_LARGE);
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < N_VOCAB_LARGE; i++) logits[i] = (float)(i * 7919LL % N_VOCAB_LARGE);
        int32_t token = sampler_pick(narrow, logits);
        assert_true(token * 7919LL % N_VOCAB_LARGE >= N_VOCAB_LARGE - 40);
        token = sampler_pick(wide, logits);
        assert_true(token * 7919LL % N_VOCAB_LARGE >= N_VOCAB_LARGE - 3);
    }
    sampler_free(narrow);
    sampler_free(wide);
}

static void refuse(heft_sampling sampling, const char *name)
{
    struct sampler *sampler;
    heft_error error = {0};
    assert_int_equal(sampler_create(&sampling, 5, NULL, 0, &sampler, &error), HEFT_USAGE);
    assert_null(sampler);
    assert_non_null(strstr(error.message, name));
    assert_int_equal(sampler_create(&sampling, 5, NULL, 0, &sampler, NULL), HEFT_USAGE);
}

static void test_invalid_settings(void **state)
{
    (void)state;
#define REFUSE(field, wrong)                                                                       \
    do {                                                                                           \
        heft_sampling sampling = neutral();                                                        \
        sampling.field = wrong;                                                                    \
        refuse(sampling, #field);                                                                  \
    } while (0)
    REFUSE(temperature, -1);
    REFUSE(temperature, NAN);
    REFUSE(top_k, -1);
    REFUSE(top_p, 1.5f);
    REFUSE(min_p, -0.1f);
    REFUSE(typical_p, 2);
    REFUSE(repeat_penalty, 0);
    REFUSE(presence_penalty, INFINITY);
    REFUSE(frequency_penalty, -INFINITY);
    REFUSE(penalty_last_n, -2);
    REFUSE(dry_multiplier, -1);
    REFUSE(dry_base, 0.5f);
    REFUSE(dry_allowed_length, 0);
    REFUSE(dry_last_n, -2);
    REFUSE(xtc_probability, 1.1f);
    REFUSE(xtc_threshold, NAN);
    REFUSE(n_biases, 1);
#undef REFUSE
    heft_logit_bias outside = {5, 1}, nan = {1, NAN};
    heft_sampling sampling = neutral();
    sampling.n_biases = 1;
    sampling.biases = &outside;
    refuse(sampling, "token 5");
    sampling.biases = &nan;
    refuse(sampling, "token 1");
}

static void test_logprobs(void **state)
{
    (void)state;
    float logits[5], logprobs[7];
    int32_t tokens[7];
    for (int i = 0; i < 5; i++) logits[i] = (float)log(p5[i]) + 80;
    assert_float_equal(sampler_logprobs(logits, 5, 3, tokens, logprobs), 80, 1e-5f);
    assert_memory_equal(tokens, ((int32_t[]){1, 3, 4}), 3 * sizeof *tokens);
    for (int i = 0; i < 3; i++) assert_float_equal(logprobs[i], logf((float)p5[tokens[i]]), 1e-5f);

    sampler_logprobs(logits, 5, 7, tokens, logprobs);
    assert_memory_equal(tokens, ((int32_t[]){1, 3, 4, 0, 2, -1, -1}), sizeof tokens);
    assert_true(isinf(logprobs[6]));

    float broken[3] = {NAN, 0, -INFINITY};
    assert_float_equal(sampler_logprobs(broken, 3, 3, tokens, logprobs), 0, 0);
    assert_int_equal(tokens[0], 1);
    assert_float_equal(logprobs[0], 0, 0);
    assert_true(isinf(logprobs[1]));
    assert_float_equal(sampler_logprobs(logits, 5, 0, NULL, NULL), 80, 1e-5f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_distribution),
        cmocka_unit_test(test_temperature),
        cmocka_unit_test(test_top_k),
        cmocka_unit_test(test_top_p),
        cmocka_unit_test(test_min_p),
        cmocka_unit_test(test_typical),
        cmocka_unit_test(test_xtc),
        cmocka_unit_test(test_stages_in_order),
        cmocka_unit_test(test_greedy),
        cmocka_unit_test(test_hard_logits_when_sampling),
        cmocka_unit_test(test_bias),
        cmocka_unit_test(test_penalties),
        cmocka_unit_test(test_penalties_forget),
        cmocka_unit_test(test_dry),
        cmocka_unit_test(test_dry_breaker),
        cmocka_unit_test(test_dry_long_run),
        cmocka_unit_test(test_dry_against_definition),
        cmocka_unit_test(test_seed),
        cmocka_unit_test(test_large_vocabulary),
        cmocka_unit_test(test_invalid_settings),
        cmocka_unit_test(test_logprobs),
    };
    return cmocka_run_group_tests_name("sampler", tests, NULL, NULL);
}
