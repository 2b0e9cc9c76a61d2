/* Model files that lie: whatever a number in the metadata or a tensor is changed to, opening gives
 * a sentence that names the file and the field, or a model that runs. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "heft.h"
#include "model_file.h"

enum { N_TOKENS = 80 };

static const char *const MODELS[] = {
    "tests/golden/data/llama-a.gguf",    "tests/golden/data/llama-c.gguf",
    "tests/golden/data/deepseek-b.gguf", "tests/golden/data/deepseek-c.gguf",
    "tests/golden/data/deepseek-e.gguf",
};

static char path[] = "/tmp/heft-model-XXXXXX";

static int make_path(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_path(void **state)
{
    (void)state;
    return unlink(path);
}

static void run_steps(heft_engine *engine)
{
    heft_info info;
    heft_session *session;
    heft_error error;
    int32_t tokens[N_TOKENS];
    heft_engine_info(engine, &info);
    float *logits = calloc((size_t)info.n_vocab, sizeof *logits);
    assert_non_null(logits);
    for (int i = 0; i < N_TOKENS; i++) tokens[i] = i * 7 % info.n_vocab;
    if (heft_session_create(engine, &session, &error) != HEFT_OK) fail_msg("%s", error.message);
    int n = info.n_ctx < N_TOKENS ? info.n_ctx : N_TOKENS;
    for (int i = 0, step; i < n; i += step) {
        step = i == 0 ? (n + 1) / 2 : 1;
        heft_work work = {session, tokens + i, step, logits, 1};
        heft_status status = heft_step(engine, &work, 1, &error);
        if (status == HEFT_BAD_FILE && strstr(error.message, "not finite numbers")) break;
        if (status != HEFT_OK) fail_msg("%s", error.message);
        for (int j = 0; j < info.n_vocab; j++) assert_true(isfinite(logits[j]));
    }
    heft_session_free(session);
    free(logits);
}

/* Numbers contradict each other, so the one that is named need not be the one that was changed. */
static bool names_a_field(const char *message, const char *field)
{
    const char *const others[] = {"tensor ", "llama.", "deepseek2."};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strstr(message, others[i])) return true;
    return strstr(message, field) != NULL;
}

/* True if it opens; then it also runs. `field` NULL: the sentence may name any. */
static bool opens(const struct model_file *file, const char *field)
{
    heft_options options = heft_options_default();
    options.model = path;
    options.n_ctx = 96;
    options.n_threads = 1;
    heft_engine *engine = NULL;
    heft_error error = {0};
    model_file_write(file, path);
    heft_status status = heft_engine_open(&options, &engine, &error);
    if (status == HEFT_OK) {
        run_steps(engine);
        heft_engine_close(engine);
        return true;
    }
    assert_int_equal(status, error.status);
    if (status != HEFT_BAD_FILE || !strstr(error.message, path) || strchr(error.message, '\n'))
        fail_msg("status %d for %s: %s", status, field ? field : "?", error.message);
    if (field && !names_a_field(error.message, field))
        fail_msg("%s is not named: %s", field, error.message);
    return false;
}

/* ---- metadata ---- */

static void try_value(struct model_file *file, const char *key, enum gguf_type type,
                      const void *bytes, size_t n_bytes)
{
    struct model_value *value = model_file_value(file, key);
    struct model_value saved = *value;
    value->bytes = NULL;
    model_file_set(file, key, type, bytes, n_bytes);
    opens(file, key);
    free(value->bytes);
    *value = saved;
}

static void try_integers(struct model_file *file, const char *key)
{
    static const int64_t numbers[] = {
        -1, 0, 1, 2, 3, 17, 1024, 1025, 1 << 20, INT32_MAX, 1LL << 32, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        try_value(file, key, GGUF_I64, &numbers[i], sizeof numbers[i]);
    struct {
        uint32_t element;
        uint32_t n[2];
        int32_t items[2];
    } unequal = {GGUF_I32, {2, 0}, {1, 2}}, empty = {GGUF_I32, {0, 0}, {0, 0}};
    try_value(file, key, GGUF_ARRAY, &unequal, sizeof unequal);
    try_value(file, key, GGUF_ARRAY, &empty, 12);
}

static void try_floats(struct model_file *file, const char *key)
{
    static const double numbers[] = {0,   -0.0, -1,    1,   1e-310,   1e-30,    1e-6,
                                     1e6, 1e38, 1e300, NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        try_value(file, key, GGUF_F64, &numbers[i], sizeof numbers[i]);
}

static bool is_float(const struct model_value *value)
{
    return value->type == GGUF_F32 || value->type == GGUF_F64;
}

static bool is_number(const struct model_value *value)
{
    return value->type != GGUF_STRING && value->type != GGUF_ARRAY;
}

static void try_value_of(struct model_file *file, int index)
{
    struct model_value value = file->values[index];
    char key[128];
    snprintf(key, sizeof key, "%s", value.key);
    if (is_number(&value)) {
        if (is_float(&value))
            try_floats(file, key);
        else
            try_integers(file, key);
        try_value(file, key, GGUF_STRING, "\4\0\0\0\0\0\0\0four", 12);
    } else {
        try_value(file, key, GGUF_U32, &(uint32_t){1}, 4);
        try_value(file, key, GGUF_STRING, "\0\0\0\0\0\0\0\0", 8);
    }
}

static void test_every_value(void **state)
{
    struct model_file *file = model_file_read(*state);
    for (int i = 0; i < file->n_values; i++) try_value_of(file, i);
    model_file_free(file);
}

static void test_every_value_absent(void **state)
{
    struct model_file *all = model_file_read(*state);
    for (int i = 0; i < all->n_values; i++) {
        struct model_file *file = model_file_read(*state);
        model_file_drop_value(file, all->values[i].key);
        /* An absent width can only be noticed by another that no longer agrees. */
        opens(file, NULL);
        model_file_free(file);
    }
    model_file_free(all);
}

/* Numbers that agree with one another, but not with what was made room for. */
static void test_wide_heads(void **state)
{
    (void)state;
    struct model_shape shape = {.n_layers = 1,
                                .d_model = 1280,
                                .n_heads = 1,
                                .n_kv_heads = 1,
                                .d_k = 1280,
                                .d_v = 1280,
                                .d_ff = 32,
                                .n_ctx = 128,
                                .d_rope = 1280};
    struct model_file *file = model_file_make(&shape, MODELS[0]);
    assert_false(opens(file, "llama.attention.key_length"));
    model_file_drop_value(file, "llama.attention.key_length");
    model_file_drop_value(file, "llama.attention.value_length");
    model_file_drop_value(file, "llama.rope.dimension_count");
    assert_false(opens(file, "llama.attention.head_count"));
    model_file_free(file);
}

static uint64_t kv_token_bytes(const struct model_file *file)
{
    heft_options options = heft_options_default();
    options.model = path;
    options.n_threads = 1;
    heft_engine *engine;
    heft_error error;
    heft_info info;
    model_file_write(file, path);
    if (heft_engine_open(&options, &engine, &error) != HEFT_OK) fail_msg("%s", error.message);
    heft_engine_info(engine, &info);
    heft_engine_close(engine);
    return info.kv_token_bytes;
}

/* Heads that are copies share one place in the cache; one row that differs keeps them apart,
 * and so do weights that nobody has written. */
static void test_twin_heads(void **state)
{
    (void)state;
    enum { N_LAYERS = 2, D = 32, D_MODEL = 64, N_ROWS = 2 * D };
    struct model_shape shape = {.n_layers = N_LAYERS,
                                .d_model = D_MODEL,
                                .n_heads = 2,
                                .n_kv_heads = 2,
                                .d_k = D,
                                .d_v = D,
                                .d_ff = 32,
                                .n_ctx = 128,
                                .d_rope = D};
    struct model_file *file = model_file_make(&shape, MODELS[0]);
    uint64_t apart = kv_token_bytes(file);
    float *v = NULL; /* of the last layer, in the end */
    for (int layer = 0; layer < N_LAYERS; layer++) {
        char name[2][32];
        snprintf(name[0], sizeof name[0], "blk.%d.attn_k.weight", layer);
        snprintf(name[1], sizeof name[1], "blk.%d.attn_v.weight", layer);
        for (int i = 0; i < 2; i++) {
            v = model_file_tensor(file, name[i])->data;
            memcpy(v + D * D_MODEL, v, D * D_MODEL * sizeof *v);
        }
    }
    assert_int_equal(kv_token_bytes(file), apart / 2);
    for (int row = D; row < N_ROWS; row++) {
        float kept = v[row * D_MODEL];
        v[row * D_MODEL] += 1;
        assert_int_equal(kv_token_bytes(file), apart);
        v[row * D_MODEL] = kept;
    }
    memset(v, 0, N_ROWS * D_MODEL * sizeof *v);
    assert_int_equal(kv_token_bytes(file), apart);
    model_file_free(file);
}

static void test_unknown_scaling(void **state)
{
    (void)state;
    struct model_file *file = model_file_read(MODELS[0]);
    model_file_set_text(file, "llama.rope.scaling.type", "stretch");
    assert_false(opens(file, "llama.rope.scaling.type"));
    model_file_set_int(file, "llama.rope.scaling.type", 1);
    assert_false(opens(file, "llama.rope.scaling.type"));
    model_file_set_text(file, "llama.rope.scaling.type", "none");
    assert_true(opens(file, NULL));
    model_file_free(file);
}

/* ---- tensors ---- */

static void test_every_tensor_missing(void **state)
{
    struct model_file *all = model_file_read(*state);
    for (int i = 0; i < all->n_tensors; i++) {
        struct model_file *file = model_file_read(*state);
        const char *name = all->tensors[i].name;
        model_file_drop_tensor(file, name);
        /* A bias is optional, the output may be the embedding; a kv_b that is not whole is split.
         */
        bool optional = strstr(name, "bias") || strcmp(name, "output.weight") == 0 ||
                        strstr(name, "rope_freqs");
        const char *missing = strstr(name, "attn_kv_b") ? "attn_k_b" : name;
        if (opens(file, missing) != optional) fail_msg("without %s", name);
        model_file_free(file);
    }
    model_file_free(all);
}

/* The same bytes in another shape; squares look alike. */
static void test_every_tensor_reshaped(void **state)
{
    struct model_file *file = model_file_read(*state);
    for (int i = 0; i < file->n_tensors; i++) {
        struct model_tensor *tensor = &file->tensors[i];
        struct model_tensor saved = *tensor;
        tensor->n_dims = 4;
        uint64_t n = tensor->dims[0] * tensor->dims[1] * tensor->dims[2];
        memcpy(tensor->dims, (uint64_t[]){1, n, 1, 1}, sizeof tensor->dims);
        assert_false(opens(file, tensor->name));
        memcpy(tensor->dims, (uint64_t[]){saved.dims[0], saved.dims[1], 1, saved.dims[2]},
               sizeof tensor->dims);
        if (saved.dims[2] > 1) assert_false(opens(file, tensor->name));
        if (saved.dims[0] != saved.dims[1]) {
            memcpy(tensor->dims, (uint64_t[]){saved.dims[1], saved.dims[0], saved.dims[2], 1},
                   sizeof tensor->dims);
            assert_false(opens(file, tensor->name));
        }
        *tensor = saved;
    }
    model_file_free(file);
}

static void test_every_tensor_of_integers(void **state)
{
    struct model_file *file = model_file_read(*state);
    for (int i = 0; i < file->n_tensors; i++) {
        file->tensors[i].dtype = DTYPE_I32;
        assert_false(opens(file, file->tensors[i].name));
        file->tensors[i].dtype = DTYPE_F32;
    }
    model_file_free(file);
}

static void test_tensor_without_role(void **state)
{
    struct model_file *file = model_file_read(*state);
    model_file_add(file, "blk.0.attn_surprise.weight", DTYPE_F32, 1, (uint64_t[]){8});
    assert_false(opens(file, "blk.0.attn_surprise.weight"));
    model_file_free(file);
}

/* Weights that are no numbers give logits that are none, and nothing worse. */
static void test_every_tensor_not_a_number(void **state)
{
    static const float values[] = {NAN, INFINITY, -INFINITY, 3e38f};
    struct model_file *file = model_file_read(*state);
    for (int i = 0; i < file->n_tensors; i++)
        for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
            struct model_tensor *tensor = &file->tensors[i];
            void *data = tensor->data;
            float *bad = malloc(tensor->n_bytes);
            assert_non_null(bad);
            for (size_t j = 0; j < tensor->n_bytes / sizeof *bad; j++) bad[j] = values[v];
            tensor->data = bad;
            assert_true(opens(file, NULL));
            tensor->data = data;
            free(bad);
        }
    model_file_free(file);
}

/* Every test of a model, for every model. */
/* Keys that change the sums, with values that do not and one that does. */
static void test_keys_that_change_the_sums(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        float neutral, other;
    } keys[] = {
        {"llama.attention.causal", 1, 0},
        {"llama.attention.sliding_window", 0, 8},
        {"llama.attention.scale", 0, 0.5f},
        {"llama.attention.temperature_scale", 0, 0.1f},
        {"llama.attn_logit_softcapping", 50, 20},
        {"llama.final_logit_softcapping", 30, 20},
        {"llama.residual_scale", 1, 0.5f},
        {"llama.embedding_scale", 1, 12},
        {"llama.attention.clamp_kqv", 0, 8},
        {"llama.rope.scaling.alpha", 1, 1000},
        {"llama.rope.scaling.attn_factor", 1, 1.2f},
    };
    struct model_file *file = model_file_read("tests/golden/data/llama-a.gguf");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        model_file_set_float(file, keys[i].key, keys[i].neutral);
        if (!opens(file, NULL)) fail_msg("%s of %g", keys[i].key, (double)keys[i].neutral);
        model_file_set_float(file, keys[i].key, keys[i].other);
        if (opens(file, keys[i].key)) fail_msg("%s of %g", keys[i].key, (double)keys[i].other);
        model_file_drop_value(file, keys[i].key);
    }
    model_file_set_int(file, "llama.attention.sliding_window", 1 << 20);
    assert_true(opens(file, NULL));
    model_file_set_int(file, "llama.a_key_of_no_effect", 7);
    assert_true(opens(file, NULL));
    model_file_free(file);
}

/* ---- weights that are no numbers ---- */

/* What a step says when all values of a tensor are `value`; the file stays as it was. */
static void expect_fault(struct model_file *file, const char *tensor, float value,
                         const char *sentence)
{
    struct model_tensor *changed = model_file_tensor(file, tensor);
    void *saved = malloc(changed->n_bytes);
    memcpy(saved, changed->data, changed->n_bytes);
    float *values = changed->data;
    for (size_t i = 0; i < changed->n_bytes / sizeof *values; i++) values[i] = value;
    model_file_write(file, path);
    memcpy(changed->data, saved, changed->n_bytes);
    free(saved);

    heft_options options = heft_options_default();
    options.model = path;
    options.n_ctx = 96;
    options.n_threads = 1;
    heft_engine *engine;
    heft_session *session;
    heft_error error = {0};
    static float logits[272];
    const int32_t tokens[] = {5, 6, 7};
    if (heft_engine_open(&options, &engine, &error) != HEFT_OK) fail_msg("%s", error.message);
    assert_int_equal(heft_session_create(engine, &session, &error), HEFT_OK);
    heft_work prompt = {session, tokens, 2, NULL, 0}, next = {session, tokens + 2, 1, logits, 1};
    assert_int_equal(heft_step(engine, &prompt, 1, &error), HEFT_OK);
    assert_int_equal(heft_step(engine, &next, 1, &error), HEFT_BAD_FILE);
    if (!strstr(error.message, path) || !strstr(error.message, "position 2") ||
        !strstr(error.message, sentence))
        fail_msg("%s: %s", tensor, error.message);
    assert_int_equal(heft_session_length(session), 2);
    heft_engine_close(engine);
}

static void test_weights_that_are_no_numbers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof MODELS / sizeof *MODELS; i++) {
        struct model_file *file = model_file_read(MODELS[i]);
        expect_fault(file, "output_norm.weight", NAN, "in the last norm");
        expect_fault(file, "output_norm.weight", INFINITY, "in the last norm");
        expect_fault(file, "blk.0.attn_norm.weight", NAN, "in layer 0");
        expect_fault(file, "blk.1.ffn_norm.weight", -INFINITY, "in layer 1");
        expect_fault(file, "token_embd.weight", NAN, "in the embedding");
        model_file_free(file);
    }
}

/* ---- files that change while they are in use ---- */

static void test_a_file_cut_short(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof MODELS / sizeof *MODELS; i++) {
        struct model_file *file = model_file_read(MODELS[i]);
        model_file_write(file, path);
        model_file_free(file);
        heft_options options = heft_options_default();
        options.model = path;
        options.n_ctx = 96;
        options.n_threads = 2;
        heft_engine *engine;
        heft_session *session;
        heft_error error = {0};
        static float logits[272];
        const int32_t tokens[] = {5, 6, 7, 8};
        if (heft_engine_open(&options, &engine, &error) != HEFT_OK) fail_msg("%s", error.message);
        assert_int_equal(heft_session_create(engine, &session, &error), HEFT_OK);
        heft_work work = {session, tokens, 4, logits, 1};
        assert_int_equal(heft_step(engine, &work, 1, &error), HEFT_OK);
        assert_int_equal(truncate(path, 4096), 0);
        for (int again = 0; again < 2; again++) {
            work.n_tokens = again ? 4 : 1;
            assert_int_equal(heft_step(engine, &work, 1, &error), HEFT_BAD_FILE);
            assert_non_null(strstr(error.message, path));
            assert_non_null(strstr(error.message, "cut short"));
            assert_int_equal(heft_session_length(session), 4);
        }
        heft_engine_close(engine);
    }
}

int main(void)
{
    enum { N_MODELS = sizeof MODELS / sizeof *MODELS, N_ONCE = 6 };
    static const struct CMUnitTest per_model[] = {
        cmocka_unit_test(test_every_value),
        cmocka_unit_test(test_every_value_absent),
        cmocka_unit_test(test_every_tensor_missing),
        cmocka_unit_test(test_every_tensor_reshaped),
        cmocka_unit_test(test_every_tensor_of_integers),
        cmocka_unit_test(test_tensor_without_role),
        cmocka_unit_test(test_every_tensor_not_a_number),
    };
    enum { N_PER_MODEL = sizeof per_model / sizeof *per_model };
    struct CMUnitTest tests[N_MODELS * N_PER_MODEL + N_ONCE] = {
        cmocka_unit_test(test_keys_that_change_the_sums),
        cmocka_unit_test(test_wide_heads),
        cmocka_unit_test(test_twin_heads),
        cmocka_unit_test(test_unknown_scaling),
        cmocka_unit_test(test_weights_that_are_no_numbers),
        cmocka_unit_test(test_a_file_cut_short),
    };
    for (int i = 0; i < N_MODELS * N_PER_MODEL; i++) {
        tests[N_ONCE + i] = per_model[i % N_PER_MODEL];
        tests[N_ONCE + i].initial_state = (void *)MODELS[i / N_PER_MODEL];
    }
    return cmocka_run_group_tests(tests, make_path, remove_path);
}
