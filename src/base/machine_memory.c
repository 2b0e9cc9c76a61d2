#include <stdio.h>
#include <string.h>

#include "base/cgroup.h"
#include "base/machine.h"
#include "base/probe.h"

/* The files of a memory group, in the two versions. */
struct group_files {
    const char *limits[2]; /* the second may be passed, but everything slows down then */
    const char *usage;
    const char *inactive, *active; /* page cache, in memory.stat: of the group and those in it */
};

static const struct group_files GROUP_FILES[] = {
    [CGROUP_V2] = {{"memory.max", "memory.high"},
                   "memory.current",
                   "inactive_file ",
                   "active_file "},
    [CGROUP_V1] = {{"memory.limit_in_bytes", NULL},
                   "memory.usage_in_bytes",
                   "total_inactive_file ",
                   "total_active_file "},
};

static bool read_linux(const struct machine_source *source, struct machine_memory *out);
static enum huge_pages transparent_pages(const struct machine_source *source);
static bool read_macos(const struct machine_source *source, struct machine_memory *out);
static void read_wired_limit(const struct machine_source *source, struct machine_memory *out);
static void read_groups(const struct machine_source *source, enum cgroup_version version,
                        struct machine_memory *out);
static void read_group(const struct machine_source *source, const struct cgroup *group,
                       struct machine_memory *out);
static void read_hidden_limit(const struct machine_source *source, const struct cgroup *outermost,
                              struct machine_memory *out);
static uint64_t group_usage(const struct machine_source *source, const struct cgroup *group,
                            const struct probe_text *stat);
static void apply_limit(struct machine_memory *memory, const struct cgroup *group, const char *file,
                        uint64_t limit, uint64_t used);

void machine_read_memory(const struct machine_source *source, struct machine_memory *out)
{
    *out = (struct machine_memory){.limit_left = UINT64_MAX};
    bool known = read_linux(source, out);
    if (!out->total) known = read_macos(source, out);
    if (!known) out->unused = out->total / 4 * 3;
    read_groups(source, CGROUP_V2, out);
    read_groups(source, CGROUP_V1, out);
    out->available = out->unused < out->limit_left ? out->unused : out->limit_left;
}

/* Whether the system says what is unused: where it is 0, nothing is. */
static bool read_linux(const struct machine_source *source, struct machine_memory *out)
{
    struct probe_text text;
    bool known = false;
    const struct {
        const char *name;
        uint64_t *out;
    } fields[] = {
        {"MemTotal:", &out->total},        {"MemAvailable:", &out->unused},
        {"SwapTotal:", &out->swap},        {"SwapFree:", &out->swap_unused},
        {"Hugetlb:", &out->huge_reserved}, {"Hugepagesize:", &out->huge_page_bytes},
    };
    if (!probe_text(source, &text, "/proc/meminfo")) return false;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        uint64_t kib;
        if (!probe_field(&text, fields[i].name, &kib) || kib > UINT64_MAX / 1024) continue;
        *fields[i].out = kib * 1024;
        known = known || fields[i].out == &out->unused;
    }
    if (out->unused > out->total) out->unused = out->total;
    out->transparent = transparent_pages(source);
    return known;
}

/* The choice that holds stands in brackets: "always [madvise] never". */
static enum huge_pages transparent_pages(const struct machine_source *source)
{
    char line[64];
    probe_line(source, line, sizeof line, "/sys/kernel/mm/transparent_hugepage/enabled");
    if (strstr(line, "[always]")) return HUGE_PAGES_ALWAYS;
    if (strstr(line, "[madvise]")) return HUGE_PAGES_ON_REQUEST;
    return strstr(line, "[never]") ? HUGE_PAGES_NEVER : HUGE_PAGES_UNKNOWN;
}

/* Pages of files include those read ahead, which other counters name once more. */
static bool read_macos(const struct machine_source *source, struct machine_memory *out)
{
    static const char *const left[] = {"page_free_count", "page_purgeable_count",
                                       "page_pageable_external_count"};
    struct {
        uint64_t total, left, used;
        uint32_t page_bytes, encrypted;
    } swap;
    uint64_t page = 0;
    bool known = false;
    if (!probe_value(source, &out->total, "hw.memsize")) return false;
    probe_value(source, &page, "vm.pagesize");
    for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
        uint64_t n = 0;
        if (!probe_value(source, &n, "vm.%s", left[i]) || !page || n > out->total / page) continue;
        out->unused += n * page;
        known = true;
    }
    if (out->unused > out->total) out->unused = out->total;
    if (source->read_value(source->argument, "vm.swapusage", &swap, sizeof swap) == sizeof swap) {
        out->swap = swap.total;
        out->swap_unused = swap.left;
    }
    read_wired_limit(source, out);
    return known;
}

/* Unset, macOS gives the GPU a share that the Metal device alone knows: reported are two thirds up
 * to 36 GiB and three quarters above, on newer systems up to 84 %. The least of them is certain. */
static void read_wired_limit(const struct machine_source *source, struct machine_memory *out)
{
    uint64_t apple_silicon = 0, mib = 0;
    probe_value(source, &apple_silicon, "hw.optional.arm64");
    if (!apple_silicon) return;
    probe_value(source, &mib, "iogpu.wired_limit_mb");
    out->wired_limit_set = mib > 0 && mib <= out->total >> 20;
    if (out->wired_limit_set)
        out->wired_limit = mib << 20;
    else
        out->wired_limit =
            out->total <= (uint64_t)36 << 30 ? out->total / 3 * 2 : out->total / 4 * 3;
}

static void read_groups(const struct machine_source *source, enum cgroup_version version,
                        struct machine_memory *out)
{
    struct cgroup group;
    cgroup_own(source, version, "memory", &group);
    do read_group(source, &group, out);
    while (cgroup_up(&group));
    read_hidden_limit(source, &group, out);
}

static void read_group(const struct machine_source *source, const struct cgroup *group,
                       struct machine_memory *out)
{
    const struct group_files *files = &GROUP_FILES[group->version];
    struct probe_text stat;
    uint64_t limit;
    if (!probe_text(source, &stat, "%s/memory.stat", group->path)) stat.data[0] = 0;
    uint64_t used = group_usage(source, group, &stat);
    for (int i = 0; i < 2 && files->limits[i]; i++)
        if (probe_number(source, &limit, "%s/%s", group->path, files->limits[i]))
            apply_limit(out, group, files->limits[i], limit, used);
}

/* The first version says what is set on groups around the outermost one that can be seen. */
static void read_hidden_limit(const struct machine_source *source, const struct cgroup *outermost,
                              struct machine_memory *out)
{
    struct probe_text stat;
    uint64_t limit;
    if (probe_text(source, &stat, "%s/memory.stat", outermost->path) &&
        probe_field(&stat, "hierarchical_memory_limit ", &limit))
        apply_limit(out, outermost, "memory.stat", limit, group_usage(source, outermost, &stat));
}

/* The page cache of a group counts as used there, but is given up on demand. */
static uint64_t group_usage(const struct machine_source *source, const struct cgroup *group,
                            const struct probe_text *stat)
{
    const struct group_files *files = &GROUP_FILES[group->version];
    uint64_t used = 0, cache[2] = {0};
    probe_number(source, &used, "%s/%s", group->path, files->usage);
    probe_field(stat, files->inactive, &cache[0]);
    probe_field(stat, files->active, &cache[1]);
    for (int i = 0; i < 2; i++) used = used > cache[i] ? used - cache[i] : 0;
    return used;
}

/* What is above the memory there is limits nothing: that is how the first version says so. */
static void apply_limit(struct machine_memory *memory, const struct cgroup *group, const char *file,
                        uint64_t limit, uint64_t used)
{
    if (limit == 0 || (memory->total && limit >= memory->total)) return;
    uint64_t left = limit > used ? limit - used : 0;
    if (left < memory->limit_left) memory->limit_left = left;
    if (memory->limit && limit >= memory->limit) return;
    memory->limit = limit;
    snprintf(memory->limit_name, sizeof memory->limit_name, "%s/%s", group->path, file);
}
