/* Names of models, of their files and of quantizations; and the header fields of answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "hub/address.h"
#include "hub/choice.h"
#include "hub/http_fields.h"
#include "hub/name.h"
#include "hub/quant.h"
#include "hub/split.h"

static const char hub[] = "https://huggingface.co";

static void is_name(const char *text, const char *endpoint, const struct hub_name *expected)
{
    struct hub_name name;
    heft_error error = {0};
    if (hub_name_parse(text, endpoint, &name, &error) != HEFT_OK) fail_msg("%s", error.message);
    assert_string_equal(name.origin, expected->origin);
    assert_string_equal(name.repo, expected->repo);
    assert_string_equal(name.quant, expected->quant);
    assert_string_equal(name.within, expected->within);
    assert_string_equal(name.url, expected->url);
    assert_string_equal(name.revision, expected->revision);
    assert_true(hub_name_is_remote(text));
}

static void names_of_repositories(void **state)
{
    (void)state;
    struct hub_name name = {.origin = "https://huggingface.co", .repo = "a/b", .revision = "main"};
    is_name("a/b", NULL, &name);
    is_name("hf.co/a/b", NULL, &name);
    is_name("huggingface.co/a/b", NULL, &name);
    is_name("https://huggingface.co/a/b", NULL, &name);
    is_name("https://HuggingFace.co/a/b/", NULL, &name);
    is_name("https://hf.co/a/b/tree/main", NULL, &name);
    is_name("https://huggingface.co/a/b?library=x", NULL, &name);
    struct hub_name loud = name;
    snprintf(loud.repo, sizeof loud.repo, "a/b-iMat.GGUF");
    is_name("a/b-iMat.GGUF", NULL, &loud);
    snprintf(name.quant, sizeof name.quant, "UD-Q4_K_XL");
    is_name("a/b:UD-Q4_K_XL", NULL, &name);
    is_name("hf.co/a/b:UD-Q4_K_XL", NULL, &name);
    snprintf(name.origin, sizeof name.origin, "http://mirror:8080/hf");
    is_name("a/b:UD-Q4_K_XL", "http://mirror:8080/hf/", &name);
    is_name("https://huggingface.co/a/b:UD-Q4_K_XL", "http://mirror:8080/hf", &name);
}

static void names_of_files(void **state)
{
    (void)state;
    struct hub_name name = {.origin = "https://huggingface.co",
                            .repo = "a/b",
                            .revision = "v1/x",
                            .within = "Q4 big/m.gguf"};
    is_name("https://huggingface.co/a/b/blob/v1%2Fx/Q4%20big/m.gguf", NULL, &name);
    is_name("https://huggingface.co/a/b/resolve/v1%2fx/Q4%20big/m.gguf?download=true", NULL, &name);
    struct hub_name folder = {.origin = "https://other.example:444",
                              .repo = "a/b",
                              .revision = "main",
                              .within = "UD-Q2_K"};
    is_name("https://other.example:444/a/b/tree/main/UD-Q2_K/", NULL, &folder);
    struct hub_name file = {.origin = "https://files.example",
                            .url = "https://files.example/m-00001-of-00002.gguf?key=1"};
    is_name("https://files.example/m-00001-of-00002.gguf?key=1", NULL, &file);
}

static void names_that_make_no_sense(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "/",
        "a",
        "a/",
        "/b",
        "a/b/c",
        "a/../b",
        "./a",
        "../a",
        "a/b:",
        "a/b:Q4/K",
        "a b/c",
        "hf.co/a",
        "https://",
        "https:///a/b",
        "https://huggingface.co/a",
        "https://huggingface.co/a/b/settings/main",
        "https://user:secret@huggingface.co/a/b/resolve/main/m.gguf",
        "https://files.example/index.html",
        "https://huggingface.co/a/b/resolve/main/x%0d%0aHost:y",
        "ftp://huggingface.co/a/b",
    };
    struct hub_name name;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        heft_error error = {0};
        if (hub_name_parse(bad[i], hub, &name, &error) == HEFT_OK) fail_msg("'%s' passed", bad[i]);
        assert_int_equal(error.status, HEFT_USAGE);
        assert_true(error.message[0]);
    }
    heft_error error = {0};
    assert_int_equal(hub_name_parse("a/b", "mirror", &name, &error), HEFT_USAGE);
    assert_int_equal(hub_name_parse("a/b", "https://x/?a=", &name, &error), HEFT_USAGE);
}

static void paths_are_no_names(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "model.gguf", "./a/b",         "/a/b", "models/demo.gguf", "a/b/c", "a/b.safetensors",
        "llama3.1",   "llama3.1:405b", "",
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (hub_name_is_remote(paths[i])) fail_msg("'%s' passed for a name", paths[i]);
}

static void parts_are_numbered(void **state)
{
    (void)state;
    char other[64];
    struct split split = split_parse("x/M-00002-OF-00005.gguf");
    assert_int_equal(split.number, 2);
    assert_int_equal(split.n_parts, 5);
    assert_int_equal(split.n_base, 3);
    split_part_name("x/M-00002-OF-00005.gguf", &split, 4, other, sizeof other);
    assert_string_equal(other, "x/M-00004-OF-00005.gguf");

    split = split_parse("model-00163-of-000163.safetensors");
    assert_int_equal(split.number, 163);
    assert_int_equal(split.n_parts, 163);
    split = split_parse("m.i1-Q4_K_M.gguf.part2of9");
    assert_int_equal(split.number, 2);
    assert_int_equal(split.n_parts, 9);
    assert_int_equal(split.n_name, strlen("m.i1-Q4_K_M.gguf"));

    static const char *const whole[] = {"m.gguf",
                                        "m-1.gguf",
                                        "m-of-2.gguf",
                                        "",
                                        "m-00003-of-00002.gguf",
                                        "m-1-of-99999999999999999999.gguf",
                                        "-of-.gguf",
                                        "m-1-of-0.gguf"};
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        assert_int_equal(split_parse(whole[i]).n_parts, 0);
}

static void labels_are_found(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"c4ai-command-r-plus-Q4_K_M", "Q4_K_M"},
        {"Meta-Llama-3.1-405B-Instruct.i1-IQ2_XXS", "IQ2_XXS"},
        {"DeepSeek-R1-UD-IQ1_S/DeepSeek-R1-UD-IQ1_S", "UD-IQ1_S"},
        {"UD-Q4_K_XL/GLM-4.5", "UD-Q4_K_XL"},
        {"dbrx-16x12b-instruct-q4_0", "Q4_0"},
        {"DeepSeek-R1.BF16", "BF16"},
        {"gpt-oss-120b-mxfp4", "MXFP4"},
        {"c4ai-command-r-plus-Q5_K_M.gguf/c4ai-command-r-plus-Q5_K_M", "Q5_K_M"},
        {"ggml-c4ai-command-r-plus-104b-iq1_s", "IQ1_S"},
        {"GUD-Q4_K_M", "Q4_K_M"},
        {"Qwen2.5-72B", ""},
        {"Q4", ""},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char label[QUANT_LABEL_BYTES];
        quant_label(rows[i][0], label);
        assert_string_equal(label, rows[i][1]);
    }
    assert_int_equal(quant_match("m-Q4_K_M", "q4_k_m"), 0);
    assert_int_equal(quant_match("m-UD-Q4_K_XL", "Q4_K_XL"), 1);
    assert_int_equal(quant_match("m-UD-Q4_K_XL", "ud-q4_k_xl"), 0);
    assert_int_equal(quant_match("m-Q4_K_M", "Q4_K"), -1);
    assert_int_equal(quant_match("special/m", "special"), 2);
    assert_int_equal(quant_match("m-Q4_K_M", ""), -1);
}

static void fields_are_read(void **state)
{
    (void)state;
    struct slice value;
    uint64_t first, total;
    assert_true(http_field(slice_of("ETag:  \"abc\" \r\n"), "etag", &value));
    assert_true(slice_is(value, "\"abc\""));
    assert_false(http_field(slice_of("ETagger: x"), "etag", &value));
    assert_false(http_field(slice_of("ETa"), "etag", &value));

    assert_true(http_content_range(slice_of("bytes 5-9/10"), &first, &total));
    assert_int_equal(first, 5);
    assert_int_equal(total, 10);
    assert_true(http_content_range(slice_of("bytes 5-9/*"), &first, &total));
    assert_true(total == UINT64_MAX);
    static const char *const bad[] = {"bytes 5-9/9",
                                      "bytes 9-5/10",
                                      "bytes */10",
                                      "5-9/10",
                                      "bytes 5-9/10x",
                                      "bytes -9/10",
                                      "bytes 0-1/99999999999999999999",
                                      ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(http_content_range(slice_of(bad[i]), &first, &total));

    assert_true(http_link_next(slice_of("<http://x/?a=1,2>; rel=\"next\""), &value));
    assert_true(slice_is(value, "http://x/?a=1,2"));
    assert_true(http_link_next(slice_of("<a>; rel=\"prev\", <b> ; title=x; rel=next"), &value));
    assert_true(slice_is(value, "b"));
    assert_false(http_link_next(slice_of("<a>; rel=\"prev\", <b"), &value));
    assert_false(http_link_next(slice_of("a; rel=next"), &value));
    assert_false(http_link_next(slice_of(""), &value));
}

static void the_token_has_one_place(void **state)
{
    (void)state;
    assert_true(address_may_have_token(hub, "https://huggingface.co/a"));
    assert_true(address_may_have_token(hub, "https://HUGGINGFACE.co:443/a"));
    assert_false(address_may_have_token(hub, "https://huggingface.co:444/a"));
    assert_false(address_may_have_token(hub, "http://huggingface.co/a"));
    assert_false(address_may_have_token(hub, "https://huggingface.co.evil.example/a"));
    assert_false(address_may_have_token(hub, "https://huggingface.co@evil.example/a"));
    assert_false(address_may_have_token("http://mirror", "http://mirror/a"));
    assert_true(address_may_have_token("http://127.0.0.1:80", "http://127.0.0.1/a"));
    assert_false(address_may_have_token(hub, ""));
}

/* ---- choosing files ---- */

static struct hub_listing listing_of(const char *const *paths)
{
    struct hub_listing listing = {0};
    struct buffer text = {0};
    buffer_text(&text, "[{\"type\":\"directory\",\"path\":\"x\",\"size\":0}");
    for (int i = 0; paths[i]; i++)
        buffer_format(&text, ",{\"type\":\"file\",\"path\":\"%s\",\"size\":%d,\"oid\":\"id%d\"}",
                      paths[i], 100 + i, i);
    buffer_text(&text, "]");
    char path[] = "/tmp/heft-test-XXXXXX";
    assert_true(mkstemp(path) >= 0);
    heft_error error = {0};
    assert_int_equal(file_write(path, text.data, text.n_bytes, &error), HEFT_OK);
    if (hub_listing_load(path, &listing, &error) != HEFT_OK) fail_msg("%s", error.message);
    remove(path);
    buffer_free(&text);
    return listing;
}

static const char *const quants[] = {
    "README.md",
    "m-Q8_0.gguf",
    "m-UD-Q4_K_XL.gguf",
    "mmproj-Q4_K_M.gguf",
    "Q4_K_M/m-Q4_K_M-00002-of-00002.gguf",
    "Q4_K_M/m-Q4_K_M-00001-of-00002.gguf",
    "m-Q2_K-00001-of-00002.gguf",
    "m.Q6_K.gguf.part1of3",
    "m.Q6_K.gguf.part2of3",
    "m.Q6_K.gguf.part3of3",
    "m.imatrix.gguf",
    "config.json",
    NULL,
};

/* The chosen files as "path:bytes path:bytes", or the error. */
static const char *choice_of(const char *const *paths, const char *text)
{
    static char result[2048];
    struct hub_name name;
    heft_error error = {0};
    assert_int_equal(hub_name_parse(text, NULL, &name, &error), HEFT_OK);
    struct hub_listing listing = listing_of(paths);
    struct hub_choice choice;
    if (hub_choose(&name, &listing, &choice, &error) != HEFT_OK) {
        snprintf(result, sizeof result, "%s", error.message);
    } else {
        size_t n = 0;
        for (int i = 0; i < choice.n_files; i++)
            n += (size_t)snprintf(result + n, sizeof result - n, "%s%s:%d", i ? " " : "",
                                  choice.files[i].path, (int)choice.files[i].n_bytes);
    }
    hub_choice_free(&choice);
    hub_listing_free(&listing);
    return result;
}

static void files_are_chosen_by_quantization(void **state)
{
    (void)state;
    const char *both =
        "Q4_K_M/m-Q4_K_M-00001-of-00002.gguf:105 Q4_K_M/m-Q4_K_M-00002-of-00002.gguf:104";
    assert_string_equal(choice_of(quants, "a/b"), both);
    assert_string_equal(choice_of(quants, "a/b:latest"), both);
    assert_string_equal(choice_of(quants, "a/b:q4_k_m"), both);
    assert_string_equal(choice_of(quants, "hf.co/a/b/tree/main/Q4_K_M"), both);
    assert_string_equal(
        choice_of(quants, "hf.co/a/b/blob/main/Q4_K_M/m-Q4_K_M-00002-of-00002.gguf"), both);
    assert_string_equal(choice_of(quants, "a/b:Q4_K_XL"), "m-UD-Q4_K_XL.gguf:102");
    assert_string_equal(choice_of(quants, "a/b:Q6_K"), "m.Q6_K.gguf:324");
    assert_string_equal(choice_of(quants, "hf.co/a/b/blob/main/mmproj-Q4_K_M.gguf"),
                        "mmproj-Q4_K_M.gguf:103");
}

static void a_choice_that_fails_says_what_there_is(void **state)
{
    (void)state;
    assert_string_equal(choice_of(quants, "a/b:Q2_K"), "a/b: part 2 of 2 of m-Q2_K is not in it");
    assert_string_equal(
        choice_of(quants, "a/b:IQ1_S"),
        "a/b: no file in it is IQ1_S; there are Q4_K_M, Q2_K, Q8_0, UD-Q4_K_XL, Q6_K");
    static const char *const none[] = {"README.md", NULL};
    assert_string_equal(choice_of(none, "a/b"), "a/b: no GGUF or safetensors files in it");
    static const char *const two[] = {"one-Q4_K_M.gguf", "two-Q4_K_M.gguf", NULL};
    assert_non_null(strstr(choice_of(two, "a/b:Q4_K_M"), "of: one-Q4_K_M, two-Q4_K_M"));
    static const char *const same[] = {"m-Q4_K_M.gguf", "x/m-Q4_K_M.gguf", NULL};
    assert_string_equal(choice_of(same, "a/b:Q4_K_M"), "m-Q4_K_M.gguf:100");
}

static void safetensors_are_chosen_with_what_describes_them(void **state)
{
    (void)state;
    static const char *const files[] = {
        "config.json",
        "model-00000-of-00001.safetensors",
        "model-00001-of-00001.safetensors",
        "model.safetensors.index.json",
        "consolidated.safetensors",
        "original/config.json",
        "original/model.safetensors",
        NULL,
    };
    assert_string_equal(choice_of(files, "a/b"),
                        "model-00000-of-00001.safetensors:101 model-00001-of-00001.safetensors:102 "
                        "config.json:100 model.safetensors.index.json:103");
    assert_string_equal(choice_of(files, "hf.co/a/b/tree/main/original"),
                        "original/model.safetensors:106 original/config.json:105");
    assert_non_null(strstr(choice_of(files, "a/b:Q4_K_M"), "safetensors files only"));
}

static void names_that_lead_elsewhere_are_left_out(void **state)
{
    (void)state;
    static const char *const files[] = {"../m.gguf",   "/m.gguf",  "a//m.gguf",
                                        "a/../m.gguf", "./m.gguf", "a\\\\m.gguf",
                                        "a/",          "m.gguf",   NULL};
    struct hub_listing listing = listing_of(files);
    assert_int_equal(listing.n_entries, 1);
    assert_string_equal(listing.entries[0].path, "m.gguf");
    hub_listing_free(&listing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_repositories),
        cmocka_unit_test(names_of_files),
        cmocka_unit_test(names_that_make_no_sense),
        cmocka_unit_test(paths_are_no_names),
        cmocka_unit_test(parts_are_numbered),
        cmocka_unit_test(labels_are_found),
        cmocka_unit_test(fields_are_read),
        cmocka_unit_test(the_token_has_one_place),
        cmocka_unit_test(files_are_chosen_by_quantization),
        cmocka_unit_test(a_choice_that_fails_says_what_there_is),
        cmocka_unit_test(safetensors_are_chosen_with_what_describes_them),
        cmocka_unit_test(names_that_lead_elsewhere_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
