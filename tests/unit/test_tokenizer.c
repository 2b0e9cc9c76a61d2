/* Tokenizers on small vocabularies made here, good and hostile ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "text/alphabet.h"
#include "text/hash.h"
#include "text/tokenizer.h"

enum { MAX_TOKENS = 320, MAX_IDS = 4096 };

/* ---- small vocabularies ---- */

struct vocab {
    struct vocab_source source;
    struct slice tokens[MAX_TOKENS];
    float scores[MAX_TOKENS];
    int32_t types[MAX_TOKENS];
    struct slice merges[32];
    char letters[256][8];
};

static int32_t add_token(struct vocab *vocab, const char *text, int32_t type, float score)
{
    int32_t id = vocab->source.n_tokens++;
    assert_true(id < MAX_TOKENS);
    vocab->tokens[id] = slice_of(text);
    vocab->types[id] = type;
    vocab->scores[id] = score;
    return id;
}

static void start(struct vocab *vocab, enum vocab_kind kind)
{
    *vocab = (struct vocab){0};
    vocab->source = (struct vocab_source){.kind = kind,
                                          .tokens = vocab->tokens,
                                          .scores = vocab->scores,
                                          .types = vocab->types,
                                          .merges = vocab->merges,
                                          .bos = -1,
                                          .eos = -1,
                                          .eot = -1,
                                          .eom = -1,
                                          .unknown = -1,
                                          .pad = -1};
}

/* Ids 0 to 255 are the bytes. */
static void start_bpe(struct vocab *vocab)
{
    start(vocab, VOCAB_BPE);
    for (int byte = 0; byte < 256; byte++) {
        uint32_t code = alphabet_code((uint8_t)byte);
        if (code < 0x80)
            snprintf(vocab->letters[byte], 8, "%c", (char)code);
        else
            snprintf(vocab->letters[byte], 8, "%c%c", (char)(0xC0 | code >> 6),
                     (char)(0x80 | (code & 0x3F)));
        add_token(vocab, vocab->letters[byte], TOKEN_NORMAL, 0);
    }
}

static int32_t add_merge(struct vocab *vocab, const char *merge, const char *merged)
{
    vocab->merges[vocab->source.n_merges++] = slice_of(merge);
    return add_token(vocab, merged, TOKEN_NORMAL, 0);
}

/* Ids 0 to 2 are <unk>, <s> and </s>, then come the bytes. */
static void start_spm(struct vocab *vocab)
{
    start(vocab, VOCAB_SPM);
    vocab->source.unknown = add_token(vocab, "<unk>", TOKEN_UNKNOWN, 0);
    vocab->source.bos = add_token(vocab, "<s>", TOKEN_CONTROL, 0);
    vocab->source.eos = add_token(vocab, "</s>", TOKEN_CONTROL, 0);
    for (int byte = 0; byte < 256; byte++) {
        snprintf(vocab->letters[byte], 8, "<0x%02X>", (unsigned)byte);
        add_token(vocab, vocab->letters[byte], TOKEN_BYTE, 0);
    }
    vocab->source.add_space_prefix = true;
}

/* -1 for NULL. */
static int32_t token_of(const struct vocab *vocab, const char *text)
{
    for (int32_t id = 0; text && id < vocab->source.n_tokens; id++)
        if (slice_is(vocab->tokens[id], text)) return id;
    return -1;
}

static struct tokenizer *finish(struct vocab *vocab)
{
    struct tokenizer *tokenizer;
    heft_error error = {0};
    if (tokenizer_create(&vocab->source, &tokenizer, &error) != HEFT_OK)
        fail_msg("%s", error.message);
    return tokenizer;
}

static void refuse(const struct vocab_source *source, const char *reason)
{
    struct tokenizer *tokenizer;
    heft_error error = {0};
    assert_int_equal(tokenizer_create(source, &tokenizer, &error), HEFT_BAD_FILE);
    assert_null(tokenizer);
    if (!strstr(error.message, reason))
        fail_msg("\"%s\" does not say \"%s\"", error.message, reason);
}

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

#define CHECK(tokenizer, text, flags, ...)                                                         \
    check_ids(tokenizer, slice_of(text), flags, (const int32_t[]){__VA_ARGS__, -1})

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

/* ---- byte-pair encoding ---- */

static void test_bpe_merges_by_rank(void **state)
{
    (void)state;
    struct vocab vocab;
    start_bpe(&vocab);
    int32_t bc = add_merge(&vocab, "b c", "bc"), ab = add_merge(&vocab, "a b", "ab");
    int32_t abc = add_merge(&vocab, "ab c", "abc"), aa = add_merge(&vocab, "a a", "aa");
    struct tokenizer *tokenizer = finish(&vocab);
    CHECK(tokenizer, "abc", 0, 'a', bc); /* the better pair first, though abc is a token */
    CHECK(tokenizer, "abab", 0, ab, ab);
    CHECK(tokenizer, "aaaaa", 0, aa, aa, 'a'); /* of equal pairs the left one */
    CHECK(tokenizer, "", 0, -1);
    tokenizer_free(tokenizer);

    vocab.source.ignore_merges = true;
    tokenizer = finish(&vocab);
    CHECK(tokenizer, "abc", 0, abc);
    tokenizer_free(tokenizer);
}

static void test_bpe_special_tokens(void **state)
{
    (void)state;
    struct vocab vocab;
    start_bpe(&vocab);
    int32_t bos = add_token(&vocab, "<s>", TOKEN_CONTROL, 0),
            end = add_token(&vocab, "<|im_end|>", TOKEN_CONTROL, 0);
    int32_t tool = add_token(&vocab, "<tool>", TOKEN_USER_DEFINED, 0);
    int32_t longer = add_token(&vocab, "<tool><x>", TOKEN_CONTROL, 0);
    vocab.merges[vocab.source.n_merges++] = slice_of("< s>"); /* no token "s>": left out */
    vocab.source.bos = vocab.source.eos = bos;
    vocab.source.add_bos = vocab.source.add_eos = vocab.source.ignore_merges = true;
    struct tokenizer *tokenizer = finish(&vocab);
    CHECK(tokenizer, "<s>", 0, '<', 's', '>'); /* text is text, also where whole words are taken */
    CHECK(tokenizer, "<s>", HEFT_PARSE_SPECIAL, bos);
    CHECK(tokenizer, "a<tool>b", 0, 'a', tool, 'b');
    CHECK(tokenizer, "<tool><x>", 0, tool, '<', 'x', '>');
    CHECK(tokenizer, "<tool><x>", HEFT_PARSE_SPECIAL, longer); /* the longest one */
    CHECK(tokenizer, "<<|im_end|>", HEFT_PARSE_SPECIAL, '<', end);
    CHECK(tokenizer, "a", HEFT_ADD_SPECIAL, bos, 'a', bos);
    CHECK(tokenizer, "", HEFT_ADD_SPECIAL, bos, bos);
    CHECK(tokenizer, "a", HEFT_ADD_BOS, bos, 'a'); /* for a text that is to be continued */
    CHECK(tokenizer, "", HEFT_ADD_BOS, bos);
    assert_int_equal(tokenizer_encode(tokenizer, "a", 1, 8, NULL, 0), -1);
    assert_true(tokenizer_is_end(tokenizer, bos) && tokenizer_is_end(tokenizer, end));
    assert_false(tokenizer_is_end(tokenizer, tool) || tokenizer_is_end(tokenizer, -1));
    char text[16];
    assert_int_equal(tokenizer_decode(tokenizer, end, false, text, sizeof text), 0);
    assert_int_equal(tokenizer_decode(tokenizer, end, true, text, 4), 10);
    assert_memory_equal(text, "<|im", 4);
    assert_int_equal(tokenizer_decode(tokenizer, tool, false, text, sizeof text), 6);
    assert_int_equal(tokenizer_decode(tokenizer, 100000, true, text, sizeof text), 0);
    tokenizer_free(tokenizer);
}

/* The tokens that end a turn, family by family: those a file names, and those it leaves out. */
static void test_ends_of_turns(void **state)
{
    (void)state;
    static const struct {
        const char *family, *eos, *eot, *eom; /* in the metadata; NULL: not there */
        const char *ends[4], *others[5];      /* in the vocabulary */
    } families[] = {
        {"Command R+",
         "<|END_OF_TURN_TOKEN|>",
         NULL,
         NULL,
         {"<|END_OF_TURN_TOKEN|>"},
         {"<|START_OF_TURN_TOKEN|>", "<|CHATBOT_TOKEN|>", "<BOS_TOKEN>", "<EOS_TOKEN>"}},
        {"DBRX",
         "<|endoftext|>",
         NULL,
         NULL,
         {"<|endoftext|>", "<|im_end|>"},
         {"<|im_start|>", "<|pad|>"}},
        {"Mixtral 8x22B",
         "</s>",
         NULL,
         NULL,
         {"</s>"},
         {"<s>", "[INST]", "[/INST]", "[TOOL_CALLS]", "[/TOOL_RESULTS]"}},
        {"Llama 3.1",
         "<|eot_id|>",
         NULL,
         NULL,
         {"<|eot_id|>", "<|eom_id|>", "<|end_of_text|>"},
         {"<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|python_tag|>"}},
        {"DeepSeek V3 and R1",
         "<\uFF5Cend\u2581of\u2581sentence\uFF5C>",
         NULL,
         NULL,
         {"<\uFF5Cend\u2581of\u2581sentence\uFF5C>", "<|EOT|>"},
         {"<\uFF5CAssistant\uFF5C>", "<\uFF5CUser\uFF5C>", "<think>",
          "<\uFF5Ctool\u2581calls\u2581end\uFF5C>"}},
        {"gpt-oss",
         "<|return|>",
         "<|end|>",
         NULL,
         {"<|return|>", "<|call|>", "<|endoftext|>"},
         {"<|end|>", "<|start|>", "<|channel|>", "<|message|>"}},
        {"GLM 4.5",
         "<|endoftext|>",
         "<|user|>",
         "<|observation|>",
         {"<|endoftext|>", "<|user|>", "<|observation|>"},
         {"<|assistant|>", "<|system|>", "[gMASK]", "<tool_call>"}},
        {"Kimi K2",
         "[EOS]",
         NULL,
         NULL,
         {"[EOS]", "[EOT]", "<|im_end|>"},
         {"<|im_user|>", "<|im_middle|>", "<|tool_calls_section_end|>"}},
        {"MiniMax M2", "[e~[", NULL, NULL, {"[e~["}, {"]~b]", "]~!b[", "</minimax:tool_call>"}},
        {"Qwen",
         "<|im_end|>",
         NULL,
         NULL,
         {"<|im_end|>", "<|endoftext|>"},
         {"<|im_start|>", "</tool_call>", "</think>"}},
    };
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        struct vocab vocab;
        start_bpe(&vocab);
        for (int j = 0; j < 4 && families[i].ends[j]; j++)
            add_token(&vocab, families[i].ends[j], TOKEN_CONTROL, 0);
        for (int j = 0; j < 5 && families[i].others[j]; j++)
            add_token(&vocab, families[i].others[j], TOKEN_CONTROL, 0);
        vocab.source.eos = token_of(&vocab, families[i].eos);
        vocab.source.eot = token_of(&vocab, families[i].eot);
        vocab.source.eom = token_of(&vocab, families[i].eom);
        struct tokenizer *tokenizer = finish(&vocab);
        for (int32_t id = 0; id < vocab.source.n_tokens; id++) {
            bool wanted = false;
            for (int j = 0; j < 4 && families[i].ends[j]; j++)
                wanted = wanted || slice_is(vocab.tokens[id], families[i].ends[j]);
            if (tokenizer_is_end(tokenizer, id) != wanted)
                fail_msg("%s: %s", families[i].family, vocab.tokens[id].data);
        }
        tokenizer_free(tokenizer);
    }
}

/* The id at text[at..] that is longest, or -1; the ids from `first` on are special. */
static int32_t longest_special(const struct vocab *vocab, int32_t first, const char *text,
                               size_t *n_bytes)
{
    int32_t best = -1;
    for (int32_t id = first; id < vocab->source.n_tokens; id++) {
        struct slice token = vocab->tokens[id];
        bool here = strncmp(text, token.data, token.n_bytes) == 0;
        if (here && (best < 0 || token.n_bytes > *n_bytes)) {
            best = id;
            *n_bytes = token.n_bytes;
        }
    }
    return best;
}

/* Many tokens that share beginnings, found as by trying every one of them. */
static void test_special_tokens_that_share_beginnings(void **state)
{
    (void)state;
    enum { N_SPECIAL = 60, N_TEXTS = 300, TEXT_BYTES = 40 };
    static char texts[N_SPECIAL][8];
    struct rng rng = {7};
    struct vocab vocab;
    start_bpe(&vocab);
    for (int i = 0; i < N_SPECIAL; i++) { /* some of them are twins */
        size_t n = 1 + rng_next(&rng) % 6;
        texts[i][0] = '<';
        for (size_t j = 1; j < n; j++) texts[i][j] = "ab\xFF"[rng_next(&rng) % 3];
        texts[i][n] = 0;
        add_token(&vocab, texts[i], TOKEN_CONTROL, 0);
    }
    struct tokenizer *tokenizer = finish(&vocab);
    for (int i = 0; i < N_TEXTS; i++) {
        char text[TEXT_BYTES + 1] = {0};
        int32_t ids[TEXT_BYTES];
        int n = 0;
        for (int j = 0; j < TEXT_BYTES; j++) text[j] = "<ab\xFF"[rng_next(&rng) % 4];
        int n_ids =
            tokenizer_encode(tokenizer, text, TEXT_BYTES, HEFT_PARSE_SPECIAL, ids, TEXT_BYTES);
        for (size_t at = 0, n_bytes = 1; at < TEXT_BYTES; at += n_bytes, n++) {
            int32_t special = longest_special(&vocab, 256, text + at, &n_bytes);
            if (special < 0) n_bytes = 1;
            assert_true(n < n_ids);
            assert_int_equal(ids[n], special < 0 ? (uint8_t)text[at] : special);
        }
        assert_int_equal(n, n_ids);
    }
    tokenizer_free(tokenizer);
}

/* Who writes a file can find texts that share a slot under one key, but not under the next one. */
static void test_hashes_cannot_be_chosen(void **state)
{
    (void)state;
    enum { N_COLLIDING = 1000, N_SLOTS = 1024, MOST_IN_A_SLOT = 16 };
    const struct hash_key known = {{0, 0}}, secret = hash_key_create(), other = hash_key_create();
    assert_memory_not_equal(&secret, &other, sizeof secret);
    uint8_t of_texts[N_SLOTS] = {0}, of_words[N_SLOTS] = {0};
    int n_texts = 0, n_words = 0;
    for (uint64_t i = 0; n_texts < N_COLLIDING || n_words < N_COLLIDING; i++) {
        char text[32];
        size_t n = (size_t)snprintf(text, sizeof text, "token %llu", (unsigned long long)i);
        if (hash_bytes(&known, text, n) % N_SLOTS == 0 && n_texts++ < N_COLLIDING)
            of_texts[hash_bytes(&secret, text, n) % N_SLOTS]++;
        if (hash_word(&known, i) % N_SLOTS == 0 && n_words++ < N_COLLIDING)
            of_words[hash_word(&secret, i) % N_SLOTS]++;
    }
    for (int i = 0; i < N_SLOTS; i++) {
        assert_true(of_texts[i] < MOST_IN_A_SLOT);
        assert_true(of_words[i] < MOST_IN_A_SLOT);
    }
}

static void test_hash_of_a_word_is_that_of_its_bytes(void **state)
{
    (void)state;
    const struct hash_key key = hash_key_create();
    char bytes[8];
    for (int i = 0; i < 8; i++) bytes[i] = (char)(i * 37 + 200);
    uint64_t word = 0;
    for (int i = 7; i >= 0; i--) word = word << 8 | (uint8_t)bytes[i];
    assert_true(hash_word(&key, word) == hash_bytes(&key, bytes, sizeof bytes));
    assert_true(hash_bytes(&key, bytes, 7) != hash_bytes(&key, bytes, 8));
}

/* Converters have called end marks normal. They are, where the merges of the vocabulary give them.
 */
static void test_end_marks_of_the_type_normal(void **state)
{
    (void)state;
    static const char *const marks[] = {"<|im_end|>", "<|eot_id|>",    "<end_of_turn>",
                                        "[EOS]",      "<|endoftext|>", "<eos>"};
    for (size_t i = 0; i < 2 * sizeof marks / sizeof *marks; i++) {
        struct vocab vocab;
        if (i % 2)
            start_bpe(&vocab);
        else
            start_spm(&vocab);
        int32_t mark = add_token(&vocab, marks[i / 2], TOKEN_NORMAL, 0);
        struct tokenizer *tokenizer = finish(&vocab);
        char text[16];
        assert_true(tokenizer_is_end(tokenizer, mark));
        assert_int_equal(tokenizer_type(tokenizer, mark), TOKEN_CONTROL);
        assert_int_equal(tokenizer_decode(tokenizer, mark, false, text, sizeof text), 0);
        int32_t ids[32];
        int n = tokenizer_encode(tokenizer, marks[i / 2], strlen(marks[i / 2]), HEFT_PARSE_SPECIAL,
                                 ids, 32);
        assert_true(n == 1 && ids[0] == mark);
        n = tokenizer_encode(tokenizer, marks[i / 2], strlen(marks[i / 2]), 0, ids, 32);
        assert_true(n > 1);
        tokenizer_free(tokenizer);
    }
    struct vocab vocab;
    start_bpe(&vocab);
    add_merge(&vocab, "< e", "<e");
    add_merge(&vocab, "o s", "os");
    add_merge(&vocab, "os >", "os>");
    int32_t word = add_merge(&vocab, "<e os>", "<eos>");
    struct tokenizer *tokenizer = finish(&vocab);
    assert_false(tokenizer_is_end(tokenizer, word));
    assert_int_equal(tokenizer_type(tokenizer, word), TOKEN_NORMAL);
    tokenizer_free(tokenizer);
}

/* Shields `text`, puts a control token before and behind as a template would, and encodes all. */
static void check_shielded(const struct tokenizer *tokenizer, const char *text, int32_t end,
                           const char *expected)
{
    struct buffer prompt = {0};
    buffer_text(&prompt, "<|im_end|>");
    tokenizer_shield(tokenizer, slice_of(text), &prompt);
    buffer_text(&prompt, "<|im_end|>");
    assert_false(prompt.failed);
    int32_t ids[64];
    int n =
        tokenizer_encode_shielded(tokenizer, (struct slice){prompt.data, prompt.n_bytes}, ids, 64);
    assert_int_equal(n, strlen(expected) + 2);
    assert_int_equal(ids[0], end);
    assert_int_equal(ids[n - 1], end);
    for (int i = 1; i < n - 1; i++) assert_int_equal(ids[i], (uint8_t)expected[i - 1]);
    buffer_free(&prompt);
}

static void test_shielded_text_gives_no_control_token(void **state)
{
    (void)state;
    struct vocab vocab;
    start_bpe(&vocab);
    int32_t end = add_token(&vocab, "<|im_end|>", TOKEN_CONTROL, 0);
    add_token(&vocab, "\u00e9\u00e8", TOKEN_CONTROL, 0);
    struct tokenizer *tokenizer = finish(&vocab);
    check_shielded(tokenizer, "", end, "");
    check_shielded(tokenizer, "plain", end, "plain");
    check_shielded(tokenizer, "<|im_end|>", end, "<|im_end|>");
    check_shielded(tokenizer, "<<|im_end|><|im_end|>>", end, "<<|im_end|><|im_end|>>");
    check_shielded(tokenizer, "<\uFDD0|im_end|>", end, "<|im_end|>");
    check_shielded(tokenizer, "<|im_\uFDD0\uFDD0end|>", end, "<|im_end|>");
    check_shielded(tokenizer, "\u00e9\u00e8", end, "\u00e9\u00e8");
    tokenizer_free(tokenizer);
}

static void test_bpe_any_bytes(void **state)
{
    (void)state;
    struct vocab vocab;
    start_bpe(&vocab);
    struct tokenizer *tokenizer = finish(&vocab);
    struct rng rng = {7};
    char bytes[64];
    for (int i = 0; i < 20000; i++) {
        size_t n = rng_next(&rng) % sizeof bytes;
        for (size_t j = 0; j < n; j++) bytes[j] = (char)rng_next(&rng);
        check_round_trip(tokenizer, (struct slice){bytes, n}, HEFT_PARSE_SPECIAL, 0);
    }
    tokenizer_free(tokenizer);
}

static void test_small_cap_counts_all(void **state)
{
    (void)state;
    struct vocab vocab;
    start_bpe(&vocab);
    struct tokenizer *tokenizer = finish(&vocab);
    int32_t ids[4] = {-7, -7, -7, -7};
    assert_int_equal(tokenizer_encode(tokenizer, "hello", 5, 0, ids, 3), 5);
    assert_int_equal(ids[2], 'l');
    assert_int_equal(ids[3], -7);
    assert_int_equal(tokenizer_encode(tokenizer, "hello", 5, 0, NULL, 0), 5);
    tokenizer_free(tokenizer);
}

/* Some models were trained on composed letters only. */
static void test_bpe_composes_letters(void **state)
{
    (void)state;
    struct vocab vocab;
    start_bpe(&vocab);
    struct tokenizer *plain = finish(&vocab);
    vocab.source.pre = "qwen2";
    struct tokenizer *composing = finish(&vocab);
    CHECK(plain, "ae\u0301", 0, 'a', 'e', 0xCC, 0x81);
    CHECK(composing, "ae\u0301", 0, 'a', 0xC3, 0xA9);
    CHECK(composing,
          "\xff"
          "e\u0301",
          0, 0xFF, 0xC3, 0xA9);
    CHECK(composing, "e\xcc", 0, 'e', 0xCC);

    enum { N_MARKS = 200000 }; /* of two classes in turn, which would be sorted */
    char *text = malloc(4 * N_MARKS);
    for (int i = 0; i < N_MARKS; i++) memcpy(text + 4 * (size_t)i, "\u0301\u0323", 4);
    check_round_trip(composing, (struct slice){text, 4 * N_MARKS}, 0, 0);
    free(text);
    tokenizer_free(plain);
    tokenizer_free(composing);
}

/* The memory of words seen before must not show. */
static void test_long_text_like_short_ones(void **state)
{
    (void)state;
    struct vocab vocab;
    start_bpe(&vocab);
    int32_t th = add_merge(&vocab, "t h", "th");
    struct tokenizer *tokenizer = finish(&vocab);
    enum { N_REPEATS = 10000 };
    static const char word[] = "th others anotherquitelongwordthatisnotkept ";
    size_t n_word = sizeof word - 1, n_bytes = N_REPEATS * n_word;
    char *text = malloc(n_bytes);
    int32_t *ids = malloc(n_bytes * sizeof *ids), once[64];
    for (int i = 0; i < N_REPEATS; i++) memcpy(text + (size_t)i * n_word, word, n_word);
    int n_once = tokenizer_encode(tokenizer, word, n_word, 0, once, 64);
    assert_int_equal(once[0], th);
    assert_int_equal(tokenizer_encode(tokenizer, text, n_bytes, 0, ids, (int)n_bytes),
                     n_once * N_REPEATS);
    for (int i = 0; i < n_once * N_REPEATS; i++) assert_int_equal(ids[i], once[i % n_once]);
    free(text);
    free(ids);
    tokenizer_free(tokenizer);
}

/* A megabyte without a place to cut it. */
static void test_one_long_word(void **state)
{
    (void)state;
    struct vocab vocab;
    start_bpe(&vocab);
    add_merge(&vocab, "a a", "aa");
    add_merge(&vocab, "aa aa", "aaaa");
    struct tokenizer *tokenizer = finish(&vocab);
    enum { N_BYTES = 1 << 20 };
    char *text = malloc(N_BYTES);
    memset(text, 'a', N_BYTES);
    assert_int_equal(tokenizer_encode(tokenizer, text, N_BYTES, 0, NULL, 0), N_BYTES / 4);
    free(text);
    tokenizer_free(tokenizer);
}

/* ---- SentencePiece ---- */

#define SPACE "\xE2\x96\x81"

static void test_spm(void **state)
{
    (void)state;
    struct vocab vocab;
    start_spm(&vocab);
    int32_t space = add_token(&vocab, SPACE, TOKEN_NORMAL, -10),
            a = add_token(&vocab, "a", TOKEN_NORMAL, -11);
    int32_t b = add_token(&vocab, "b", TOKEN_NORMAL, -12),
            ab = add_token(&vocab, "ab", TOKEN_NORMAL, -2);
    int32_t space_a = add_token(&vocab, SPACE "a", TOKEN_NORMAL, -1);
    int32_t s_end = add_token(&vocab, "s>", TOKEN_NORMAL, -3),
            less = add_token(&vocab, "<", TOKEN_NORMAL, -13);
    struct tokenizer *tokenizer = finish(&vocab);
    CHECK(tokenizer, "ab", 0, space_a, b); /* the higher score first */
    CHECK(tokenizer, "bab", 0, space, b, ab);
    CHECK(tokenizer, " a", 0, space, space_a);
    CHECK(tokenizer, "", 0, -1);
    CHECK(tokenizer, "\u00e9", 0, space, 3 + 0xC3, 3 + 0xA9); /* bytes for what no token covers */
    CHECK(tokenizer, "\xff", 0, space, 3 + 0xFF);
    CHECK(tokenizer, "<s>", 0, space, less, s_end); /* not the control token, whatever its score */
    CHECK(tokenizer, "a<s>a", HEFT_PARSE_SPECIAL, space_a, 1, space_a);
    char text[8];
    assert_int_equal(tokenizer_decode(tokenizer, space_a, false, text, 8), 2);
    assert_memory_equal(text, " a", 2);
    assert_int_equal(tokenizer_decode(tokenizer, 3 + '\n', false, text, 8), 1);
    assert_int_equal(text[0], '\n');
    assert_int_equal(a, space + 1);
    tokenizer_free(tokenizer);

    vocab.source.add_space_prefix = false;
    vocab.source.remove_extra_whitespaces = true;
    tokenizer = finish(&vocab);
    CHECK(tokenizer, "ab", 0, ab);
    CHECK(tokenizer, "  b   a ", 0, b, space_a);
    CHECK(tokenizer, "   ", 0, -1);
    tokenizer_free(tokenizer);
}

/* A symbol of SentencePiece stands inside of the text: no word begins anew behind it. Tokens added
 * later, which converters give a score of -1000, cut the text. */
static void test_spm_symbols(void **state)
{
    (void)state;
    struct vocab vocab;
    start_spm(&vocab);
    int32_t space = add_token(&vocab, SPACE, TOKEN_NORMAL, -10),
            a = add_token(&vocab, "a", TOKEN_NORMAL, -11);
    int32_t space_a = add_token(&vocab, SPACE "a", TOKEN_NORMAL, -1),
            a_ref = add_token(&vocab, "a[", TOKEN_NORMAL, -1);
    int32_t ref = add_token(&vocab, "[REF]", TOKEN_USER_DEFINED, 0),
            longer = add_token(&vocab, "[REF]s", TOKEN_USER_DEFINED, 0);
    int32_t spaces = add_token(&vocab, SPACE SPACE, TOKEN_USER_DEFINED, 0),
            added = add_token(&vocab, "<add>", TOKEN_USER_DEFINED, -1000);
    struct tokenizer *tokenizer = finish(&vocab);
    CHECK(tokenizer, "aa[REF]a", 0, space_a, a, ref, a); /* nothing is merged with it */
    CHECK(tokenizer, "[REF]", 0, space, ref);
    CHECK(tokenizer, "[REF]s[REF a", 0, space, longer, 3 + '[', 3 + 'R', 3 + 'E', 3 + 'F', space_a);
    CHECK(tokenizer, "a  a", 0, space_a, spaces, a);
    CHECK(tokenizer, "a<add>a", 0, space_a, added, space_a);
    CHECK(tokenizer, "<add>[REF]a", HEFT_PARSE_SPECIAL, added, space, ref, a);
    CHECK(tokenizer, "[REF]<s>[REF]", HEFT_PARSE_SPECIAL, space, ref, 1, space, ref);
    CHECK(tokenizer, "aa[a", 0, space_a, a_ref, a);
    char text[8];
    assert_int_equal(tokenizer_decode(tokenizer, spaces, false, text, 8), 2);
    assert_memory_equal(text, "  ", 2);
    assert_int_equal(tokenizer_decode(tokenizer, ref, false, text, 8), 5);
    tokenizer_free(tokenizer);
}

/* Where a token goes on past a space, words cannot be looked at one by one. */
static void test_spm_tokens_of_several_words(void **state)
{
    (void)state;
    struct vocab vocab;
    start_spm(&vocab);
    int32_t space = add_token(&vocab, SPACE, TOKEN_NORMAL, -10);
    add_token(&vocab, "a", TOKEN_NORMAL, -11);
    add_token(&vocab, SPACE "a", TOKEN_NORMAL, -9);
    int32_t a_space_a = add_token(&vocab, "a" SPACE "a", TOKEN_NORMAL, -1);
    add_token(&vocab, "a" SPACE, TOKEN_NORMAL, -2);
    struct tokenizer *tokenizer = finish(&vocab);
    CHECK(tokenizer, "a a", 0, space, a_space_a);
    tokenizer_free(tokenizer);
}

static void test_spm_without_bytes(void **state)
{
    (void)state;
    struct vocab vocab;
    start(&vocab, VOCAB_SPM);
    vocab.source.unknown = add_token(&vocab, "<unk>", TOKEN_UNKNOWN, 0);
    int32_t a = add_token(&vocab, "a", TOKEN_NORMAL, 0);
    struct tokenizer *tokenizer = finish(&vocab);
    CHECK(tokenizer, "a\u00e9", 0, a, 0); /* one for the character, not for its bytes */
    tokenizer_free(tokenizer);
    vocab.source.unknown = -1;
    tokenizer = finish(&vocab);
    CHECK(tokenizer,
          "\u00e9"
          "a",
          0, a);
    tokenizer_free(tokenizer);
}

/* ---- stream ---- */

static void check_stream(const struct tokenizer *tokenizer, heft_stream *stream, int32_t token,
                         const char *text)
{
    char out[64];
    int n = tokenizer_stream(tokenizer, stream, token, out, sizeof out);
    assert_string_equal(out, text);
    assert_int_equal(n, strlen(text));
}

static void test_stream_gives_whole_characters(void **state)
{
    (void)state;
    struct vocab vocab;
    start_bpe(&vocab);
    struct tokenizer *tokenizer = finish(&vocab);
    heft_stream stream = {0};
    check_stream(tokenizer, &stream, 0xF0, "");
    check_stream(tokenizer, &stream, 0x9F, "");
    check_stream(tokenizer, &stream, 0x91, "");
    check_stream(tokenizer, &stream, 0x8D, "\U0001f44d");
    check_stream(tokenizer, &stream, 0xE4, "");
    check_stream(tokenizer, &stream, 'x', "\uFFFDx"); /* it cannot be finished any more */
    check_stream(tokenizer, &stream, 0x80, "\uFFFD");
    check_stream(tokenizer, &stream, 0xED, "");
    check_stream(tokenizer, &stream, 0xA0, "\uFFFD\uFFFD"); /* half of a surrogate pair */
    check_stream(tokenizer, &stream, 0xE4, "");
    check_stream(tokenizer, &stream, 0xBD, "");
    check_stream(tokenizer, &stream, -1, "\uFFFD");
    check_stream(tokenizer, &stream, -1, "");
    check_stream(tokenizer, &stream, ' ', " ");
    check_stream(tokenizer, &stream, 70000, "");

    char out[4] = "????";
    check_stream(tokenizer, &stream, 0xF0, "");
    check_stream(tokenizer, &stream, 0x9F, "");
    check_stream(tokenizer, &stream, 0x91, "");
    assert_int_equal(tokenizer_stream(tokenizer, &stream, 0x8D, out, 4),
                     0); /* no room for it and the NUL */
    assert_int_equal(out[0], 0);
    assert_int_equal(tokenizer_stream(tokenizer, &stream, 'x', out, 0), 0);
    stream.n_held = 99;
    check_stream(tokenizer, &stream, 'y', "y");
    tokenizer_free(tokenizer);
}

static void test_stream_drops_the_space_put_before_a_text(void **state)
{
    (void)state;
    struct vocab vocab;
    start_spm(&vocab);
    int32_t space_a = add_token(&vocab, SPACE "a", TOKEN_NORMAL, 0);
    struct tokenizer *tokenizer = finish(&vocab);
    heft_stream stream = {0};
    check_stream(tokenizer, &stream, 1, ""); /* <s> does not start the text */
    check_stream(tokenizer, &stream, space_a, "a");
    check_stream(tokenizer, &stream, space_a, " a");
    check_stream(tokenizer, &stream, 3 + 0xC3, "");
    check_stream(tokenizer, &stream, 3 + 0xA9, "\u00e9");
    tokenizer_free(tokenizer);
}

/* ---- hostile vocabularies ---- */

static void test_bad_vocabularies(void **state)
{
    (void)state;
    struct vocab vocab;
    start_bpe(&vocab);
    struct vocab_source bad = vocab.source;
    bad.n_tokens = 0;
    refuse(&bad, "no tokens");
    bad.n_tokens = -5;
    refuse(&bad, "no tokens");
    bad = vocab.source;
    bad.eos = 256;
    refuse(&bad, "eos");
    bad = vocab.source;
    bad.bos = -2;
    refuse(&bad, "bos");
    bad = vocab.source;
    bad.pre = "nonsense";
    refuse(&bad, "tokenizer.ggml.pre");
    bad = vocab.source;
    bad.n_merges = -1;
    refuse(&bad, "merges");
    static const char *const merges[] = {"", " ", "a", "ab", "a ", "  "};
    for (size_t i = 0; i < sizeof merges / sizeof *merges; i++) {
        vocab.merges[0] = slice_of(merges[i]);
        vocab.source.n_merges = 1;
        refuse(&vocab.source, "merge 0");
    }
    static char big[70000];
    memset(big, 'a', sizeof big);
    vocab.source.n_merges = 0;
    vocab.tokens[5] = (struct slice){big, sizeof big};
    refuse(&vocab.source, "token 5");
    vocab.tokens[5].n_bytes = 2000;
    vocab.types[5] = TOKEN_CONTROL;
    refuse(&vocab.source, "special token 5");

    start_spm(&vocab);
    add_token(&vocab, "x", TOKEN_NORMAL, NAN);
    refuse(&vocab.source, "score");
}

static void test_odd_vocabularies(void **state)
{
    (void)state;
    struct vocab vocab;
    start(&vocab, VOCAB_BPE);
    add_token(&vocab, "", TOKEN_NORMAL, 0);
    add_token(&vocab, "", TOKEN_CONTROL, 0);
    int32_t a = add_token(&vocab, "a", TOKEN_NORMAL, 0);
    add_token(&vocab, "a", TOKEN_CONTROL, 0);
    add_token(&vocab, "\xff\xc0", TOKEN_NORMAL, 0);
    add_token(&vocab, "<0x", TOKEN_BYTE, 0);
    add_token(&vocab, "b", 77, 0);
    vocab.merges[vocab.source.n_merges++] = slice_of("a b");
    vocab.merges[vocab.source.n_merges++] = slice_of("a a");
    struct tokenizer *tokenizer = finish(&vocab);
    CHECK(tokenizer, "acab", 0, a, a, a + 4); /* no token for c, and no unknown */
    assert_int_equal(tokenizer_piece(tokenizer, a + 2, false).n_bytes, 2);
    assert_int_equal(tokenizer_find(tokenizer, slice_of("a")), a);
    assert_int_equal(tokenizer_find(tokenizer, slice_of("")), -1);
    tokenizer_free(tokenizer);

    start_spm(&vocab);
    add_token(&vocab, "a", TOKEN_NORMAL, INFINITY);
    add_token(&vocab, "aa", TOKEN_NORMAL, -INFINITY);
    add_token(&vocab, SPACE, TOKEN_NORMAL, -0.0F);
    tokenizer = finish(&vocab);
    CHECK(tokenizer, "aaa", 0, 261, 260, 259);
    tokenizer_free(tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bpe_merges_by_rank),
        cmocka_unit_test(test_bpe_special_tokens),
        cmocka_unit_test(test_special_tokens_that_share_beginnings),
        cmocka_unit_test(test_hashes_cannot_be_chosen),
        cmocka_unit_test(test_hash_of_a_word_is_that_of_its_bytes),
        cmocka_unit_test(test_end_marks_of_the_type_normal),
        cmocka_unit_test(test_ends_of_turns),
        cmocka_unit_test(test_shielded_text_gives_no_control_token),
        cmocka_unit_test(test_bpe_any_bytes),
        cmocka_unit_test(test_bpe_composes_letters),
        cmocka_unit_test(test_small_cap_counts_all),
        cmocka_unit_test(test_long_text_like_short_ones),
        cmocka_unit_test(test_one_long_word),
        cmocka_unit_test(test_spm),
        cmocka_unit_test(test_spm_symbols),
        cmocka_unit_test(test_spm_tokens_of_several_words),
        cmocka_unit_test(test_spm_without_bytes),
        cmocka_unit_test(test_stream_gives_whole_characters),
        cmocka_unit_test(test_stream_drops_the_space_put_before_a_text),
        cmocka_unit_test(test_bad_vocabularies),
        cmocka_unit_test(test_odd_vocabularies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
