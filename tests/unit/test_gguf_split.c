/* Models in several files: any part opens all; parts that do not belong together are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "format/gguf.h"
#include "gguf_build.h"

enum { N_PARTS = 3, PATH_BYTES = 96 };

static char directory[] = "/tmp/heft-test-XXXXXX";

static const char *part_path(int number)
{
    static char paths[N_PARTS][PATH_BYTES];
    snprintf(paths[number], PATH_BYTES, "%s/model-%05d-of-%05d.gguf", directory, number + 1,
             N_PARTS);
    return paths[number];
}

static int make_directory(void **state)
{
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    for (int i = 0; i < N_PARTS; i++) unlink(part_path(i));
    return rmdir(directory);
}

/* Part `number` with one tensor, t<number>. What a test wants otherwise it says here. */
struct part {
    int number, n_parts, n_tensors;
    const char *tensor, *name;
};

static struct part good_part(int number)
{
    static const char *const tensors[] = {"t0", "t1", "t2"};
    return (struct part){number, N_PARTS, N_PARTS, tensors[number], "model"};
}

static void write_part(const struct part *part, const char *to)
{
    struct gguf_build build;
    uint64_t dim = 4;
    gguf_build_start(&build);
    gguf_build_u16(&build, "split.no", (uint16_t)part->number);
    gguf_build_u16(&build, "split.count", (uint16_t)part->n_parts);
    gguf_build_i32(&build, "split.tensors.count", part->n_tensors);
    gguf_build_text(&build, "general.name", part->name);
    gguf_build_tensor(&build, part->tensor, DTYPE_F32, 1, &dim, 16, (uint8_t)part->number);
    gguf_build_write(&build, to);
}

static void write_good_parts(void)
{
    for (int i = 0; i < N_PARTS; i++) {
        struct part part = good_part(i);
        write_part(&part, part_path(i));
    }
}

/* Writes this one in place of the good one and opens the first. */
static void assert_bad(const struct part *part, int in_place_of, const char *sentence)
{
    write_good_parts();
    write_part(part, part_path(in_place_of));
    struct gguf *file;
    heft_error error = {0};
    assert_int_equal(gguf_open(part_path(0), &file, &error), HEFT_BAD_FILE);
    assert_null(file);
    if (!strstr(error.message, sentence) || !strstr(error.message, directory))
        fail_msg("'%s' is not in: %s", sentence, error.message);
}

static void opens_from_any_part(void **state)
{
    (void)state;
    write_good_parts();
    for (int i = 0; i < N_PARTS; i++) {
        struct gguf *file;
        heft_error error;
        if (gguf_open(part_path(i), &file, &error) != HEFT_OK) fail_msg("%s", error.message);
        assert_int_equal(gguf_n_parts(file), N_PARTS);
        assert_int_equal(gguf_n_tensors(file), N_PARTS);
        uint64_t n_bytes = 0;
        for (int k = 0; k < N_PARTS; k++) {
            assert_string_equal(gguf_part_path(file, k), part_path(k));
            assert_int_equal(*(const uint8_t *)gguf_tensor(file, k)->data, k);
            n_bytes += gguf_part_bytes(file, k);
        }
        assert_int_equal(gguf_bytes(file), n_bytes);
        assert_ptr_equal(gguf_find_tensor(file, "t2"), gguf_tensor(file, 2));
        int64_t number;
        assert_true(gguf_value_int(gguf_find(file, "split.no"), &number) && number == 0);
        gguf_close(file);
    }
}

static void a_split_of_one_is_no_split(void **state)
{
    (void)state;
    struct part part = good_part(0);
    part.n_parts = 1;
    write_part(&part, part_path(0));
    struct gguf *file;
    assert_int_equal(gguf_open(part_path(0), &file, NULL), HEFT_OK);
    assert_int_equal(gguf_n_parts(file), 1);
    gguf_close(file);
}

static void names_the_missing_part(void **state)
{
    (void)state;
    write_good_parts();
    assert_int_equal(unlink(part_path(1)), 0);
    struct gguf *file;
    heft_error error;
    assert_int_equal(gguf_open(part_path(2), &file, &error), HEFT_BAD_FILE);
    assert_non_null(strstr(error.message, part_path(1)));
    assert_non_null(strstr(error.message, "part 2 of 3 (split.count) is missing"));
}

static void refuses_parts_that_disagree(void **state)
{
    (void)state;
    struct part part = good_part(1);
    part.name = "another";
    assert_bad(&part, 1, "key 'general.name': the value does not agree");
    part = good_part(1);
    part.n_parts = 2;
    assert_bad(&part, 1, "key 'split.count': the value does not agree");
    part = good_part(1);
    part.n_tensors = 4;
    assert_bad(&part, 1, "key 'split.tensors.count': the value does not agree");
    part = good_part(2);
    part.tensor = "t1";
    assert_bad(&part, 1, "key 'split.no': the value does not agree");
    part = good_part(1);
    part.tensor = "t0";
    assert_bad(&part, 1, "tensor 't0': the name is there twice");
}

static void refuses_absurd_numbers(void **state)
{
    (void)state;
    struct part part = good_part(0);
    part.n_parts = 65535;
    assert_bad(&part, 0, "key 'split.count': the value is not an integer from 0 to");
    part = good_part(0);
    part.number = 3;
    assert_bad(&part, 0, "key 'split.no': the value is not an integer from 0 to 2");
    part = good_part(0);
    part.n_tensors = -1;
    assert_bad(&part, 0, "key 'split.tensors.count': the value is not an integer");
    part = good_part(0);
    part.number = 1;
    assert_bad(&part, 0, "should end in '-00002-of-00003.gguf'");
}

static void needs_the_number_of_a_part(void **state)
{
    (void)state;
    struct gguf_build build;
    gguf_build_start(&build);
    gguf_build_u16(&build, "split.count", N_PARTS);
    gguf_build_write(&build, part_path(0));
    struct gguf *file;
    heft_error error;
    assert_int_equal(gguf_open(part_path(0), &file, &error), HEFT_BAD_FILE);
    assert_non_null(strstr(error.message, "key 'split.no' is missing"));
}

static void counts_the_tensors_of_all_parts(void **state)
{
    (void)state;
    for (int i = 0; i < N_PARTS; i++) {
        struct part part = good_part(i);
        part.n_tensors = 4;
        write_part(&part, part_path(i));
    }
    struct gguf *file;
    heft_error error;
    assert_int_equal(gguf_open(part_path(0), &file, &error), HEFT_BAD_FILE);
    assert_non_null(
        strstr(error.message, "'split.tensors.count': the value is 4, but the parts have 3"));
}

static void refuses_a_part_under_another_name(void **state)
{
    (void)state;
    char other[PATH_BYTES];
    snprintf(other, sizeof other, "%s/renamed.gguf", directory);
    struct part part = good_part(0);
    write_part(&part, other);
    struct gguf *file;
    heft_error error;
    assert_int_equal(gguf_open(other, &file, &error), HEFT_BAD_FILE);
    assert_non_null(strstr(error.message, "should end in '-00001-of-00003.gguf'"));
    assert_int_equal(unlink(other), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_from_any_part),
        cmocka_unit_test(a_split_of_one_is_no_split),
        cmocka_unit_test(names_the_missing_part),
        cmocka_unit_test(refuses_parts_that_disagree),
        cmocka_unit_test(refuses_absurd_numbers),
        cmocka_unit_test(needs_the_number_of_a_part),
        cmocka_unit_test(counts_the_tensors_of_all_parts),
        cmocka_unit_test(refuses_a_part_under_another_name),
    };
    return cmocka_run_group_tests_name("gguf_split", tests, make_directory, remove_directory);
}
