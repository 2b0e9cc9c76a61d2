#include "base/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

/* The two versions of control groups. */
struct cgroup_version {
    const char *controllers; /* as /proc/self/cgroup has them */
    const char *root, *limit, *usage;
    const char *inactive, *active; /* files in memory, of the group and those in it */
};

static uint64_t system_available(void);
static uint64_t cgroup_left(void);
static void own_group(const struct cgroup_version *version, char *path);
static uint64_t left_in(const struct cgroup_version *version, const char *group);
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

/* The least of what is left in the group of this process and in those around it. In a container the
 * path may be one of the host, which is not there: then the root, seen last, is the container's. */
static uint64_t cgroup_left(void)
{
    static const struct cgroup_version versions[] = {
        {"", "/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file", "active_file"},
        {"memory", "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
         "total_inactive_file", "total_active_file"},
    };
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        char group[PATH_BYTES];
        own_group(&versions[i], group);
        for (char *end = group + strlen(group); end; end = strrchr(group, '/')) {
            *end = 0;
            uint64_t left = left_in(&versions[i], group);
            if (left < least) least = left;
        }
    }
    return least;
}

/* Lines are "number:controllers:path". "" if the system does not say. */
static void own_group(const struct cgroup_version *version, char *path)
{
    char line[PATH_BYTES];
    path[0] = 0;
    FILE *file = fopen("/proc/self/cgroup", "r");
    while (file && fgets(line, sizeof line, file)) {
        char *controllers = strchr(line, ':'),
             *own = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!own) continue;
        *own++ = 0;
        own[strcspn(own, "\n")] = 0;
        if (strcmp(controllers + 1, version->controllers) == 0) strcpy(path, own);
    }
    if (file) fclose(file);
}

/* The page cache of a group counts as used there, but is given up on demand. */
static uint64_t left_in(const struct cgroup_version *version, const char *group)
{
    char limit[2 * PATH_BYTES], usage[2 * PATH_BYTES], stat[2 * PATH_BYTES];
    snprintf(limit, sizeof limit, "%s%s/%s", version->root, group, version->limit);
    snprintf(usage, sizeof usage, "%s%s/%s", version->root, group, version->usage);
    snprintf(stat, sizeof stat, "%s%s/memory.stat", version->root, group);
    uint64_t most = read_number(limit), used = read_number(usage);
    if (most == 0) return UINT64_MAX;
    uint64_t cache = read_field(stat, version->inactive) + read_field(stat, version->active);
    used = used > cache ? used - cache : 0;
    return most > used ? most - used : 0;
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
