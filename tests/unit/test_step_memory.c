/* Nothing is allocated during a step: the allocator of this program counts, for the GNU C library,
 * whose own functions lie beneath it. Elsewhere, and under sanitizers, there is nothing to count.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "heft.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define COUNTS 0
#else
#define COUNTS 1
#endif

enum { N_VOCAB = 272, N_CTX = 128 };

static atomic_int n_calls;

#if COUNTS
void *__libc_malloc(size_t n_bytes);
void *__libc_calloc(size_t n, size_t n_bytes);
void *__libc_realloc(void *memory, size_t n_bytes);
void *__libc_memalign(size_t alignment, size_t n_bytes);
void __libc_free(void *memory);

void *malloc(size_t n_bytes)
{
    atomic_fetch_add(&n_calls, 1);
    return __libc_malloc(n_bytes);
}

void *calloc(size_t n, size_t n_bytes)
{
    atomic_fetch_add(&n_calls, 1);
    return __libc_calloc(n, n_bytes);
}

void *realloc(void *memory, size_t n_bytes)
{
    atomic_fetch_add(&n_calls, 1);
    return __libc_realloc(memory, n_bytes);
}

void *aligned_alloc(size_t alignment, size_t n_bytes)
{
    atomic_fetch_add(&n_calls, 1);
    return __libc_memalign(alignment, n_bytes);
}

void free(void *memory)
{
    atomic_fetch_add(&n_calls, 1);
    __libc_free(memory);
}

void *mmap(void *address, size_t n_bytes, int protection, int flags, int fd, off_t offset)
{
    atomic_fetch_add(&n_calls, 1);
    return (void *)syscall(SYS_mmap, address, n_bytes, protection, flags, fd, offset);
}
#endif

static void step_without_memory(heft_engine *engine, const heft_work *work, int n_work,
                                const char *what)
{
    heft_error error;
    int before = atomic_load(&n_calls);
    heft_status status = heft_step(engine, work, n_work, &error);
    int after = atomic_load(&n_calls);
    if (status != HEFT_OK) fail_msg("%s: %s", what, error.message);
    if (after != before) fail_msg("%s: %d calls of the allocator", what, after - before);
}

static void test_step_takes_no_memory(void **state)
{
    if (!COUNTS) skip();
    heft_options options = heft_options_default();
    options.model = *state;
    options.n_sessions = 2;
    options.n_ctx = N_CTX;
    options.n_batch = 48;
    options.n_threads = 3;
    heft_engine *engine;
    heft_session *a, *b;
    heft_error error;
    static float logits[3 * N_VOCAB];
    int32_t tokens[N_CTX];
    for (int i = 0; i < N_CTX; i++) tokens[i] = i * 7 % N_VOCAB;
    if (heft_engine_open(&options, &engine, &error) != HEFT_OK) fail_msg("%s", error.message);
    assert_int_equal(heft_session_create(engine, &a, &error), HEFT_OK);
    assert_int_equal(heft_session_create(engine, &b, &error), HEFT_OK);
    assert_true(atomic_load(&n_calls) > 0);
    step_without_memory(engine, &(heft_work){a, tokens, 100, logits, 2}, 1, "prefill");
    step_without_memory(engine, &(heft_work){a, tokens, 1, logits, 1}, 1, "decode");
    heft_work both[] = {{a, tokens, 1, logits, 1}, {b, tokens, 70, logits + N_VOCAB, 2}};
    step_without_memory(engine, both, 2, "batch");
    heft_session_rewind(a, 10);
    step_without_memory(engine, &(heft_work){a, tokens, 3, NULL, 0}, 1, "after a rewind");
    heft_engine_close(engine);
}

#define FOR(name)                                                                                  \
    {                                                                                              \
        "step takes no memory, " name, test_step_takes_no_memory, NULL, NULL,                      \
            (void *)"tests/golden/data/" name ".gguf"                                              \
    }

int main(void)
{
    static const struct CMUnitTest tests[] = {
        FOR("llama-a"), FOR("llama-b"), FOR("deepseek-b"), FOR("deepseek-c"), FOR("deepseek-e"),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
