#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cgroup.h"
#include "base/machine.h"
#include "base/probe.h"

#define CPU "/sys/devices/system/cpu"

enum { MOST_CACHES = 16 };

/* The processors there are, and those of them that this process may be scheduled on. */
struct cpu_sets {
    bool online[PROBE_CPUS], allowed[PROBE_CPUS];
};

static void read_linux(const struct machine_source *source, struct machine_cores *out);
static int read_sets(const struct machine_source *source, struct cpu_sets *out);
static int read_allowed(const struct machine_source *source, bool allowed[PROBE_CPUS]);
static int pick_cores(const struct machine_source *source, const bool set[PROBE_CPUS], int *cpus,
                      int cap);
static int core_of(const struct machine_source *source, int cpu);
static void read_caches(const struct machine_source *source, int cpu, struct machine_cores *out);
static double read_quota(const struct machine_source *source);
static double group_quota(const struct machine_source *source, const struct cgroup *group);
static void read_macos(const struct machine_source *source, struct machine_cores *out);
static int read_count(const struct machine_source *source, const char *name);

void machine_read_cores(const struct machine_source *source, struct machine_cores *out)
{
    *out = (struct machine_cores){0};
    read_linux(source, out);
    if (!out->n_cpus) read_macos(source, out);
    out->quota = read_quota(source);
    out->n_usable = out->n_fast < out->n_allowed ? out->n_fast : out->n_allowed;
    if (out->quota > 0 && out->quota < out->n_usable) out->n_usable = (int)ceil(out->quota);
}

int machine_pick_cpus(const struct machine_source *source, int *cpus, int cap)
{
    struct cpu_sets sets;
    read_sets(source, &sets);
    return pick_cores(source, sets.allowed, cpus, cap);
}

static void read_linux(const struct machine_source *source, struct machine_cores *out)
{
    struct cpu_sets sets;
    int first = 0;
    out->n_cpus = read_sets(source, &sets);
    out->n_cores = out->n_fast = pick_cores(source, sets.online, NULL, 0);
    out->n_allowed = pick_cores(source, sets.allowed, &first, 1);
    read_caches(source, first, out);
}

/* Returns how many are online. What is allowed may name more, that could be plugged in; one of the
 * two lists stands for both if the other is not told or makes no sense. */
static int read_sets(const struct machine_source *source, struct cpu_sets *out)
{
    char list[PROBE_PATH];
    int n_both = 0;
    probe_line(source, list, sizeof list, CPU "/online");
    int n_online = probe_list(list, out->online);
    int n_allowed = read_allowed(source, out->allowed);
    for (int cpu = 0; cpu < PROBE_CPUS; cpu++) n_both += out->online[cpu] && out->allowed[cpu];
    if (n_online == 0) memcpy(out->online, out->allowed, sizeof out->online);
    if (n_online > 0 && n_both == 0) memcpy(out->allowed, out->online, sizeof out->online);
    for (int cpu = 0; cpu < PROBE_CPUS; cpu++) out->allowed[cpu] &= out->online[cpu];
    return n_online ? n_online : n_allowed;
}

/* Of the thread that asks; older kernels say it of the process only. */
static int read_allowed(const struct machine_source *source, bool allowed[PROBE_CPUS])
{
    struct probe_text status;
    char list[PROBE_PATH];
    if (!probe_text(source, &status, "/proc/thread-self/status") &&
        !probe_text(source, &status, "/proc/self/status"))
        status.data[0] = 0;
    probe_words(&status, "Cpus_allowed_list:", list, sizeof list);
    return probe_list(list, allowed);
}

/* The first processor of each core that has one in the set. */
static int pick_cores(const struct machine_source *source, const bool set[PROBE_CPUS], int *cpus,
                      int cap)
{
    bool taken[PROBE_CPUS] = {0};
    int n = 0;
    for (int cpu = 0; cpu < PROBE_CPUS; cpu++) {
        if (!set[cpu]) continue;
        int core = core_of(source, cpu);
        if (taken[core]) continue;
        taken[core] = true;
        if (n < cap) cpus[n] = cpu;
        n++;
    }
    return n;
}

/* A core goes by the first of its processors. */
static int core_of(const struct machine_source *source, int cpu)
{
    struct probe_text text;
    bool siblings[PROBE_CPUS];
    if (!probe_text(source, &text, CPU "/cpu%d/topology/thread_siblings_list", cpu) ||
        probe_list(text.data, siblings) == 0 || !siblings[cpu])
        return cpu;
    int first = 0;
    while (!siblings[first]) first++;
    return first;
}

static void read_caches(const struct machine_source *source, int cpu, struct machine_cores *out)
{
    uint64_t *levels[] = {&out->l1_bytes, &out->l2_bytes, &out->l3_bytes};
    for (int i = 0; i < MOST_CACHES; i++) {
        uint64_t level;
        unsigned kib;
        char unit;
        struct probe_text kind, size;
        if (!probe_number(source, &level, CPU "/cpu%d/cache/index%d/level", cpu, i) ||
            !probe_text(source, &kind, CPU "/cpu%d/cache/index%d/type", cpu, i) ||
            !probe_text(source, &size, CPU "/cpu%d/cache/index%d/size", cpu, i))
            return;
        bool data = strncmp(kind.data, "Instruction", 11) != 0;
        if (!data || level < 1 || level > 3) continue;
        if (sscanf(size.data, "%9u%c", &kib, &unit) == 2 && unit == 'K')
            *levels[level - 1] = (uint64_t)kib * 1024;
    }
}

/* The tightest of the groups around this process. */
static double read_quota(const struct machine_source *source)
{
    double least = 0;
    for (enum cgroup_version version = CGROUP_V2; version <= CGROUP_V1; version++) {
        struct cgroup group;
        cgroup_own(source, version, "cpu", &group);
        do {
            double quota = group_quota(source, &group);
            if (quota > 0 && (least == 0 || quota < least)) least = quota;
        } while (cgroup_up(&group));
    }
    return least;
}

/* Microseconds of processor time in a period; where there is no limit, "max" or -1. */
static double group_quota(const struct machine_source *source, const struct cgroup *group)
{
    uint64_t quota = 0, period = 0;
    struct probe_text text;
    if (group->version == CGROUP_V1) {
        if (!probe_number(source, &quota, "%s/cpu.cfs_quota_us", group->path) ||
            !probe_number(source, &period, "%s/cpu.cfs_period_us", group->path))
            return 0;
    } else if (!probe_text(source, &text, "%s/cpu.max", group->path) ||
               sscanf(text.data, "%15" SCNu64 " %15" SCNu64, &quota, &period) != 2) {
        return 0;
    }
    return period ? (double)quota / (double)period : 0;
}

static void read_macos(const struct machine_source *source, struct machine_cores *out)
{
    char kind[32];
    int n_levels = read_count(source, "hw.nperflevels");
    out->n_cpus = read_count(source, "hw.logicalcpu");
    out->n_cores = read_count(source, "hw.physicalcpu");
    if (out->n_cores > out->n_cpus) out->n_cores = out->n_cpus;
    out->n_allowed = out->n_cores;
    for (int i = 0; i < n_levels; i++) {
        char name[64];
        snprintf(name, sizeof name, "hw.perflevel%d.name", i);
        probe_value_text(source, kind, sizeof kind, name);
        snprintf(name, sizeof name, "hw.perflevel%d.physicalcpu", i);
        if (strcmp(kind, "Efficiency") != 0) out->n_fast += read_count(source, name);
    }
    if (out->n_fast == 0 || out->n_fast > out->n_cores) out->n_fast = out->n_cores;
    const char *level = n_levels ? "perflevel0." : "";
    probe_value(source, &out->l1_bytes, "hw.%sl1dcachesize", level);
    probe_value(source, &out->l2_bytes, "hw.%sl2cachesize", level);
    probe_value(source, &out->l3_bytes, "hw.l3cachesize");
}

static int read_count(const struct machine_source *source, const char *name)
{
    uint64_t n = 0;
    return probe_value(source, &n, "%s", name) && n <= PROBE_CPUS ? (int)n : 0;
}
