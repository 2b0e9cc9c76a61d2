/* Tile registers make every switch between threads save more: a program that does without them must
 * not have them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "backend/cpu/kernels.h"

#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>

static bool has_tiles(void)
{
    enum { ARCH_GET_XCOMP_PERM = 0x1022, XFEATURE_XTILEDATA = 18 };
    uint64_t features = 0;
    long status = syscall(SYS_arch_prctl, ARCH_GET_XCOMP_PERM, &features);
    return status == 0 && features >> XFEATURE_XTILEDATA & 1;
}

static void test_only_if_asked_for(void **state)
{
    (void)state;
    static const char *const masks[] = {"c", "avx2", "avx512", "avx512vnni", "avx512vbmi"};
    struct kernels kernels;
    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
        assert_true(kernels_init(&kernels, masks[i]));
        assert_false(has_tiles());
    }
    assert_true(kernels_init(&kernels, NULL));
    assert_int_equal(has_tiles(), strcmp(kernels.name, "amx") == 0);
}
#else
static void test_only_if_asked_for(void **state)
{
    (void)state;
    skip();
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_only_if_asked_for)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
