#include "base/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t system_available(void);
static uint64_t cgroup_left(void);
static uint64_t left_in(const char *limit_path, const char *usage_path, const char *stat_path);
static uint64_t read_number(const char *path);
static uint64_t read_field(const char *path, const char *field);

uint64_t memory_available(void)
{
    uint64_t system = system_available(), cgroup = cgroup_left();
    return system < cgroup ? system : cgroup;
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

static uint64_t system_available(void)
{
    uint64_t kib = read_field("/proc/meminfo", "MemAvailable:");
    if (kib) return kib * 1024;
    uint64_t physical = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    return physical / 4 * 3;
}

static uint64_t cgroup_left(void)
{
    uint64_t v2 = left_in("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current",
                          "/sys/fs/cgroup/memory.stat");
    uint64_t v1 =
        left_in("/sys/fs/cgroup/memory/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/memory.usage_in_bytes", "/sys/fs/cgroup/memory/memory.stat");
    return v1 < v2 ? v1 : v2;
}

/* The page cache of the group counts as used there, but is given up on demand. */
static uint64_t left_in(const char *limit_path, const char *usage_path, const char *stat_path)
{
    uint64_t limit = read_number(limit_path);
    if (limit == 0) return UINT64_MAX;
    uint64_t used = read_number(usage_path);
    uint64_t cache = read_field(stat_path, "inactive_file") + read_field(stat_path, "active_file");
    used = used > cache ? used - cache : 0;
    return limit > used ? limit - used : 0;
}

/* 0 where there is no such file or it says "max". */
static uint64_t read_number(const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    uint64_t number = 0;
    if (fscanf(file, "%" SCNu64, &number) != 1) number = 0;
    fclose(file);
    return number;
}

static uint64_t read_field(const char *path, const char *field)
{
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    uint64_t number = 0;
    char name[64];
    while (fscanf(file, "%63s", name) == 1) {
        if (strcmp(name, field) == 0 && fscanf(file, "%" SCNu64, &number) == 1) break;
    }
    fclose(file);
    return number;
}
