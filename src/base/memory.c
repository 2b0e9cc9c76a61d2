#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#ifdef __APPLE__
#include <sys/sysctl.h>
#endif

#include "base/machine.h"

static int system_text(void *argument, const char *path, char *text, int cap);
static int system_value(void *argument, const char *name, void *value, int cap);

const struct machine_source *machine_system(void)
{
    static const struct machine_source system = {system_text, system_value, NULL};
    return &system;
}

uint64_t memory_available(void)
{
    struct machine_memory memory;
    machine_read_memory(machine_system(), &memory);
    if (memory.available || memory.total) return memory.available;
    return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) / 4 * 3;
}

void *memory_take(size_t n_bytes)
{
    void *memory = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return NULL;
#ifdef MADV_HUGEPAGE
    madvise(memory, n_bytes, MADV_HUGEPAGE);
#endif
    return memory;
}

void memory_give(void *memory, size_t n_bytes)
{
    if (memory) munmap(memory, n_bytes);
}

static int system_text(void *argument, const char *path, char *text, int cap)
{
    (void)argument;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), n_bytes = 0;
    if (fd < 0) return -1;
    while (n_bytes < cap) {
        ssize_t n = read(fd, text + n_bytes, (size_t)(cap - n_bytes));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        n_bytes += (int)n;
    }
    close(fd);
    return n_bytes;
}

/* Linux says everything in texts. */
static int system_value(void *argument, const char *name, void *value, int cap)
{
    (void)argument;
#ifdef __APPLE__
    size_t n_bytes = (size_t)cap;
    return sysctlbyname(name, value, &n_bytes, NULL, 0) == 0 ? (int)n_bytes : -1;
#else
    (void)name, (void)value, (void)cap;
    return -1;
#endif
}
