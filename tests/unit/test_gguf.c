/* One GGUF file: what good ones say, and that every bad one is refused with a sentence that names
 * the file and the field. Images are parsed from memory of exactly their size, so that a sanitizer
 * sees every byte read past the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "format/gguf.h"
#include "format/gguf_part.h"
#include "gguf_build.h"

static char path[] = "/tmp/heft-test-XXXXXX";

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    if (fd < 0) return -1;
    return close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

/* ---- helpers ---- */

static heft_status parse(const uint8_t *image, size_t n_bytes, heft_error *error)
{
    uint8_t *exact = malloc(n_bytes + (n_bytes == 0));
    assert_non_null(exact);
    memcpy(exact, image, n_bytes);
    char name[] = "image.gguf";
    struct gguf_part part = {.path = name, .map = {exact, n_bytes}};
    *error = (heft_error){0};
    heft_status status = gguf_part_parse(&part, error);
    gguf_part_clear(&part);
    free(exact);
    return status;
}

static void assert_sentence(const heft_error *error)
{
    static const char *const fields[] = {"name",      "string",  "type",  "number of",
                                         "dimension", "offset",  "key",   "array",
                                         "magic",     "version", "value", "empty"};
    bool found = false;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (strstr(error->message, fields[i])) found = true;
    if (!found || strncmp(error->message, "image.gguf: ", 12) != 0)
        fail_msg("not a good sentence: %s", error->message);
    assert_null(strchr(error->message, '\n'));
}

static void assert_bad_image(const uint8_t *image, size_t n_bytes, const char *part_of_sentence)
{
    heft_error error;
    assert_int_equal(parse(image, n_bytes, &error), HEFT_BAD_FILE);
    assert_sentence(&error);
    if (!strstr(error.message, part_of_sentence))
        fail_msg("'%s' is not in: %s", part_of_sentence, error.message);
}

/* Finishes the image and expects this. */
static void assert_bad(struct gguf_build *build, const char *part_of_sentence)
{
    size_t n_bytes;
    uint8_t *image = gguf_build_finish(build, &n_bytes);
    assert_bad_image(image, n_bytes, part_of_sentence);
    free(image);
}

static void assert_good(struct gguf_build *build)
{
    size_t n_bytes;
    heft_error error;
    uint8_t *image = gguf_build_finish(build, &n_bytes);
    if (parse(image, n_bytes, &error) != HEFT_OK) fail_msg("%s", error.message);
    free(image);
}

/* Everything a header can hold. */
static void build_model(struct gguf_build *build)
{
    static const char *const tokens[] = {"a", "", "\xc4\xa0the"};
    static const float scores[] = {-1, 0.5f, 2};
    static const int16_t numbers[] = {-3, 7};
    static const uint64_t matrix[] = {32, 3}, vector[] = {5};
    static const double pi = 3.25;
    static const int64_t below = -5;
    static const uint64_t large = UINT64_MAX;
    static const int8_t minus = -1;

    gguf_build_start(build);
    gguf_build_text(build, "general.architecture", "llama");
    gguf_build_u32(build, "general.alignment", 32);
    gguf_build_u16(build, "u16", 65535);
    gguf_build_i32(build, "i32", -70000);
    gguf_build_value(build, "i8", GGUF_I8, &minus, 1);
    gguf_build_value(build, "u8", GGUF_U8, "\xc8", 1);
    gguf_build_value(build, "i64", GGUF_I64, &below, 8);
    gguf_build_value(build, "u64", GGUF_U64, &large, 8);
    gguf_build_value(build, "f32", GGUF_F32, &scores[1], 4);
    gguf_build_value(build, "f64", GGUF_F64, &pi, 8);
    gguf_build_value(build, "yes", GGUF_BOOL, "\1", 1);
    gguf_build_texts(build, "tokens", 3, tokens);
    gguf_build_array(build, "scores", GGUF_F32, 3, scores, sizeof scores);
    gguf_build_array(build, "numbers", GGUF_I16, 2, numbers, sizeof numbers);
    gguf_build_array(build, "nothing", GGUF_U32, 0, NULL, 0);
    gguf_build_tensor(build, "blk.0.weight", DTYPE_Q4_0, 2, matrix, 3 * 18, 0xab);
    gguf_build_tensor(build, "norm.weight", DTYPE_F32, 1, vector, 20, 0);
}

/* ---- good files ---- */

static void assert_int(const struct gguf *file, const char *key, int64_t expected)
{
    int64_t value;
    assert_true(gguf_value_int(gguf_find(file, key), &value));
    assert_int_equal(value, expected);
}

static void assert_values(const struct gguf *file)
{
    int64_t integer;
    double number;
    assert_int_equal(gguf_n_values(file), 15);
    assert_string_equal(gguf_value(file, 0)->key, "general.architecture");
    assert_true(slice_is(gguf_find(file, "general.architecture")->text, "llama"));
    assert_null(gguf_find(file, "general"));
    assert_int(file, "u16", 65535);
    assert_int(file, "i32", -70000);
    assert_int(file, "i8", -1);
    assert_int(file, "u8", 200);
    assert_int(file, "i64", -5);
    assert_int(file, "yes", 1);
    assert_false(gguf_value_int(gguf_find(file, "u64"), &integer));
    assert_false(gguf_value_int(gguf_find(file, "f32"), &integer));
    assert_true(gguf_value_float(gguf_find(file, "f32"), &number) && number == 0.5);
    assert_true(gguf_value_float(gguf_find(file, "f64"), &number) && number == 3.25);
    assert_true(gguf_value_float(gguf_find(file, "i32"), &number) && number == -70000);
    assert_false(gguf_value_float(gguf_find(file, "yes"), &number));
}

static void assert_arrays(const struct gguf *file)
{
    int64_t integer;
    double number;
    const struct gguf_value *tokens = gguf_find(file, "tokens");
    const struct gguf_value *numbers = gguf_find(file, "numbers");
    assert_int_equal(tokens->n, 3);
    assert_true(slice_is(tokens->texts[2], "\xc4\xa0the"));
    assert_true(slice_is(tokens->texts[1], ""));
    assert_false(gguf_array_int(tokens, 0, &integer));
    assert_true(gguf_array_int(numbers, 0, &integer) && integer == -3);
    assert_true(gguf_array_float(numbers, 1, &number) && number == 7);
    assert_false(gguf_array_int(numbers, 2, &integer));
    assert_false(gguf_array_int(gguf_find(file, "u8"), 0, &integer));
    assert_true(gguf_array_float(gguf_find(file, "scores"), 2, &number) && number == 2);
    assert_int_equal(gguf_find(file, "nothing")->n, 0);
}

static void opens_both_versions(void **state)
{
    (void)state;
    for (uint32_t version = 2; version <= 3; version++) {
        struct gguf_build build;
        struct gguf *file;
        heft_error error;
        build_model(&build);
        build.version = version;
        gguf_build_write(&build, path);
        assert_int_equal(gguf_open(path, &file, &error), HEFT_OK);
        assert_int_equal(gguf_version(file), version);
        assert_int_equal(gguf_n_parts(file), 1);
        assert_string_equal(gguf_part_path(file, 0), path);
        assert_int_equal(gguf_bytes(file), gguf_part_bytes(file, 0));
        assert_values(file);
        assert_arrays(file);
        assert_int_equal(gguf_n_tensors(file), 2);
        const struct tensor *matrix = gguf_find_tensor(file, "blk.0.weight");
        assert_ptr_equal(matrix, gguf_tensor(file, 0));
        assert_int_equal(matrix->dtype, DTYPE_Q4_0);
        assert_int_equal(tensor_n_values(matrix), 96);
        assert_int_equal(matrix->n_bytes, 54);
        assert_int_equal(((const uint8_t *)matrix->data)[53], 0xab);
        assert_null(gguf_find_tensor(file, "blk.1.weight"));
        gguf_close(file);
    }
    gguf_close(NULL);
}

/* Types without a kernel can be described; the model that needs them says no, later. */
static void accepts_any_known_type(void **state)
{
    (void)state;
    for (int64_t dtype = 0; dtype < DTYPE_LIMIT; dtype++) {
        const struct dtype_info *info = dtype_info(dtype);
        struct gguf_build build;
        uint64_t dims[] = {256, 2, 1, 3};
        gguf_build_start(&build);
        size_t n_bytes = info ? dtype_bytes((enum dtype)dtype, 256 * 6) : 64;
        gguf_build_tensor(&build, "t", (uint32_t)dtype, 4, dims, n_bytes, 0);
        if (info)
            assert_good(&build);
        else
            assert_bad(&build, "tensor 't': the type is number");
    }
}

/* ---- bad files ---- */

static void refuses_every_truncation(void **state)
{
    (void)state;
    struct gguf_build build;
    build_model(&build);
    size_t n_bytes;
    uint8_t *image = gguf_build_finish(&build, &n_bytes);
    for (size_t n = 0; n < n_bytes - 12; n++) assert_bad_image(image, n, "");
    assert_bad_image(image, n_bytes - 13, "1 bytes are missing");
    heft_error error; /* the last 12 bytes only fill up to the alignment */
    assert_int_equal(parse(image, n_bytes - 12, &error), HEFT_OK);
    free(image);
}

/* True where the number is wrong, but the file it gives is a right one. */
static bool is_harmless(const struct gguf_build *build, int field, uint64_t value)
{
    enum gguf_build_kind kind = build->fields[field].kind;
    if (field == 0) return value <= 1;         /* fewer tensors than there are */
    if (kind == BUILD_TYPE) return value <= 1; /* another one of the same size, or a smaller */
    if (kind == BUILD_DIM) return value == 1;  /* of the vector, or rows of the matrix */
    return kind == BUILD_OFFSET && value == 0; /* it is the first */
}

static void refuses_every_absurd_number(void **state)
{
    (void)state;
    static const uint64_t absurd[] = {0,         1, 1u << 31, (uint64_t)1 << 32, (uint64_t)1 << 63,
                                      UINT64_MAX};
    struct gguf_build build;
    build_model(&build);
    size_t n_bytes;
    uint8_t *image = gguf_build_finish(&build, &n_bytes);
    for (int f = 0; f < build.n_fields; f++) {
        struct gguf_build_field field = build.fields[f];
        uint8_t old[8];
        memcpy(old, image + field.at, 8);
        for (size_t i = 0; i < sizeof absurd / sizeof *absurd; i++) {
            memcpy(image + field.at, &absurd[i], (size_t)field.n_bytes);
            heft_error error;
            heft_status status = parse(image, n_bytes, &error);
            bool same = memcmp(image + field.at, old, (size_t)field.n_bytes) == 0;
            uint64_t value = field.n_bytes == 8 ? absurd[i] : (uint32_t)absurd[i];
            if (status == HEFT_OK && !same && !is_harmless(&build, f, value))
                fail_msg("field %d accepts %llu", f, (unsigned long long)value);
            if (status != HEFT_OK) assert_sentence(&error);
        }
        memcpy(image + field.at, old, 8);
    }
    free(image);
}

/* Every byte of the header, broken in several ways: any answer will do, if it is an answer. */
static void survives_every_broken_byte(void **state)
{
    (void)state;
    static const uint8_t flips[] = {0x01, 0x80, 0xff, 0x20};
    struct gguf_build build;
    build_model(&build);
    size_t n_bytes;
    uint8_t *image = gguf_build_finish(&build, &n_bytes);
    for (size_t at = 0; at < n_bytes; at++) {
        for (size_t i = 0; i < sizeof flips; i++) {
            heft_error error;
            image[at] ^= flips[i];
            if (parse(image, n_bytes, &error) != HEFT_OK) assert_sentence(&error);
            image[at] ^= flips[i];
        }
    }
    free(image);
}

static void refuses_other_files(void **state)
{
    (void)state;
    assert_bad_image((const uint8_t *)"", 0, "empty");
    assert_bad_image((const uint8_t *)"GG", 2, "magic number");
    assert_bad_image((const uint8_t *)"PK\3\4zip archive", 15, "magic number is not 'GGUF'");
    static const char pointer[] = "version https://git-lfs.github.com/spec/v1\noid sha256:12";
    assert_bad_image((const uint8_t *)pointer, sizeof pointer - 1, "Git LFS");
    static const struct {
        uint32_t version;
        const char *sentence;
    } versions[] = {
        {0, "version is 0"}, {1, "version is 1"}, {4, "version is 4"}, {0x03000000, "big-endian"}};
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        struct gguf_build build;
        build_model(&build);
        build.version = versions[i].version;
        assert_bad(&build, versions[i].sentence);
    }
}

static void refuses_what_cannot_be_opened(void **state)
{
    (void)state;
    struct gguf *file;
    heft_error error;
    assert_int_equal(gguf_open("/nowhere/model.gguf", &file, &error), HEFT_BAD_FILE);
    assert_non_null(strstr(error.message, "/nowhere/model.gguf"));
    assert_int_equal(gguf_open("/tmp", &file, &error), HEFT_BAD_FILE);
    assert_non_null(strstr(error.message, "directory"));
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(gguf_open(path, &file, &error), HEFT_BAD_FILE);
    assert_non_null(strstr(error.message, "empty"));
    assert_null(file);
    assert_int_equal(gguf_open(path, &file, NULL), HEFT_BAD_FILE);
    if (geteuid() == 0) return; /* whom no permission stops */
    assert_int_equal(chmod(path, 0), 0);
    assert_int_equal(gguf_open(path, &file, &error), HEFT_BAD_FILE);
    assert_non_null(strstr(error.message, "ermission"));
    assert_int_equal(chmod(path, 0600), 0);
}

static void refuses_wrong_values(void **state)
{
    (void)state;
    static const struct {
        uint32_t type;
        const void *bytes;
        size_t n_bytes;
        const char *sentence;
    } values[] = {
        {13, "\0\0\0\0\0\0\0\0", 8, "key 'k': the type is 13"},
        {0x80000000, "\0\0\0\0\0\0\0\0", 8, "key 'k': the type is 2147483648"},
        {GGUF_BOOL, "\2", 1, "key 'k': the bool has the value 2"},
        {GGUF_ARRAY, "\x9\0\0\0\0\0\0\0\0\0\0\0", 12, "array's type is array"},
        {GGUF_ARRAY, "\xd\0\0\0\0\0\0\0\0\0\0\0", 12, "array's type is 13"},
        {GGUF_ARRAY, "\7\0\0\0\2\0\0\0\0\0\0\0\1\2", 14, "a bool in the array has the value 2"},
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct gguf_build build;
        gguf_build_start(&build);
        gguf_build_value(&build, "k", values[i].type, values[i].bytes, values[i].n_bytes);
        assert_bad(&build, values[i].sentence);
    }
}

static void refuses_bad_names(void **state)
{
    (void)state;
    static const char *const names[] = {"", "line\nbreak", "\x1b[31mred", "caf\xc3\xa9", "del\x7f"};
    uint64_t dim = 1;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct gguf_build build;
        gguf_build_start(&build);
        gguf_build_u32(&build, names[i], 1);
        assert_bad(&build, "key number 1: the name");
        gguf_build_start(&build);
        gguf_build_tensor(&build, names[i], DTYPE_F32, 1, &dim, 4, 0);
        assert_bad(&build, "tensor number 1: the name");
    }
}

static void refuses_too_much(void **state)
{
    (void)state;
    static char name[65537];
    memset(name, 'k', sizeof name - 1);
    struct gguf_build build;
    gguf_build_start(&build);
    gguf_build_u32(&build, name, 1);
    assert_bad(&build, "key number 1: the name is 65536 bytes long, the limit is 65535");
    gguf_build_start(&build);
    buffer_append(&build.data, (const uint8_t[32]){0}, 32);
    for (int i = 0; i < 15; i++) buffer_append(&build.data, name, sizeof name);
    build.n_values = 65537;
    assert_bad(&build, "number of keys is 65537, the limit is 65536");
}

static void refuses_duplicates(void **state)
{
    (void)state;
    struct gguf_build build;
    build_model(&build);
    uint64_t dim = 5;
    gguf_build_tensor(&build, "blk.0.weight", DTYPE_F32, 1, &dim, 20, 0);
    gguf_build_write(&build, path);
    struct gguf *file;
    heft_error error;
    assert_int_equal(gguf_open(path, &file, &error), HEFT_BAD_FILE);
    assert_non_null(strstr(error.message, "tensor 'blk.0.weight': the name is there twice"));
    assert_non_null(strstr(error.message, path));

    gguf_build_start(&build);
    gguf_build_u32(&build, "a", 1);
    gguf_build_u32(&build, "b", 1);
    gguf_build_text(&build, "a", "1");
    assert_bad(&build, "key 'a': the key is there twice");
}

static void checks_the_alignment(void **state)
{
    (void)state;
    static const struct {
        uint32_t alignment;
        bool good;
    } cases[] = {{0, false},        {1, false},         {4, false},   {24, false},
                 {8, true},         {64, true},         {4096, true}, {1u << 24, true},
                 {1u << 31, false}, {UINT32_MAX, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gguf_build build;
        gguf_build_start(&build);
        gguf_build_u32(&build, "general.alignment", cases[i].alignment);
        if (cases[i].good)
            assert_good(&build);
        else
            assert_bad(&build, "key 'general.alignment': the value is");
    }
    struct gguf_build build;
    gguf_build_start(&build);
    gguf_build_text(&build, "general.alignment", "32");
    assert_bad(&build, "key 'general.alignment': the value is string");
}

static void refuses_bad_shapes(void **state)
{
    (void)state;
    static const uint64_t million = 1 << 20;
    const struct {
        uint32_t dtype, n_dims;
        uint64_t dims[5];
        const char *sentence;
    } shapes[] = {
        {DTYPE_F32, 0, {0}, "number of dimensions is 0"},
        {DTYPE_F32, 5, {1, 1, 1, 1, 1}, "number of dimensions is 5"},
        {DTYPE_F32, 2, {4, 0}, "dimension 1 is 0"},
        {DTYPE_F32, 1, {UINT64_MAX}, "dimension 0 is 18446744073709551615"},
        {DTYPE_F32, 4, {million, million, million, 8}, "dimension 3 is 8, too large"},
        {DTYPE_F32, 4, {million, million, million, 4}, "dimensions are too large for the type F32"},
        {DTYPE_Q4_0, 2, {48, 2}, "not a multiple of the 32 values of a Q4_0 block"},
        {DTYPE_Q4_K, 1, {128}, "not a multiple of the 256 values of a Q4_K block"},
        {4, 1, {32}, "type is number 4"},
        {DTYPE_LIMIT, 1, {256}, "type is number 42"},
        {UINT32_MAX, 1, {256}, "type is number 4294967295"},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct gguf_build build;
        gguf_build_start(&build);
        gguf_build_tensor(&build, "t", shapes[i].dtype, shapes[i].n_dims, shapes[i].dims, 64, 0);
        assert_bad(&build, shapes[i].sentence);
    }
}

static void refuses_bad_offsets(void **state)
{
    (void)state;
    static const struct {
        uint64_t offset;
        const char *sentence;
    } offsets[] = {
        {16, "tensor 'b': the offset is 16, not a multiple of the alignment 32"},
        {0, "where tensor 'a' lies already"},
        {32, "where tensor 'a' lies already"},
        {128, "64 bytes are missing at its end"},
        {(uint64_t)1 << 40, "bytes are missing"},
        {(uint64_t)1 << 63, "too large"},
        {UINT64_MAX - 31, "too large"},
    };
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        struct gguf_build build;
        uint64_t dim = 16;
        gguf_build_start(&build);
        gguf_build_tensor(&build, "a", DTYPE_F32, 1, &dim, 64, 0);
        gguf_build_tensor_at(&build, "b", DTYPE_F32, 1, &dim, offsets[i].offset);
        buffer_append(&build.data, (uint8_t[64]){0}, 64);
        assert_bad(&build, offsets[i].sentence);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_both_versions),
        cmocka_unit_test(accepts_any_known_type),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(refuses_every_absurd_number),
        cmocka_unit_test(survives_every_broken_byte),
        cmocka_unit_test(refuses_other_files),
        cmocka_unit_test(refuses_what_cannot_be_opened),
        cmocka_unit_test(refuses_wrong_values),
        cmocka_unit_test(refuses_bad_names),
        cmocka_unit_test(refuses_too_much),
        cmocka_unit_test(refuses_duplicates),
        cmocka_unit_test(checks_the_alignment),
        cmocka_unit_test(refuses_bad_shapes),
        cmocka_unit_test(refuses_bad_offsets),
    };
    return cmocka_run_group_tests_name("gguf", tests, make_file, remove_file);
}
