/* Pre-tokenizers: words by hand-made examples, bytes kept, hostile texts in linear time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "text/pretokenize.h"

static const char *const names[] = {
    "default",        "gpt-2",      "llama-bpe",   "qwen2",        "qwen35",     "gpt-4o",
    "tekken",         "kimi-k2",    "deepseek-v3", "deepseek-llm", "spark2_5",   "command-r",
    "deepseek-coder", "falcon",     "bloom",       "viking",       "bailingmoe", "seed-coder",
    "laguna",         "exaone-moe", "minicpm5",    "jais-2",       "youtu",      "tiny_aya"};
enum { N_NAMES = sizeof names / sizeof *names };

struct cut {
    const char *text;
    size_t at; /* bytes received so far; words must come without gaps */
    struct buffer out;
};

static struct pretokenizer *make(const char *name)
{
    struct pretokenizer *pretokenizer;
    heft_error error = {0};
    if (pretokenizer_create(name, &pretokenizer, &error) != HEFT_OK)
        fail_msg("%s: %s", name, error.message);
    return pretokenizer;
}

static bool take(void *context, size_t start, size_t n_bytes)
{
    struct cut *cut = context;
    assert_int_equal(start, cut->at);
    assert_true(n_bytes > 0);
    if (start) buffer_text(&cut->out, "|");
    buffer_append(&cut->out, cut->text + start, n_bytes);
    cut->at += n_bytes;
    return true;
}

static void check(const char *name, const char *text, const char *words)
{
    struct pretokenizer *pretokenizer = make(name);
    struct cut cut = {.text = text};
    assert_true(pretokenizer_split(pretokenizer, text, strlen(text), take, &cut));
    assert_int_equal(cut.at, strlen(text));
    assert_string_equal(cut.out.data, words);
    buffer_free(&cut.out);
    pretokenizer_free(pretokenizer);
}

static void test_words(void **state)
{
    (void)state;
    check("gpt-2", "I'll pay  $12.50\n\n now", "I|'ll| pay| | $|12|.|50|\n\n| now");
    check("gpt-2", "WE'LL", "WE|'|LL");
    check("llama-bpe", "WE'LL 12345.", "WE|'LL| |123|45|.");
    check("llama-bpe", "a\n \n  b!?\n", "a|\n \n| | b|!?\n");
    check("dbrx", "(x) 1234", "(x|)| |123|4");
    check("qwen2", "x=1234", "x|=|1|2|3|4");
    check("qwen35", "e\u0301a\u0301 x", "e\u0301a\u0301| x");
    check("qwen2", "e\u0301a", "e|\u0301a");
    check("command-r", "a 12 b", "a| |1|2| b");
    check("gpt-4o", "camelCase ABCdef it's", "camel|Case| ABCdef| it's");
    check("tekken", "itsIt's 12", "its|It|'s| |1|2");
    check("deepseek-v3", "1234 \u4f60\u597dok .abc", "123|4| |\u4f60\u597d|ok| .|abc");
    check("deepseek-coder", "int x=12;\r\n", "int| x|=|1|2|;|\r|\n");
    check("deepseek-llm", "ok, \u4f60\u597d 12", "ok|,| |\u4f60\u597d| |12");
    check("kimi-k2", "\u4f60\u597dok Is't", "\u4f60\u597d|ok| Is't");
    check("falcon", "a+b 12345", "a|+|b| |123|45");
    check("tiny_aya", "1234567 a 12345b", "1|234|567| a| |123|45|b");
    check("default", "a. 1234", "a|.| |123|4");
    check("jais-2", "a  \n  b", "a|  \n| | b");
    check("jais-2", "!\n  \n    \n     x", "!\n|  \n    \n|    | x");
    check("jais-2", "a       b   ", "a|    |  | b|  | ");
}

static void test_every_name_compiles(void **state)
{
    (void)state;
    for (int i = 0; i < N_NAMES; i++) pretokenizer_free(make(names[i]));
    pretokenizer_free(make(NULL));
    pretokenizer_free(make(""));
}

static void test_unknown_name(void **state)
{
    (void)state;
    struct pretokenizer *pretokenizer;
    heft_error error = {0};
    assert_int_equal(pretokenizer_create("gpt-99", &pretokenizer, &error), HEFT_BAD_FILE);
    assert_null(pretokenizer);
    assert_non_null(strstr(error.message, "tokenizer.ggml.pre"));
    assert_non_null(strstr(error.message, "gpt-99"));
}

static void test_bytes_that_are_no_text(void **state)
{
    (void)state;
    check("llama-bpe", "ab\xff\xfe cd\xe2\x82", "ab|\xff\xfe| cd|\xe2\x82");
    check("gpt-2", "\xc0\x80\xed\xa0\x80", "\xc0\x80\xed\xa0\x80");
    /* U+180E is no space. */
    check("gpt-2", "a\u180e b", "a|\u180e| b");
}

static bool count(void *context, size_t start, size_t n_bytes)
{
    struct cut *cut = context;
    assert_int_equal(start, cut->at);
    cut->at += n_bytes;
    return true;
}

/* Fills that make a pattern look far ahead, and ends that disappoint it. */
static const char *const fills[] = {
    "a",   "A",        "\u4f60", "\u00e9", "1",          " ", "\n",     "\t ",  "\r",
    " \n", "!",        "\u0301", "a ",     "Aa",         "'", "\u00bd", "\xff", "\u3000",
    "1a",  "a\u0301 ", "!\n",    "\u3042", "\U0001f44d", "{", "!\n  "};
static const char *const ends[] = {"", "x", "\u4f60", "\n"};
enum { N_FILLS = sizeof fills / sizeof *fills, N_ENDS = sizeof ends / sizeof *ends };

static size_t fill_text(char *text, size_t n_bytes, const char *fill, const char *end)
{
    size_t n_fill = strlen(fill), n = 0;
    for (; n + n_fill <= n_bytes; n += n_fill) memcpy(text + n, fill, n_fill);
    memcpy(text + n, end, strlen(end));
    return n + strlen(end);
}

struct work {
    size_t n_steps, last;
};

/* PCRE2 calls this before each item of a pattern. What an item has read is how far the place has
 * moved, in either direction. */
static int count_step(pcre2_callout_block *block, void *context)
{
    struct work *work = context;
    size_t at = block->current_position;
    work->n_steps += 1 + (at > work->last ? at - work->last : work->last - at);
    work->last = at;
    return 0;
}

/* The work of finding all matches of one pattern. */
static size_t count_work(const pcre2_code *code, const char *text, size_t n_bytes)
{
    struct work work = {0};
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);
    assert_true(context && match);
    pcre2_set_callout(context, count_step, &work);
    for (size_t at = 0; at < n_bytes;) {
        work.last = at;
        int n = pcre2_match(code, (PCRE2_SPTR)text, n_bytes, at, PCRE2_NOTEMPTY, match, context);
        if (n < 0) {
            assert_int_equal(n, PCRE2_ERROR_NOMATCH);
            break;
        }
        at = pcre2_get_ovector_pointer(match)[1];
    }
    pcre2_match_data_free(match);
    pcre2_match_context_free(context);
    return work.n_steps;
}

static void test_work_grows_with_the_length(void **state)
{
    (void)state;
    enum { N_BYTES = 1600 };
    static char text[4 * N_BYTES + 8];
    for (int i = 0; i < N_NAMES; i++) {
        for (const char *const *pattern = pretype_find(names[i])->patterns; *pattern; pattern++) {
            int code;
            size_t offset;
            uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY | PCRE2_AUTO_CALLOUT;
            pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)*pattern, PCRE2_ZERO_TERMINATED,
                                                 options, &code, &offset, NULL);
            assert_non_null(compiled);
            for (int j = 0; j < N_FILLS * N_ENDS; j++) {
                const char *fill = fills[j / N_ENDS], *end = ends[j % N_ENDS];
                if (fill[0] == '\xff') continue; /* the tokenizer replaces what is not UTF-8 */
                size_t few = count_work(compiled, text, fill_text(text, N_BYTES, fill, end));
                size_t many = count_work(compiled, text, fill_text(text, 4 * N_BYTES, fill, end));
                if (many > 6 * few)
                    fail_msg("%s, %s: %zu steps for runs of \"%s\" and %zu for four times as long",
                             names[i], *pattern, few, fill, many);
            }
            pcre2_code_free(compiled);
        }
    }
}

static void test_hostile_texts_take_linear_time(void **state)
{
    (void)state;
    enum { N_BYTES = 200000 };
    char *text = malloc(N_BYTES + 8);
    assert_non_null(text);
    for (int i = 0; i < N_NAMES; i++) {
        struct pretokenizer *pretokenizer = make(names[i]);
        for (int j = 0; j < N_FILLS * N_ENDS; j++) {
            struct cut cut = {.text = text};
            size_t n = fill_text(text, N_BYTES, fills[j / N_ENDS], ends[j % N_ENDS]);
            uint64_t start = clock_ns();
            assert_true(pretokenizer_split(pretokenizer, text, n, count, &cut));
            assert_int_equal(cut.at, n);
            /* Milliseconds if linear, and longer than this if quadratic. */
            assert_true(clock_ns() - start < UINT64_C(5000000000));
        }
        pretokenizer_free(pretokenizer);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_every_name_compiles),
        cmocka_unit_test(test_unknown_name),
        cmocka_unit_test(test_bytes_that_are_no_text),
        cmocka_unit_test(test_work_grows_with_the_length),
        cmocka_unit_test(test_hostile_texts_take_linear_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
