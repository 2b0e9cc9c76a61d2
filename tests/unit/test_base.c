/* The bottom room: bytes that grow, files, what the machine has, sentences. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/drive.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

/* Here an allocation may be refused, as it may be anywhere; the sanitizers end the program instead.
 */
const char *__asan_default_options(void);
const char *__tsan_default_options(void);
__attribute__((visibility("default"))) const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}
__attribute__((visibility("default"))) const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static char folder[] = "/tmp/heft-base-XXXXXX";

static const char *in_folder(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(in_folder("file"));
    unlink(in_folder("fifo"));
    return rmdir(folder);
}

/* ---- buffer ---- */

static void test_buffer_grows(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    for (int i = 0; i < 1000; i++) buffer_format(&buffer, "%03d,", i);
    assert_int_equal(buffer.n_bytes, 4000);
    assert_int_equal(strlen(buffer.data), 4000);
    assert_memory_equal(buffer.data + 4 * 517, "517,", 4);
    buffer_clear(&buffer);
    assert_int_equal(buffer.n_bytes, 0);
    assert_string_equal(buffer.data, "");
    buffer_append(&buffer, "a\0b", 3);
    buffer_append(&buffer, NULL, 0);
    assert_memory_equal(buffer.data, "a\0b", 4);
    buffer_free(&buffer);
    assert_null(buffer.data);
}

static void test_buffer_limit(void **state)
{
    (void)state;
    struct buffer buffer = {.limit = 5};
    buffer_text(&buffer, "abc");
    buffer_text(&buffer, "de");
    assert_false(buffer.failed);
    buffer_text(&buffer, "");
    assert_false(buffer.failed);
    buffer_text(&buffer, "f");
    assert_true(buffer.failed);
    buffer_format(&buffer, "%d", 1);
    buffer_append(&buffer, "x", 1);
    assert_string_equal(buffer.data, "abcde");
    assert_null(buffer_take(&buffer));
    assert_false(buffer.failed); /* as new */
}

static void test_buffer_beyond_memory(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    buffer_text(&buffer, "kept");
    buffer_append(&buffer, "", SIZE_MAX);
    assert_true(buffer.failed);
    assert_string_equal(buffer.data, "kept");
    buffer_clear(&buffer);
    assert_false(buffer.failed);
    buffer_append(&buffer, "", SIZE_MAX / 4);
    assert_true(buffer.failed);
    buffer_free(&buffer);
}

static void test_buffer_take(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    char *nothing = buffer_take(&buffer);
    assert_string_equal(nothing, "");
    free(nothing);
    buffer_text(&buffer, "given");
    char *text = buffer_take(&buffer);
    assert_string_equal(text, "given");
    assert_int_equal(buffer.n_bytes, 0);
    free(text);
}

/* ---- files ---- */

static void assert_refused(const char *path, const char *reason)
{
    struct file_map map;
    char *text = NULL;
    size_t n_bytes;
    heft_error error = {0};
    assert_int_equal(file_map_open(path, &map, &error), HEFT_BAD_FILE);
    if (!strstr(error.message, path) || !strstr(error.message, reason))
        fail_msg("%s", error.message);
    assert_null(map.data);
    assert_int_equal(file_read(path, 100, &text, &n_bytes, &error), HEFT_BAD_FILE);
    if (!strstr(error.message, path) || !strstr(error.message, reason))
        fail_msg("%s", error.message);
    assert_int_equal(file_read(path, 100, &text, &n_bytes, NULL), HEFT_BAD_FILE);
}

static void test_no_files(void **state)
{
    (void)state;
    assert_refused(in_folder("nothing"), "No such file");
    assert_refused(folder, "directory");
    assert_refused("/dev/null", "regular");
    assert_int_equal(mkfifo(in_folder("fifo"), 0600), 0);
    assert_refused(in_folder("fifo"), "regular"); /* and does not wait for a writer */
    assert_false(file_exists(in_folder("nothing")));
    assert_true(file_exists(folder));
}

static void test_write_and_read(void **state)
{
    (void)state;
    struct file_map map;
    heft_error error;
    char *text;
    size_t n_bytes;
    const char *path = in_folder("file");
    assert_int_equal(file_write(path, "old", 3, &error), HEFT_OK);
    assert_int_equal(file_write(path, "new\0er", 6, &error), HEFT_OK);
    assert_int_equal(file_read(path, 6, &text, &n_bytes, &error), HEFT_OK);
    assert_int_equal(n_bytes, 6);
    assert_memory_equal(text, "new\0er", 7);
    free(text);
    assert_int_equal(file_read(path, 5, &text, &n_bytes, &error), HEFT_BAD_FILE);
    assert_non_null(strstr(error.message, "longer than 5 bytes"));
    assert_int_equal(file_map_open(path, &map, &error), HEFT_OK);
    assert_int_equal(map.n_bytes, 6);
    assert_memory_equal(map.data, "new\0er", 6);
    file_map_close(&map);
    file_map_close(&map);
    assert_int_equal(file_write(in_folder("no/file"), "", 0, &error), HEFT_USAGE);
}

static int mode_of(const char *path)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return (int)(info.st_mode & 0777);
}

static void test_mode_of_files(void **state)
{
    (void)state;
    heft_error error;
    const char *path = in_folder("mode");
    mode_t before = umask(027);
    assert_int_equal(file_write(path, "x", 1, &error), HEFT_OK);
    assert_int_equal(mode_of(path), 0640);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(file_write(path, "y", 1, &error), HEFT_OK);
    assert_int_equal(mode_of(path), 0600);
    umask(before);
    unlink(path);
}

static void test_file_of_no_bytes(void **state)
{
    (void)state;
    struct file_map map;
    heft_error error;
    char *text;
    size_t n_bytes;
    const char *path = in_folder("file");
    assert_int_equal(file_write(path, "", 0, &error), HEFT_OK);
    assert_int_equal(file_map_open(path, &map, &error), HEFT_OK);
    assert_null(map.data);
    file_map_close(&map);
    assert_int_equal(file_read(path, 0, &text, &n_bytes, &error), HEFT_OK);
    assert_string_equal(text, "");
    free(text);
}

#ifdef __linux__
static void test_file_in_memory(void **state)
{
    (void)state;
    char name[] = "/dev/shm/heft-base-XXXXXX";
    struct file_map map;
    heft_error error;
    int fd = mkstemp(name);
    if (fd < 0) {
        print_message("skipped: there is no /dev/shm\n");
        skip();
    }
    assert_int_equal(write(fd, "heft", 4), 4);
    assert_int_equal(file_map_open(name, &map, &error), HEFT_OK);
    assert_int_equal(map.n_held, 4);
    file_map_close(&map);
    assert_int_equal(ftruncate(fd, 64 << 20), 0); /* a hole */
    assert_int_equal(file_map_open(name, &map, &error), HEFT_OK);
    assert_true(map.n_held < 32 << 20);
    file_map_close(&map);
    close(fd);
    unlink(name);
}
#else
static void test_file_in_memory(void **state)
{
    (void)state;
}
#endif

static void test_standard_input(void **state)
{
    (void)state;
    int ends[2], saved = dup(STDIN_FILENO);
    heft_error error;
    char *text;
    size_t n_bytes;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "from a pipe", 11), 11);
    close(ends[1]);
    dup2(ends[0], STDIN_FILENO);
    assert_int_equal(file_read("-", 100, &text, &n_bytes, &error), HEFT_OK);
    dup2(saved, STDIN_FILENO);
    close(ends[0]);
    close(saved);
    assert_string_equal(text, "from a pipe");
    assert_int_equal(n_bytes, 11);
    free(text);
}

/* ---- the machine ---- */

static void test_memory_is_plausible(void **state)
{
    (void)state;
    uint64_t available = memory_available();
    uint64_t physical = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    assert_true(available > 1 << 20);
    assert_true(available <= physical);
    char *memory = memory_take(10000);
    assert_non_null(memory);
    for (int i = 0; i < 10000; i++) assert_int_equal(memory[i], 0);
    memory_give(memory, 10000);
    memory_give(NULL, 0);
    assert_null(memory_take(SIZE_MAX / 2));
}

/* What it is depends on the machine; that it is no longer unknown needs a drive that can be read
 * past the cache. */
static void test_drive(void **state)
{
    (void)state;
    enum { N_BYTES = 64 << 20 };
    const char *path = in_folder("large");
    heft_error error;
    char *data = malloc(N_BYTES);
    memset(data, 1, N_BYTES);
    assert_int_equal(file_write(path, data, N_BYTES, &error), HEFT_OK);
    free(data);
    struct file_direct file = file_open_direct(path);
    uint64_t begin = clock_ns();
    double rate = drive_read_rate(path);
    assert_true(clock_ns() - begin < 20ull * 1000000000);
    if (file.descriptor >= 0) {
        assert_int_equal(file.n_bytes, N_BYTES);
        assert_true(rate > 1e5 && rate < 1e12);
        close(file.descriptor);
    } else {
        assert_true(rate == 0);
    }
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(truncate(path, N_BYTES), 0); /* holes are not read from a drive */
    assert_true(drive_read_rate(path) == 0);
    assert_int_equal(file_write(path, "small", 5, &error), HEFT_OK);
    assert_true(drive_read_rate(path) == 0);
    assert_int_equal(unlink(path), 0);
    assert_true(drive_read_rate(folder) == 0);
    assert_true(drive_read_rate(in_folder("nothing")) == 0);
}

/* ---- sentences ---- */

static void test_errors(void **state)
{
    (void)state;
    heft_error error = {0};
    assert_int_equal(error_set(&error, HEFT_BAD_FILE, "%s is %d", "x", 3), HEFT_BAD_FILE);
    assert_string_equal(error.message, "x is 3");
    assert_int_equal(error.status, HEFT_BAD_FILE);
    assert_int_equal(error_prefix(&error, HEFT_USAGE, "y"), HEFT_USAGE);
    assert_string_equal(error.message, "y: x is 3");
    assert_int_equal(error.status, HEFT_USAGE);
    assert_int_equal(error_set(NULL, HEFT_NETWORK, "nobody hears %d", 1), HEFT_NETWORK);
    assert_int_equal(error_prefix(NULL, HEFT_NETWORK, "nobody"), HEFT_NETWORK);
}

static void test_errors_are_cut(void **state)
{
    (void)state;
    heft_error error;
    char much[3000];
    memset(much, 'm', sizeof much - 1);
    much[sizeof much - 1] = 0;
    error_set(&error, HEFT_USAGE, "%s", much);
    assert_int_equal(strlen(error.message), sizeof error.message - 1);
    error_prefix(&error, HEFT_USAGE, "p");
    assert_int_equal(strlen(error.message), sizeof error.message - 1);
    assert_memory_equal(error.message, "p: m", 4);
    error_prefix(&error, HEFT_USAGE, much);
    assert_int_equal(strlen(error.message), sizeof error.message - 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buffer_grows),
        cmocka_unit_test(test_buffer_limit),
        cmocka_unit_test(test_buffer_beyond_memory),
        cmocka_unit_test(test_buffer_take),
        cmocka_unit_test(test_no_files),
        cmocka_unit_test(test_write_and_read),
        cmocka_unit_test(test_mode_of_files),
        cmocka_unit_test(test_file_of_no_bytes),
        cmocka_unit_test(test_file_in_memory),
        cmocka_unit_test(test_standard_input),
        cmocka_unit_test(test_memory_is_plausible),
        cmocka_unit_test(test_drive),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_errors_are_cut),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
