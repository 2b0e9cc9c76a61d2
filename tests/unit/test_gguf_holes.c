/* Weights that were never written: which holes refuse a model, and which are padding. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "format/gguf.h"
#include "gguf_build.h"

enum { BLOCK = 65536, SIDE = 1024, MATRIX = SIDE * SIDE * 4 };

static char path[] = "/tmp/heft-holes-XXXXXX";

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

/* One tensor of 4 MB at the offset of a block, and nothing in the file from `begin` to `end` of it.
 */
static void write_model(uint32_t n_dims, uint64_t begin, uint64_t end)
{
    static const uint64_t matrix[] = {SIDE, SIDE}, vector[] = {SIDE * SIDE};
    struct gguf_build build;
    size_t n_bytes;
    gguf_build_start(&build);
    build.alignment = BLOCK;
    gguf_build_text(&build, "general.architecture", "llama");
    gguf_build_u32(&build, "general.alignment", BLOCK);
    gguf_build_tensor(&build, "blk.0.weight", DTYPE_F32, n_dims, n_dims == 1 ? vector : matrix,
                      MATRIX, 1);
    uint8_t *image = gguf_build_finish(&build, &n_bytes);
    assert_int_equal(n_bytes, BLOCK + MATRIX);
    begin += BLOCK, end += BLOCK;
    int fd = open(path, O_RDWR | O_TRUNC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, image, begin, 0), begin);
    assert_int_equal(pwrite(fd, image + end, n_bytes - end, (off_t)end), n_bytes - end);
    assert_int_equal(ftruncate(fd, (off_t)n_bytes), 0);
    close(fd);
    free(image);
}

static heft_status check(heft_error *error)
{
    struct gguf *file;
    *error = (heft_error){0};
    assert_int_equal(gguf_open(path, &file, error), HEFT_OK);
    heft_status status = gguf_check_holes(file, error);
    gguf_close(file);
    return status;
}

static bool system_tells_of_holes(void)
{
    struct file_hole hole;
    write_model(2, BLOCK, MATRIX);
    int fd = open(path, O_RDONLY);
    bool found = file_find_hole(fd, 0, BLOCK + MATRIX, &hole);
    close(fd);
    if (!found) print_message("skipped: the file system of /tmp does not tell of holes\n");
    return found;
}

static void finds_the_first_hole(void **state)
{
    (void)state;
    struct file_hole hole;
    if (!system_tells_of_holes()) skip();
    write_model(2, 2 * BLOCK, 4 * BLOCK);
    int fd = open(path, O_RDONLY);
    assert_true(file_find_hole(fd, 0, BLOCK + MATRIX, &hole));
    assert_int_equal(hole.begin, 3 * BLOCK);
    assert_int_equal(hole.end, 5 * BLOCK);
    assert_true(file_find_hole(fd, 4 * BLOCK, BLOCK + MATRIX, &hole)); /* from within */
    assert_int_equal(hole.begin, 4 * BLOCK);
    assert_true(file_find_hole(fd, 0, 4 * BLOCK, &hole)); /* no further than asked */
    assert_int_equal(hole.end, 4 * BLOCK);
    assert_false(file_find_hole(fd, 5 * BLOCK, BLOCK + MATRIX, &hole));
    assert_false(file_find_hole(fd, 0, 3 * BLOCK, &hole));
    assert_false(file_find_hole(fd, 4 * BLOCK, 4 * BLOCK, &hole));
    close(fd);
}

static void refuses_weights_that_were_not_written(void **state)
{
    (void)state;
    static const struct {
        uint64_t begin, end;
    } holes[] = {{0, MATRIX}, {0, 2 * BLOCK}, {5 * BLOCK, 7 * BLOCK}, {2 * BLOCK, MATRIX}};
    heft_error error;
    if (!system_tells_of_holes()) skip();
    for (size_t i = 0; i < sizeof holes / sizeof *holes; i++) {
        write_model(2, holes[i].begin, holes[i].end);
        assert_int_equal(check(&error), HEFT_BAD_FILE);
        assert_ptr_equal(strstr(error.message, path), error.message);
        assert_non_null(strstr(error.message, "'blk.0.weight'"));
        char place[64];
        snprintf(place, sizeof place, "from byte %llu to %llu",
                 (unsigned long long)holes[i].begin + BLOCK,
                 (unsigned long long)holes[i].end + BLOCK);
        assert_non_null(strstr(error.message, place));
    }
}

static void lets_padding_pass(void **state)
{
    (void)state;
    heft_error error;
    if (!system_tells_of_holes()) skip();
    write_model(2, MATRIX, MATRIX); /* none */
    assert_int_equal(check(&error), HEFT_OK);
    write_model(2, MATRIX - BLOCK, MATRIX); /* the last rows, one in 64 */
    assert_int_equal(check(&error), HEFT_OK);
    write_model(1, 0, MATRIX); /* a bias of zeros */
    assert_int_equal(check(&error), HEFT_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_first_hole),
        cmocka_unit_test(refuses_weights_that_were_not_written),
        cmocka_unit_test(lets_padding_pass),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
