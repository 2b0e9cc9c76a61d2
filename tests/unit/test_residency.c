/* A model that is not in memory: its file is brought in, no further than allowed, ends at once when
 * asked, and the answers are the same. Where the file system keeps files in memory whatever it is
 * told there is nothing to see. Run it under the thread sanitizer as well. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "engine/residency.h"
#include "heft.h"
#include "model_file.h"

enum { N_VOCAB = 272, N_TOKENS = 20, MIB = 1 << 20 };

static char path[] = "/tmp/heft-residency-XXXXXX";

/* About 50 MB: several windows. */
static int make_model(void **state)
{
    (void)state;
    struct model_shape shape = {.n_layers = 4,
                                .d_model = 256,
                                .n_heads = 8,
                                .n_kv_heads = 2,
                                .d_k = 32,
                                .d_v = 32,
                                .d_rope = 32,
                                .d_ff = 4096,
                                .n_ctx = 64,
                                .dtype = DTYPE_F32};
    struct model_file *file = model_file_make(&shape, "tests/golden/data/llama-a.gguf");
    int fd = mkstemp(path);
    if (fd < 0) return -1;
    close(fd);
    model_file_write(file, path);
    model_file_free(file);
    return 0;
}

static int remove_model(void **state)
{
    (void)state;
    return unlink(path);
}

static struct gguf *open_model(void)
{
    struct gguf *file = NULL;
    heft_error error;
    if (gguf_open(path, &file, &error) != HEFT_OK) fail_msg("%s", error.message);
    return file;
}

static size_t resident_bytes(const struct gguf *file)
{
    const struct file_map *map = gguf_part_map(file, 0);
    size_t page = (size_t)sysconf(_SC_PAGESIZE), n = 0;
    for (size_t offset = 0; offset < map->n_bytes; offset += page)
        if (file_map_resident(map, offset, page)) n += page;
    return n;
}

/* Pages that are mapped stay, so no model may be open. */
static void drop_from_memory(void)
{
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    fsync(fd);
#ifdef POSIX_FADV_DONTNEED
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
#endif
    close(fd);
    struct gguf *file = open_model();
    bool dropped = resident_bytes(file) < gguf_bytes(file) / 2;
    gguf_close(file);
    if (dropped) return;
    print_message("skipped: the system keeps %s in memory\n", path);
    skip();
}

static bool wait_until_resident(const struct gguf *file)
{
    const struct file_map *map = gguf_part_map(file, 0);
    for (uint64_t begin = clock_ns(); clock_ns() - begin < 30ull * 1000000000;) {
        if (file_map_resident(map, 0, map->n_bytes)) return true;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return false;
}

static void test_brings_all(void **state)
{
    (void)state;
    drop_from_memory();
    struct gguf *file = open_model();
    struct residency *residency = residency_start(file, UINT64_MAX);
    assert_non_null(residency);
    assert_true(wait_until_resident(file));
    residency_stop(residency);
    assert_null(residency_start(file, UINT64_MAX)); /* now there is nothing to do */
    gguf_close(file);
}

static void test_ends_at_once(void **state)
{
    (void)state;
    drop_from_memory();
    for (int i = 0; i < 50; i++) {
        struct gguf *file = open_model();
        residency_stop(residency_start(file, UINT64_MAX));
        gguf_close(file);
    }
    residency_stop(NULL);
}

/* The system reads a little further than it is asked to. */
static void test_keeps_to_its_budget(void **state)
{
    (void)state;
    drop_from_memory();
    struct gguf *file = open_model();
    assert_null(residency_start(file, MIB)); /* less than is worth a read */
    struct residency *residency = residency_start(file, 16 * MIB);
    assert_non_null(residency);
    nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
    residency_stop(residency);
    assert_true(resident_bytes(file) <= 36 * MIB);
    gguf_close(file);
}

/* What is in memory already takes its part. */
static void test_counts_what_is_there(void **state)
{
    (void)state;
    drop_from_memory();
    struct gguf *file = open_model();
    const struct file_map *map = gguf_part_map(file, 0);
    for (size_t i = 0; i < 32 * MIB; i += 4096) (void)*(const volatile uint8_t *)(map->data + i);
    struct residency *residency = residency_start(file, 32 * MIB);
    assert_non_null(residency);
    nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
    residency_stop(residency);
    assert_true(resident_bytes(file) <= 40 * MIB);
    gguf_close(file);
}

static void compute(float logits[N_VOCAB])
{
    heft_options options = heft_options_default();
    heft_engine *engine = NULL;
    heft_session *session = NULL;
    heft_error error;
    int32_t tokens[N_TOKENS];
    options.model = path;
    options.n_threads = 2;
    for (int i = 0; i < N_TOKENS; i++) tokens[i] = i * 13 % N_VOCAB;
    if (heft_engine_open(&options, &engine, &error) != HEFT_OK ||
        heft_session_create(engine, &session, &error) != HEFT_OK)
        fail_msg("%s", error.message);
    heft_work work = {.session = session,
                      .tokens = tokens,
                      .n_tokens = N_TOKENS,
                      .logits = logits,
                      .n_logits = 1};
    if (heft_step(engine, &work, 1, &error) != HEFT_OK) fail_msg("%s", error.message);
    heft_engine_close(engine);
}

static void test_answers_are_the_same(void **state)
{
    (void)state;
    float warm[N_VOCAB], cold[N_VOCAB];
    compute(warm);
    drop_from_memory();
    compute(cold);
    assert_memory_equal(cold, warm, sizeof cold);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_brings_all),           cmocka_unit_test(test_ends_at_once),
        cmocka_unit_test(test_keeps_to_its_budget),  cmocka_unit_test(test_counts_what_is_there),
        cmocka_unit_test(test_answers_are_the_same),
    };
    return cmocka_run_group_tests(tests, make_model, remove_model);
}
