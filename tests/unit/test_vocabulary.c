/* Vocabularies of files: test vectors and round trips on published ones where they are at hand, and
 * what is said of files that lack something. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/rng.h"
#include "gguf_build.h"
#include "model/vocabulary.h"

enum { MAX_IDS = 4096 };

/* ---- published vocabularies ---- */

/* `expected` ends with -1. */
static void check_ids(const struct tokenizer *tokenizer, struct slice text, int flags,
                      const int32_t *expected)
{
    int32_t ids[MAX_IDS];
    int n = tokenizer_encode(tokenizer, text.data, text.n_bytes, flags, ids, MAX_IDS),
        n_expected = 0;
    while (expected[n_expected] >= 0) n_expected++;
    assert_int_equal(n, n_expected);
    for (int i = 0; i < n; i++) assert_int_equal(ids[i], expected[i]);
}

static void check_round_trip(const struct tokenizer *tokenizer, struct slice text, int flags,
                             size_t n_skipped)
{
    int32_t *ids = malloc((2 * text.n_bytes + 8) * sizeof *ids);
    char *back = malloc(text.n_bytes + 8);
    assert_true(ids && back);
    int n = tokenizer_encode(tokenizer, text.data, text.n_bytes, flags, ids,
                             (int)(2 * text.n_bytes + 8));
    size_t n_back = 0;
    for (int i = 0; i < n; i++) {
        struct slice piece = tokenizer_piece(tokenizer, ids[i], true);
        assert_true(n_back + piece.n_bytes <= text.n_bytes + 8);
        memcpy(back + n_back, piece.data, piece.n_bytes);
        n_back += piece.n_bytes;
    }
    assert_int_equal(n_back - n_skipped, text.n_bytes);
    assert_memory_equal(back + n_skipped, text.data, text.n_bytes);
    free(ids);
    free(back);
}

static struct tokenizer *open_shared(const char *name, char *vocab, size_t n_vocab)
{
    const char *shared = getenv("HEFT_SHARED");
    snprintf(vocab, n_vocab, "%s/vocab/%s.gguf", shared ? shared : "../shared", name);
    if (!file_exists(vocab)) {
        print_message("skipped: there is no %s\n", vocab);
        return NULL;
    }
    struct gguf *file;
    struct tokenizer *tokenizer;
    heft_error error = {0};
    if (gguf_open(vocab, &file, &error) != HEFT_OK) fail_msg("%s", error.message);
    if (vocabulary_open(file, &tokenizer, &error) != HEFT_OK) fail_msg("%s", error.message);
    gguf_close(file);
    return tokenizer;
}

static char *read_text(const char *vocab, const char *suffix)
{
    char name[1100], *text;
    size_t n_bytes;
    heft_error error = {0};
    snprintf(name, sizeof name, "%s%s", vocab, suffix);
    if (file_read(name, 1 << 20, &text, &n_bytes, &error) != HEFT_OK) fail_msg("%s", error.message);
    return text;
}

/* Ids of one line, in `expected` with a -1 behind; returns the next line. */
static const char *read_ids(const char *line, int32_t *expected)
{
    const char *end = strchr(line, '\n');
    assert_non_null(end);
    int n = 0;
    for (char *next; n < MAX_IDS - 1; line = next) {
        long id = strtol(line, &next, 10);
        if (next == line || next > end) break;
        expected[n++] = (int32_t)id;
    }
    expected[n] = -1;
    return end + 1;
}

static int check_vectors(const char *name)
{
    static const char separator[] = "\n__ggml_vocab_test__\n";
    char vocab[1024];
    struct tokenizer *tokenizer = open_shared(name, vocab, sizeof vocab);
    if (!tokenizer) return 0;
    char *texts = read_text(vocab, ".inp"), *ids = read_text(vocab, ".out");
    const char *line = ids, *end;
    int n_texts = 0;
    for (const char *text = texts; (end = strstr(text, separator));
         text = end + sizeof separator - 1) {
        int32_t expected[MAX_IDS];
        line = read_ids(line, expected);
        check_ids(tokenizer, (struct slice){text, (size_t)(end - text)}, 0, expected);
        n_texts++;
    }
    assert_int_equal(*line, 0);
    free(texts);
    free(ids);
    tokenizer_free(tokenizer);
    return n_texts;
}

static const char *const vocabularies[] = {"gpt-2", "deepseek-coder", "deepseek-llm", "llama-spm"};
enum { N_VOCABULARIES = 4 };

static void test_vectors(void **state)
{
    (void)state;
    int n_texts = 0;
    for (int i = 0; i < N_VOCABULARIES; i++) n_texts += check_vectors(vocabularies[i]);
    if (n_texts == 0) skip();
}

static size_t put_code(uint32_t code, char *out)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; code >>= 6) out[i] = (char)(0x80 | (code & 0x3F));
    out[0] = (char)((0xF00u >> n & 0xF0) | code);
    return n;
}

static size_t random_text(struct rng *rng, char *out, int n_codes)
{
    size_t n = 0;
    for (int i = 0; i < n_codes; i++) {
        static const uint32_t limits[] = {0x80, 0x80, 0x250, 0x3000, 0x10000, 0x110000};
        uint32_t code = (uint32_t)(rng_next(rng) % limits[rng_next(rng) % 6]);
        /* No surrogates; and SentencePiece cannot tell U+2581 from a space. */
        if ((code >= 0xD800 && code < 0xE000) || code == 0x2581) code = ' ';
        n += put_code(code, out + n);
    }
    return n;
}

static void test_round_trip(void **state)
{
    (void)state;
    struct rng rng = {11};
    char vocab[1024], text[256];
    for (int i = 0; i < N_VOCABULARIES; i++) {
        struct tokenizer *tokenizer = open_shared(vocabularies[i], vocab, sizeof vocab);
        if (!tokenizer) skip();
        size_t n_added = tokenizer_adds_space(tokenizer) ? 1 : 0;
        for (int j = 0; j < 5000; j++) {
            size_t n_bytes = random_text(&rng, text, 1 + (int)(rng_next(&rng) % 60));
            check_round_trip(tokenizer, (struct slice){text, n_bytes}, 0, n_added);
        }
        tokenizer_free(tokenizer);
    }
}

/* ---- files made here ---- */

static char path[] = "/tmp/heft-test-XXXXXX";

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static const char *const tokens[] = {"<unk>", "<s>", "</s>", "a", "b", "ab", "<|im_end|>"};
enum { N_TOKENS = 7 };

/* What a file has, key by key; NULL or false leaves the key out. */
struct content {
    const char *model, *pre;
    bool tokens, scores, types, merges;
    int n_scores, n_types;
    const char *id_key;
    uint32_t id;
};

static const struct content good_bpe = {"gpt2", "llama-bpe", true,     false, true,
                                        true,   0,           N_TOKENS, NULL,  0};
static const struct content good_spm = {"llama", NULL,     true,     true, true,
                                        false,   N_TOKENS, N_TOKENS, NULL, 0};

static heft_status open_content(const struct content *content, struct tokenizer **tokenizer,
                                heft_error *error)
{
    static const float scores[N_TOKENS] = {0, 0, 0, -1, -2, -3, 0};
    static const int32_t types[N_TOKENS] = {2, 3, 3, 1, 1, 1, 3};
    static const char *const merges[] = {"a b"};
    struct gguf_build build;
    gguf_build_start(&build);
    if (content->model) gguf_build_text(&build, "tokenizer.ggml.model", content->model);
    if (content->pre) gguf_build_text(&build, "tokenizer.ggml.pre", content->pre);
    if (content->tokens) gguf_build_texts(&build, "tokenizer.ggml.tokens", N_TOKENS, tokens);
    if (content->scores)
        gguf_build_array(&build, "tokenizer.ggml.scores", GGUF_F32, (uint64_t)content->n_scores,
                         scores, (size_t)content->n_scores * 4);
    if (content->types)
        gguf_build_array(&build, "tokenizer.ggml.token_type", GGUF_I32, (uint64_t)content->n_types,
                         types, (size_t)content->n_types * 4);
    if (content->merges) gguf_build_texts(&build, "tokenizer.ggml.merges", 1, merges);
    if (content->id_key) gguf_build_u32(&build, content->id_key, content->id);
    gguf_build_write(&build, path);

    struct gguf *file;
    if (gguf_open(path, &file, error) != HEFT_OK) fail_msg("%s", error->message);
    heft_status status = vocabulary_open(file, tokenizer, error);
    gguf_close(file);
    return status;
}

static void refuse(const struct content *content, const char *reason)
{
    struct tokenizer *tokenizer;
    heft_error error = {0};
    assert_int_equal(open_content(content, &tokenizer, &error), HEFT_BAD_FILE);
    assert_null(tokenizer);
    assert_non_null(strstr(error.message, path));
    if (!strstr(error.message, reason))
        fail_msg("\"%s\" does not say \"%s\"", error.message, reason);
}

static struct tokenizer *accept(const struct content *content)
{
    struct tokenizer *tokenizer;
    heft_error error = {0};
    if (open_content(content, &tokenizer, &error) != HEFT_OK) fail_msg("%s", error.message);
    return tokenizer;
}

static void test_defaults(void **state)
{
    (void)state;
    struct tokenizer *tokenizer = accept(&good_spm);
    assert_int_equal(tokenizer_bos(tokenizer), 1);
    assert_int_equal(tokenizer_eos(tokenizer), 2);
    assert_true(tokenizer_adds_bos(tokenizer) && tokenizer_adds_space(tokenizer));
    assert_true(tokenizer_is_end(tokenizer, 2) && tokenizer_is_end(tokenizer, 6));
    assert_false(tokenizer_adds_eos(tokenizer) || tokenizer_is_end(tokenizer, 1));
    tokenizer_free(tokenizer);

    struct content content = good_bpe;
    tokenizer = accept(&content);
    assert_int_equal(tokenizer_bos(tokenizer), -1);
    assert_false(tokenizer_adds_bos(tokenizer) || tokenizer_adds_space(tokenizer));
    tokenizer_free(tokenizer);

    content.id_key = "tokenizer.ggml.bos_token_id";
    content.id = 1;
    tokenizer = accept(&content);
    check_ids(tokenizer, slice_of("ab"), HEFT_ADD_SPECIAL, (const int32_t[]){1, 5, -1});
    tokenizer_free(tokenizer);

    content.pre = NULL;      /* "default" does not start with bos */
    content.id = UINT32_MAX; /* -1 */
    tokenizer = accept(&content);
    assert_int_equal(tokenizer_bos(tokenizer), -1);
    tokenizer_free(tokenizer);
}

static void test_what_is_missing_or_wrong_is_named(void **state)
{
    (void)state;
    struct content content = good_bpe;
    content.model = NULL;
    refuse(&content, "tokenizer.ggml.model");
    content.model = "bert";
    refuse(&content, "tokenizer.ggml.model is \"bert\"");
    content = good_bpe;
    content.tokens = false;
    refuse(&content, "tokenizer.ggml.tokens");
    content = good_bpe;
    content.merges = false;
    refuse(&content, "tokenizer.ggml.merges");
    content = good_bpe;
    content.pre = "gpt-99";
    refuse(&content, "tokenizer.ggml.pre is \"gpt-99\"");
    content = good_bpe;
    content.n_types = 3;
    refuse(&content, "tokenizer.ggml.token_type");
    content = good_spm;
    content.scores = false;
    refuse(&content, "tokenizer.ggml.scores");
    content = good_spm;
    content.n_scores = 2;
    refuse(&content, "tokenizer.ggml.scores");
}

/* Published files name padding and ends that do not exist; the usual ids of the kind count then. */
static void test_ids_outside_the_vocabulary_name_nothing(void **state)
{
    (void)state;
    static const char *const ids[] = {"tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id",
                                      "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id",
                                      "tokenizer.ggml.unknown_token_id"};
    struct content content = good_spm;
    content.id = N_TOKENS;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        content.id_key = ids[i];
        struct tokenizer *tokenizer = accept(&content);
        assert_int_equal(tokenizer_bos(tokenizer), 1);
        assert_int_equal(tokenizer_eos(tokenizer), 2);
        assert_true(tokenizer_is_end(tokenizer, 2));
        tokenizer_free(tokenizer);
    }
    content = good_bpe;
    content.id = N_TOKENS;
    content.id_key = "tokenizer.ggml.eos_token_id";
    struct tokenizer *tokenizer = accept(&content);
    assert_int_equal(tokenizer_eos(tokenizer), -1);
    tokenizer_free(tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_what_is_missing_or_wrong_is_named),
        cmocka_unit_test(test_ids_outside_the_vocabulary_name_nothing),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
