/* The template interpreter against Python's jinja2: tests/templates/make_expected.py wrote down
 * what that renders. Run from the root of the repository. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "text/template.h"

enum { NOW = 1736944496 }; /* 2025-01-15 12:34:56 UTC, as in make_expected.py */

static heft_status render(const char *source, size_t n_bytes, const json_t *variables,
                          const struct template_limits *limits, struct buffer *out,
                          heft_error *error)
{
    struct template *template;
    heft_status status = template_parse(source, n_bytes, &template, error);
    if (status == HEFT_OK) status = template_render(template, variables, limits, out, error);
    template_free(template);
    return status;
}

/* ---- jinja2's results ---- */

static bool same_text(const struct buffer *out, const json_t *expected)
{
    return out->n_bytes == json_string_length(expected) &&
           (out->n_bytes == 0 || memcmp(out->data, json_string_value(expected), out->n_bytes) == 0);
}

/* True if the render did what `result` says: "expected" text, "raised" message or any "error". */
static bool check(const char *name, const char *source, size_t n_bytes, const json_t *variables,
                  const json_t *result)
{
    struct template_limits limits = {.now = NOW};
    struct buffer out = {0};
    heft_error error = {0};
    heft_status status = render(source, n_bytes, variables, &limits, &out, &error);
    const json_t *expected = json_object_get(result, "expected");
    const json_t *raised = json_object_get(result, "raised");
    bool good = expected ? status == HEFT_OK && same_text(&out, expected)
                : raised ? status == HEFT_USAGE && !strcmp(error.message, json_string_value(raised))
                         : status == HEFT_BAD_FILE;
    if (!good) {
        const json_t *wanted = expected ? expected
                               : raised ? raised
                                        : json_object_get(result, "error");
        print_message("%s\n  wanted %s: %s\n  found  %s: %s\n", name,
                      expected ? "text"
                      : raised ? "raise"
                               : "error",
                      json_string_value(wanted), status == HEFT_OK ? "text" : "error",
                      status != HEFT_OK ? error.message
                      : out.data        ? out.data
                                        : "");
    }
    buffer_free(&out);
    return good;
}

static json_t *load(const char *path)
{
    json_error_t error;
    json_t *json = json_load_file(path, 0, &error);
    if (!json) fail_msg("%s: %s", path, error.text);
    return json;
}

static void test_constructs(void **state)
{
    (void)state;
    json_t *cases = load("tests/templates/constructs.json"), *none = json_object(), *entry;
    size_t index;
    int n_bad = 0;
    json_array_foreach(cases, index, entry)
    {
        const json_t *source = json_object_get(entry, "template");
        const json_t *variables = json_object_get(entry, "variables");
        const char *text = json_string_value(source);
        n_bad +=
            !check(text, text, json_string_length(source), variables ? variables : none, entry);
    }
    json_decref(none);
    json_decref(cases);
    assert_int_equal(n_bad, 0);
}

/* A published template, which is not part of the repository; NULL where the folder is not there. */
static char *read_published(const char *name, size_t *n_bytes)
{
    const char *shared = getenv("HEFT_SHARED");
    char path[1024];
    snprintf(path, sizeof path, "%s/templates/%s.jinja", shared ? shared : "../shared", name);
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    char *text = malloc(1 << 20);
    assert_non_null(text);
    *n_bytes = fread(text, 1, 1 << 20, file);
    fclose(file);
    return text;
}

static int check_published(const char *name, const json_t *cases)
{
    size_t n_bytes, index;
    json_t *entry;
    char path[1024], *source = read_published(name, &n_bytes);
    int n_bad = 0;
    if (!source) {
        print_message("skipped: %s.jinja is not in $HEFT_SHARED/templates\n", name);
        return 0;
    }
    snprintf(path, sizeof path, "tests/templates/expected/%s.json", name);
    json_t *results = load(path);
    json_array_foreach(cases, index, entry)
    {
        const char *conversation = json_string_value(json_object_get(entry, "name"));
        char title[512];
        snprintf(title, sizeof title, "%s, %s", name, conversation);
        n_bad += !check(title, source, n_bytes, json_object_get(entry, "variables"),
                        json_object_get(results, conversation));
    }
    json_decref(results);
    free(source);
    return n_bad;
}

static const char *const published[] = {
    "CohereForAI-c4ai-command-r-plus-tool_use",
    "GLM-4.6",
    "Kimi-K2-Instruct",
    "MiniMax-M2",
    "Qwen3-Coder",
    "Qwen3.5-4B",
    "deepseek-ai-DeepSeek-R1-Distill-Llama-8B",
    "deepseek-ai-DeepSeek-V3.1",
    "meta-llama-Llama-3.1-8B-Instruct",
    "mistralai-Mistral-Nemo-Instruct-2407",
    "openai-gpt-oss-120b",
};

static void test_published_templates(void **state)
{
    (void)state;
    json_t *cases = load("tests/templates/conversations.json");
    int n_bad = 0;
    for (size_t i = 0; i < sizeof published / sizeof *published; i++)
        n_bad += check_published(published[i], cases);
    json_decref(cases);
    assert_int_equal(n_bad, 0);
}

/* ---- limits ---- */

static void expect_failure(const char *source, const char *reason)
{
    struct buffer out = {0};
    heft_error error = {0};
    json_t *none = json_object();
    uint64_t start = clock_ns();
    assert_int_equal(render(source, strlen(source), none, NULL, &out, &error), HEFT_BAD_FILE);
    if (!strstr(error.message, reason)) fail_msg("%.80s: %s", source, error.message);
    assert_true(clock_ns() - start < 20u * 1000 * 1000 * 1000);
    assert_int_equal(out.n_bytes, 0);
    buffer_free(&out);
    json_decref(none);
}

static void test_hostile_templates(void **state)
{
    (void)state;
    expect_failure(
        "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
        "steps");
    expect_failure("{% set n = namespace(t='x') %}{% for i in range(99) %}{% set n.t = n.t ~ n.t "
                   "%}{% endfor %}",
                   "MiB");
    expect_failure("{{ 'xxxxxxxxxx' * 99999999999 }}", "writes more than");
    expect_failure("{{ [0] * 99999999999 }}", "memory");
    expect_failure("{{ range(100001) }}", "range");
    expect_failure("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "levels deep");
    expect_failure("{% set n = namespace() %}{% set n.n = n %}{{ n }}", "levels deep");
    expect_failure(
        "{% set n = namespace(l=[]) %}{% for i in range(99999) %}{% set n.l = [n.l] %}{% endfor %}"
        "{{ n.l }}",
        "levels deep");
    expect_failure("{% set n = namespace(l=[]) %}{% for i in range(99) %}{% set n.l = [n.l, n.l] "
                   "%}{% endfor %}"
                   "{{ n.l == [n.l[0], n.l[1]] }}",
                   "steps");
    expect_failure("{{ '%999999d' % 1 ~ '%9999999d' % 1 }}", "format");
    expect_failure("{{ 2 ** 64 }}", "too large");
    expect_failure("{{ -9223372036854775807 - 2 }}", "too large");
    expect_failure("{{ 99999999999999999999 }}", "64 bits");
    expect_failure("{{ [].append(1) }}", "would change a list");
    expect_failure("{{ x.y.z }}", "'x' is undefined");
}

/* `n` times `open`, then `middle`, then `n` times `close`. */
static void expect_deep_failure(int n, const char *open, const char *middle, const char *close)
{
    struct buffer source = {0};
    for (int i = 0; i < n; i++) buffer_text(&source, open);
    buffer_text(&source, middle);
    for (int i = 0; i < n; i++) buffer_text(&source, close);
    expect_failure(source.data, "deep");
    buffer_free(&source);
}

static void test_deep_nesting(void **state)
{
    (void)state;
    enum { N = 30000 };
    expect_deep_failure(N, "{% if 1 %}", "x", "{% endif %}");
    expect_deep_failure(N, "{% for i in [1] %}", "x", "{% endfor %}");
    struct buffer source = {0};
    static const char *const shapes[][3] = {
        {"(", "1", ")"},           {"[", "1", "]"},   {"{1:", "1", "}"},
        {"- ", "1", ""},           {"not ", "1", ""}, {"", "1", "+1"},
        {"", "x", ".x"},           {"", "1", "|abs"}, {"x(", "1", ")"},
        {"", "1", " and 1"},       {"", "x", "[0]"},  {"", "1", " if 1 else 1"},
        {"1 if 1 else ", "1", ""}, {"", "x", "()"},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        char open[32], close[32];
        snprintf(open, sizeof open, "%s", shapes[i][0]);
        snprintf(close, sizeof close, "%s", shapes[i][2]);
        buffer_clear(&source);
        buffer_text(&source, "{{ ");
        for (int j = 0; j < N; j++) buffer_text(&source, open);
        buffer_text(&source, shapes[i][1]);
        for (int j = 0; j < N; j++) buffer_text(&source, close);
        buffer_text(&source, " }}");
        expect_failure(source.data, "deep");
    }
    buffer_free(&source);
}

/* ---- the rest ---- */

static void test_errors_name_the_line(void **state)
{
    (void)state;
    expect_failure("a\nb\n{{ 1 / 0 }}", "chat template, line 3: division by zero");
    expect_failure("{% if x %}\n{{ 'a", "chat template, line 2: a string has no end");
    expect_failure("{% extends 'x' %}", "'extends' is not known");
    expect_failure("\xff", "UTF-8");
}

static void test_output_is_appended(void **state)
{
    (void)state;
    struct buffer out = {0};
    heft_error error;
    json_t *variables = json_pack("{s:s}", "x", "two");
    buffer_text(&out, "one ");
    assert_int_equal(render("{{ x }}", 7, variables, NULL, &out, &error), HEFT_OK);
    assert_string_equal(out.data, "one two");
    assert_int_equal(render("abc{{ 1 / 0 }}", 14, variables, NULL, &out, NULL), HEFT_BAD_FILE);
    assert_string_equal(out.data, "one two");
    buffer_free(&out);
    json_decref(variables);
}

static void test_given_limits(void **state)
{
    (void)state;
    struct buffer out = {0};
    json_t *none = json_object();
    const char *source = "{% for i in range(1000) %}{{ [i, i] }}{% endfor %}";
    struct template_limits few_steps = {.steps = 50}, few_bytes = {.output_bytes = 50},
                           little_memory = {.memory_bytes = 1000}, shallow = {.depth = 2};
    const struct template_limits *all[] = {&few_steps, &few_bytes, &little_memory, &shallow};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(render(source, strlen(source), none, all[i], &out, NULL), HEFT_BAD_FILE);
    assert_int_equal(render(source, strlen(source), none, NULL, &out, NULL), HEFT_OK);
    buffer_free(&out);
    json_decref(none);
}

/* A long conversation is rendered in well under a second even where the machine is busy. */
static void test_long_conversation(void **state)
{
    (void)state;
    json_t *messages = json_array();
    for (int i = 0; i < 1000; i++)
        json_array_append_new(messages,
                              json_pack("{s:s, s:s}", "role", i % 2 ? "assistant" : "user",
                                        "content", "<think>a thought</think> and words"));
    json_t *variables = json_pack("{s:o, s:s, s:s, s:b}", "messages", messages, "bos_token", "<s>",
                                  "eos_token", "</s>", "add_generation_prompt", 0);
    for (size_t i = 0; i < sizeof published / sizeof *published; i++) {
        size_t n_bytes;
        char *source = read_published(published[i], &n_bytes);
        if (!source) continue;
        struct buffer out = {0};
        heft_error error = {0};
        uint64_t start = clock_ns();
        heft_status status = render(source, n_bytes, variables, NULL, &out, &error);
        uint64_t ns = clock_ns() - start;
        if (status != HEFT_OK) fail_msg("%s: %s", published[i], error.message);
        assert_true(out.n_bytes > 1000 * 10);
        assert_true(ns < 5u * 1000 * 1000 * 1000);
        print_message("%s: 1000 messages in %.1f ms\n", published[i], (double)ns / 1e6);
        buffer_free(&out);
        free(source);
    }
    json_decref(variables);
}

int main(void)
{
    setenv("TZ", "UTC", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constructs),           cmocka_unit_test(test_published_templates),
        cmocka_unit_test(test_hostile_templates),    cmocka_unit_test(test_deep_nesting),
        cmocka_unit_test(test_errors_name_the_line), cmocka_unit_test(test_output_is_appended),
        cmocka_unit_test(test_given_limits),         cmocka_unit_test(test_long_conversation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
