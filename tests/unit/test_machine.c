/* What a machine is, from texts and values as many kinds of machines give them, from damaged ones,
 * and from the machine of the test with limits set by the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/machine.h"
#include "base/pool.h"

#define GIB ((uint64_t)1 << 30)
#define MEMINFO(total_kib, available_kib)                                                          \
    {                                                                                              \
        "/proc/meminfo", "MemTotal:       " total_kib " kB\n"                                      \
                         "MemFree:          204800 kB\n"                                           \
                         "MemAvailable:   " available_kib " kB\n"                                  \
                         "SwapTotal:       2097148 kB\n"                                           \
                         "SwapFree:        1048576 kB\n"                                           \
                         "HugePages_Total:       0\n"                                              \
                         "Hugepagesize:       2048 kB\n"                                           \
                         "Hugetlb:               0 kB\n"                                           \
    }
#define CPU    "/sys/devices/system/cpu"
#define NODE   "/sys/devices/system/node"
#define CGROUP "/sys/fs/cgroup"
#define SIBLINGS(cpu, list)                                                                        \
    {                                                                                              \
        CPU "/cpu" #cpu "/topology/thread_siblings_list", list "\n"                                \
    }

/* ---- machines that are only told of ---- */

struct record {
    const char *path, *text;
};

struct value {
    const char *name;
    uint64_t number; /* or */
    const char *text;
    int n_bytes; /* of the number; 0: 8 */
};

struct told {
    const struct record *records; /* up to one of no path */
    const struct value *values;   /* up to one of no name; NULL: none */
    int cut;                      /* texts end after so many bytes; 0: they do not */
};

static int told_text(void *argument, const char *path, char *text, int cap)
{
    const struct told *told = argument;
    for (const struct record *r = told->records; r && r->path; r++) {
        if (strcmp(r->path, path) != 0) continue;
        int n = (int)strlen(r->text);
        if (told->cut && told->cut < n) n = told->cut;
        if (n > cap) n = cap;
        memcpy(text, r->text, (size_t)n);
        return n;
    }
    return -1;
}

static int told_value(void *argument, const char *name, void *value, int cap)
{
    const struct told *told = argument;
    for (const struct value *v = told->values; v && v->name; v++) {
        if (strcmp(v->name, name) != 0) continue;
        int n = v->text ? (int)strlen(v->text) + 1 : v->n_bytes ? v->n_bytes : 8;
        if (n > cap) return -1;
        memcpy(value, v->text ? (const void *)v->text : &v->number, (size_t)n);
        return n;
    }
    return -1;
}

static void read_told(const struct record *records, const struct value *values, struct machine *out)
{
    struct told told = {records, values, 0};
    machine_read(&(struct machine_source){told_text, told_value, &told}, out);
}

static void assert_line(const struct machine *machine, const char *expected)
{
    struct buffer line = {0};
    machine_describe(machine, &line);
    assert_string_equal(line.data, expected);
    buffer_free(&line);
}

/* ---- Linux ---- */

static const struct record DESKTOP[] = {
    MEMINFO("65773084", "60123456"),
    {"/proc/cpuinfo", "processor\t: 0\nvendor_id\t: AuthenticAMD\n"
                      "model name\t: AMD Ryzen 7 7700   8-Core Processor \n"},
    {"/proc/sys/kernel/osrelease", "6.12.8-arch1-1\n"},
    {"/proc/self/cgroup", "0::/user.slice/user-1000.slice/session-2.scope\n"},
    {CGROUP "/user.slice/memory.max", "max\n"},
    {CGROUP "/user.slice/user-1000.slice/memory.max", "max\n"},
    {CGROUP "/user.slice/user-1000.slice/memory.high", "max\n"},
    {CGROUP "/user.slice/cpu.max", "max 100000\n"},
    {"/proc/thread-self/status", "Name:\theft\nCpus_allowed:\tff\nCpus_allowed_list:\t0-7\n"},
    {CPU "/online", "0-7\n"},
    SIBLINGS(0, "0,4"),
    SIBLINGS(1, "1,5"),
    SIBLINGS(2, "2,6"),
    SIBLINGS(3, "3,7"),
    SIBLINGS(4, "0,4"),
    SIBLINGS(5, "1,5"),
    SIBLINGS(6, "2,6"),
    SIBLINGS(7, "3,7"),
    {CPU "/cpu0/cache/index0/level", "1\n"},
    {CPU "/cpu0/cache/index0/type", "Data\n"},
    {CPU "/cpu0/cache/index0/size", "32K\n"},
    {CPU "/cpu0/cache/index1/level", "1\n"},
    {CPU "/cpu0/cache/index1/type", "Instruction\n"},
    {CPU "/cpu0/cache/index1/size", "64K\n"},
    {CPU "/cpu0/cache/index2/level", "2\n"},
    {CPU "/cpu0/cache/index2/type", "Unified\n"},
    {CPU "/cpu0/cache/index2/size", "1024K\n"},
    {CPU "/cpu0/cache/index3/level", "3\n"},
    {CPU "/cpu0/cache/index3/type", "Unified\n"},
    {CPU "/cpu0/cache/index3/size", "32768K\n"},
    {"/sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n"},
    {NODE "/online", "0\n"},
    {NODE "/node0/meminfo", "Node 0 MemTotal:       65773084 kB\nNode 0 MemFree: 1 kB\n"},
    {NODE "/node0/cpulist", "0-7\n"},
    {0},
};

static void test_desktop(void **state)
{
    (void)state;
    static struct machine machine;
    read_told(DESKTOP, NULL, &machine);
    const struct machine_cores *cores = &machine.cores;
    assert_int_equal(cores->n_cpus, 8);
    assert_int_equal(cores->n_cores, 4);
    assert_int_equal(cores->n_usable, 4);
    assert_true(cores->quota == 0);
    assert_int_equal(cores->l1_bytes, 32768);
    assert_int_equal(cores->l2_bytes, 1048576);
    assert_int_equal(cores->l3_bytes, 33554432);
    const struct machine_memory *memory = &machine.memory;
    assert_int_equal(memory->total, 65773084ull * 1024);
    assert_int_equal(memory->available, 60123456ull * 1024);
    assert_int_equal(memory->limit, 0);
    assert_true(memory->limit_left == UINT64_MAX);
    assert_int_equal(memory->swap, 2097148ull * 1024);
    assert_int_equal(memory->swap_unused, GIB);
    assert_int_equal(memory->transparent, HUGE_PAGES_ALWAYS);
    assert_int_equal(memory->huge_page_bytes, 2 << 20);
    assert_int_equal(memory->wired_limit, 0);
    assert_int_equal(machine.n_nodes, 1);
    assert_string_equal(machine.container, "");
    assert_line(&machine, "AMD Ryzen 7 7700 8-Core Processor, 4 cores, 67.4 GB of memory, 61.6 GB "
                          "available, Linux 6.12.8-arch1-1");
}

/* In a container of the second version the own group is the root. */
static const struct record DOCKER[] = {
    MEMINFO("65773084", "60123456"),
    {"/.dockerenv", ""},
    {"/proc/self/cgroup", "0::/\n"},
    {CGROUP "/memory.max", "8589934592\n"},
    {CGROUP "/memory.high", "max\n"},
    {CGROUP "/memory.current", "3221225472\n"},
    {CGROUP "/memory.stat", "anon 1073741824\nfile 2147483648\nkernel 4096\n"
                            "inactive_file 1610612736\nactive_file 536870912\nslab 0\n"},
    {CGROUP "/cpu.max", "250000 100000\n"},
    {"/proc/self/status", "Cpus_allowed_list:\t0-7\n"},
    {CPU "/online", "0-7\n"},
    {0},
};

static void test_container(void **state)
{
    (void)state;
    static struct machine machine;
    read_told(DOCKER, NULL, &machine);
    assert_string_equal(machine.container, "docker");
    assert_int_equal(machine.memory.limit, 8 * GIB);
    assert_string_equal(machine.memory.limit_name, CGROUP "/memory.max");
    /* Three of the eight are used, two of these by the page cache. */
    assert_int_equal(machine.memory.available, 7 * GIB);
    assert_true(machine.cores.quota == 2.5);
    assert_int_equal(machine.cores.n_cores, 8);
    assert_int_equal(machine.cores.n_usable, 3);
    assert_line(&machine, "unknown processor, 3 of 8 cores, 67.4 GB of memory limited to 8.6 GB by "
                          "memory.max, 7.5 GB available, in a container (docker)");
}

/* The first version: a tree for each controller, and paths of the host that are not there. */
static const struct record KUBERNETES[] = {
    MEMINFO("263834344", "200000000"),
    {"/proc/self/cgroup",
     "12:memory:/kubepods/burstable/pod0f/5d41\n11:cpuset:/kubepods/burstable/pod0f/5d41\n"
     "4:cpu,cpuacct:/kubepods/burstable/pod0f/5d41\n1:name=systemd:/kubepods/burstable/pod0f\n"},
    {CGROUP "/memory/memory.limit_in_bytes", "9223372036854771712\n"},
    {CGROUP "/memory/memory.usage_in_bytes", "2147483648\n"},
    {CGROUP "/memory/memory.stat", "cache 1073741824\nrss 1073741824\ninactive_file 5\n"
                                   "hierarchical_memory_limit 17179869184\n"
                                   "total_inactive_file 805306368\n"
                                   "total_active_file 268435456\n"},
    {CGROUP "/cpu/cpu.cfs_quota_us", "400000\n"},
    {CGROUP "/cpu/cpu.cfs_period_us", "100000\n"},
    {"/proc/thread-self/status", "Cpus_allowed_list:\t0-47\n"},
    {CPU "/online", "0-47\n"},
    {0},
};

static void test_first_version(void **state)
{
    (void)state;
    static struct machine machine;
    read_told(KUBERNETES, NULL, &machine);
    assert_string_equal(machine.container, "kubernetes");
    assert_int_equal(machine.memory.limit, 16 * GIB);
    assert_string_equal(machine.memory.limit_name, CGROUP "/memory/memory.stat");
    assert_int_equal(machine.memory.available, 15 * GIB);
    assert_int_equal(machine.cores.n_usable, 4);
}

/* A service with a soft limit in a slice with a hard one: what leaves least counts, and that need
 * not be the tightest limit. */
static const struct record SERVICE[] = {
    MEMINFO("65773084", "60123456"),
    {"/proc/self/cgroup", "0::/models.slice/heft.service\n"},
    {CGROUP "/models.slice/heft.service/memory.max", "max\n"},
    {CGROUP "/models.slice/heft.service/memory.high", "17179869184\n"},
    {CGROUP "/models.slice/heft.service/memory.current", "1073741824\n"},
    {CGROUP "/models.slice/heft.service/cpu.max", "800000 100000\n"},
    {CGROUP "/models.slice/memory.max", "21474836480\n"},
    {CGROUP "/models.slice/memory.current", "12884901888\n"},
    {CGROUP "/models.slice/cpu.max", "200000 100000\n"},
    {CPU "/online", "0-15\n"},
    {"/proc/thread-self/status", "Cpus_allowed_list:\t0-15\n"},
    {0},
};

static void test_nested_limits(void **state)
{
    (void)state;
    static struct machine machine;
    read_told(SERVICE, NULL, &machine);
    assert_int_equal(machine.memory.limit, 16 * GIB);
    assert_string_equal(machine.memory.limit_name, CGROUP "/models.slice/heft.service/memory.high");
    assert_int_equal(machine.memory.available, 8 * GIB);
    assert_int_equal(machine.cores.n_usable, 2);
}

/* A group outside of what can be seen is not looked for by climbing out of the tree. */
static void test_path_out_of_the_tree(void **state)
{
    (void)state;
    static const struct record records[] = {
        MEMINFO("65773084", "60123456"),
        {"/proc/self/cgroup", "0::/../../evil\n"},
        {CGROUP "/../../evil/memory.max", "4096\n"},
        {CGROUP "/memory.max", "1073741824\n"},
        {0},
    };
    static struct machine machine;
    read_told(records, NULL, &machine);
    assert_int_equal(machine.memory.limit, GIB);
}

static const struct record SERVER[] = {
    MEMINFO("1056554332", "1031234567"),
    {"/proc/cpuinfo", "processor\t: 0\nmodel name\t: AMD EPYC 9124 16-Core Processor\n"},
    {"/proc/sys/kernel/osrelease", "5.15.0-130-generic\n"},
    {"/proc/thread-self/status", "Cpus_allowed_list:\t2-3,6-7\n"},
    {CPU "/online", "0-7\n"},
    SIBLINGS(0, "0-1"),
    SIBLINGS(1, "0-1"),
    SIBLINGS(2, "2-3"),
    SIBLINGS(3, "2-3"),
    SIBLINGS(4, "4-5"),
    SIBLINGS(5, "4-5"),
    SIBLINGS(6, "6-7"),
    SIBLINGS(7, "6-7"),
    {CPU "/cpu2/cache/index0/level", "1\n"},
    {CPU "/cpu2/cache/index0/type", "Data\n"},
    {CPU "/cpu2/cache/index0/size", "32K\n"},
    {NODE "/online", "0-2\n"},
    {NODE "/node0/meminfo", "\nNode 0 MemTotal:       528079112 kB\n"},
    {NODE "/node0/cpulist", "0-3\n"},
    {NODE "/node1/meminfo", "\nNode 1 MemTotal:       528475220 kB\n"},
    {NODE "/node1/cpulist", "4-7\n"},
    {NODE "/node2/meminfo", "\nNode 2 MemTotal:       0 kB\n"},
    {NODE "/node2/cpulist", "\n"},
    {0},
};

static void test_two_sockets(void **state)
{
    (void)state;
    static struct machine machine;
    read_told(SERVER, NULL, &machine);
    assert_int_equal(machine.n_nodes, 2);
    assert_int_equal(machine.nodes[1].number, 1);
    assert_int_equal(machine.nodes[1].n_bytes, 528475220ull * 1024);
    assert_int_equal(machine.nodes[1].n_cpus, 4);
    assert_int_equal(machine.cores.n_cores, 4);
    assert_int_equal(machine.cores.n_usable, 2);
    assert_int_equal(machine.cores.l1_bytes, 32768);
    struct told told = {SERVER, NULL, 0};
    int cpus[8] = {0};
    assert_int_equal(
        machine_pick_cpus(&(struct machine_source){told_text, told_value, &told}, cpus, 8), 2);
    assert_int_equal(cpus[0], 2);
    assert_int_equal(cpus[1], 6);
    assert_line(&machine, "AMD EPYC 9124 16-Core Processor, 2 of 4 cores, 2 NUMA nodes, 1081.9 GB "
                          "of memory, 1056.0 GB available, Linux 5.15.0-130-generic");
}

/* No name of the processor, no memory controller, no caches, memory cut into eight nodes that all
 * have all processors, and a name that ends in a zero byte. */
static const struct record RASPBERRY[] = {
    MEMINFO("8245744", "7312345"),
    {"/proc/cpuinfo", "processor\t: 0\nBogoMIPS\t: 108.00\nCPU implementer\t: 0x41\n\n"
                      "Revision\t: d04170\nModel\t\t: Raspberry Pi 5 Model B Rev 1.0\n"},
    {"/proc/device-tree/model", "Raspberry Pi 5 Model B Rev 1.0"},
    {"/proc/sys/kernel/arch", "aarch64\n"},
    {"/proc/sys/kernel/osrelease", "6.6.51+rpt-rpi-2712\n"},
    {"/proc/self/cgroup", "0::/user.slice/user-1000.slice/session-3.scope\n"},
    {"/proc/thread-self/status", "Cpus_allowed_list:\t0-3\n"},
    {CPU "/online", "0-3\n"},
    SIBLINGS(0, "0"),
    SIBLINGS(1, "1"),
    {NODE "/online", "0-1\n"},
    {NODE "/node0/meminfo", "Node 0 MemTotal:        1031888 kB\n"},
    {NODE "/node0/cpulist", "0-3\n"},
    {NODE "/node1/meminfo", "Node 1 MemTotal:        1032192 kB\n"},
    {NODE "/node1/cpulist", "0-3\n"},
    {0},
};

static void test_small_board(void **state)
{
    (void)state;
    static struct machine machine;
    read_told(RASPBERRY, NULL, &machine);
    assert_string_equal(machine.cpu, "Raspberry Pi 5 Model B Rev 1.0");
    assert_int_equal(machine.cores.n_cores, 4);
    assert_int_equal(machine.cores.l2_bytes, 0);
    assert_int_equal(machine.n_nodes, 2);
    assert_int_equal(machine.nodes[1].n_cpus, 4);
    assert_int_equal(machine.memory.transparent, HUGE_PAGES_UNKNOWN);
    assert_int_equal(machine.memory.available, 7312345ull * 1024);
}

/* ---- macOS ---- */

static const struct value M3_ULTRA_512[] = {
    {"hw.memsize", 549755813888, NULL, 8},
    {"hw.optional.arm64", 1, NULL, 4},
    {"machdep.cpu.brand_string", 0, "Apple M3 Ultra", 0},
    {"kern.osproductversion", 0, "15.5", 0},
    {"hw.logicalcpu", 32, NULL, 4},
    {"hw.physicalcpu", 32, NULL, 4},
    {"hw.nperflevels", 2, NULL, 4},
    {"hw.perflevel0.name", 0, "Performance", 0},
    {"hw.perflevel0.physicalcpu", 24, NULL, 4},
    {"hw.perflevel0.l1dcachesize", 131072, NULL, 4},
    {"hw.perflevel0.l2cachesize", 16777216, NULL, 4},
    {"hw.perflevel1.name", 0, "Efficiency", 0},
    {"hw.perflevel1.physicalcpu", 8, NULL, 4},
    {"hw.l1dcachesize", 65536, NULL, 8},
    {"vm.pagesize", 16384, NULL, 4},
    {"vm.page_free_count", 29360128, NULL, 4},
    {"vm.page_speculative_count", 100000, NULL, 4},
    {"vm.page_purgeable_count", 1000, NULL, 4},
    {"vm.page_pageable_external_count", 1048576, NULL, 4},
    {"iogpu.wired_limit_mb", 0, NULL, 4},
    {0},
};

static void test_macos_default(void **state)
{
    (void)state;
    static struct machine machine;
    read_told(NULL, M3_ULTRA_512, &machine);
    assert_true(machine.unified);
    assert_int_equal(machine.memory.total, 512 * GIB);
    assert_int_equal(machine.memory.available, (29360128ull + 1000 + 1048576) * 16384);
    assert_false(machine.memory.wired_limit_set);
    assert_int_equal(machine.memory.wired_limit, 384 * GIB);
    assert_int_equal(machine.cores.n_cores, 32);
    assert_int_equal(machine.cores.n_usable, 24);
    assert_int_equal(machine.cores.l1_bytes, 131072);
    assert_line(&machine, "Apple M3 Ultra, 24 of 32 cores, 549.8 GB of unified memory, 498.2 GB "
                          "available, about 412.3 GB for the GPU, macOS 15.5");
}

static void test_macos_raised_limit(void **state)
{
    (void)state;
    static const struct value m2_max_96[] = {
        {"hw.memsize", 103079215104, NULL, 8},
        {"hw.optional.arm64", 1, NULL, 4},
        {"machdep.cpu.brand_string", 0, "Apple M2 Max", 0},
        {"kern.osproductversion", 0, "14.6.1", 0},
        {"hw.logicalcpu", 12, NULL, 4},
        {"hw.physicalcpu", 12, NULL, 4},
        {"hw.nperflevels", 2, NULL, 4},
        {"hw.perflevel0.name", 0, "Performance", 0},
        {"hw.perflevel0.physicalcpu", 8, NULL, 4},
        {"hw.perflevel1.name", 0, "Efficiency", 0},
        {"hw.perflevel1.physicalcpu", 4, NULL, 4},
        {"vm.pagesize", 16384, NULL, 4},
        {"vm.page_free_count", 4000000, NULL, 4},
        {"iogpu.wired_limit_mb", 90112, NULL, 4},
        {0},
    };
    static struct machine machine;
    read_told(NULL, m2_max_96, &machine);
    assert_true(machine.memory.wired_limit_set);
    assert_int_equal(machine.memory.wired_limit, 88 * GIB);
    assert_int_equal(machine.memory.available, 4000000ull * 16384);
    assert_int_equal(machine.cores.n_usable, 8);
}

/* No two kinds of cores, no GPU in the same memory, and counters that are not there. */
static void test_macos_intel(void **state)
{
    (void)state;
    static const struct value values[] = {
        {"hw.memsize", 17179869184, NULL, 8},
        {"machdep.cpu.brand_string", 0, "Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz", 0},
        {"hw.logicalcpu", 12, NULL, 4},
        {"hw.physicalcpu", 6, NULL, 4},
        {"hw.l1dcachesize", 32768, NULL, 8},
        {"hw.l3cachesize", 12582912, NULL, 8},
        {0},
    };
    static struct machine machine;
    read_told(NULL, values, &machine);
    assert_false(machine.unified);
    assert_int_equal(machine.memory.wired_limit, 0);
    assert_int_equal(machine.memory.available, 12 * GIB);
    assert_int_equal(machine.cores.n_usable, 6);
    assert_int_equal(machine.cores.l3_bytes, 12582912);
}

/* ---- damage ---- */

static void assert_plausible(const struct machine *machine)
{
    const struct machine_memory *memory = &machine->memory;
    const struct machine_cores *cores = &machine->cores;
    struct buffer line = {0};
    assert_true(memory->unused <= memory->total);
    assert_true(memory->available <= memory->unused);
    assert_true(memory->wired_limit <= memory->total);
    assert_true(cores->n_cores >= 0 && cores->n_cores <= cores->n_cpus);
    assert_true(cores->n_usable >= 0 && cores->n_usable <= cores->n_cpus);
    assert_true(cores->quota >= 0);
    assert_true(machine->n_nodes >= 0 && machine->n_nodes <= MACHINE_NODES);
    machine_describe(machine, &line);
    assert_false(line.failed);
    assert_null(strchr(line.data, '\n'));
    buffer_free(&line);
}

static void test_nothing_is_told(void **state)
{
    (void)state;
    static struct machine machine;
    read_told(NULL, NULL, &machine);
    assert_plausible(&machine);
    assert_int_equal(machine.memory.total, 0);
    assert_int_equal(machine.cores.n_usable, 0);
}

static void test_cut_texts(void **state)
{
    (void)state;
    static const struct record *const machines[] = {DESKTOP, DOCKER, KUBERNETES,
                                                    SERVICE, SERVER, RASPBERRY};
    static struct machine machine;
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++)
        for (int cut = 1; cut < 300; cut++) {
            struct told told = {machines[i], NULL, cut};
            machine_read(&(struct machine_source){told_text, told_value, &told}, &machine);
            assert_plausible(&machine);
        }
}

/* Nothing left is not the same as nothing said. */
static void test_no_memory_left(void **state)
{
    (void)state;
    static const struct record full[] = {MEMINFO("4000", "0"), {NULL, NULL}};
    static const struct record silent[] = {{"/proc/meminfo", "MemTotal: 4000 kB\n"}, {NULL, NULL}};
    struct machine machine;
    read_told(full, NULL, &machine);
    assert_int_equal(machine.memory.total, 4000 * 1024);
    assert_int_equal(machine.memory.available, 0);
    read_told(silent, NULL, &machine);
    assert_int_equal(machine.memory.available, 3000 * 1024);
}

/* A text of any length that fills what it is given is cut, and the number at the cut is not read.
 */
static int endless_text(void *argument, const char *path, char *text, int cap)
{
    (void)argument;
    if (strcmp(path, "/proc/meminfo") != 0) return -1;
    static const char begin[] = "MemTotal: 1000 kB\nMemAvailable: ";
    memset(text, '1', (size_t)cap);
    memcpy(text, begin, sizeof begin - 1);
    return cap;
}

static void test_endless_text(void **state)
{
    (void)state;
    struct machine_memory memory;
    struct told told = {0};
    machine_read_memory(&(struct machine_source){endless_text, told_value, &told}, &memory);
    assert_int_equal(memory.total, 1024000);
    assert_int_equal(memory.available, 768000);
}

/* Everything is there and says anything, from words that are looked for. */
static int wild_text(void *argument, const char *path, char *text, int cap)
{
    static const char *const words[] = {
        "MemTotal:",
        "MemAvailable:",
        "Node 0 MemTotal:",
        "Cpus_allowed_list:",
        "0::/",
        "memory:",
        "1:cpu:/",
        "max",
        "18446744073709551615",
        "99999999999999999999999",
        "-1",
        "0-4095",
        "4096",
        "3-1",
        ",",
        "kB",
        "K",
        "0",
        "nan",
        "\n",
        "\n",
        "\n",
        " ",
        "\xff\xfe",
        "%s%n",
        "/../..",
        "[always]",
        "hierarchical_memory_limit 7\n",
    };
    unsigned *seed = argument;
    int n = 0;
    (void)path;
    for (int left = (int)(*seed % 40); left > 0; left--) {
        *seed = *seed * 1664525 + 1013904223;
        const char *word = words[(*seed >> 8) % (sizeof words / sizeof *words)];
        int length = (int)strlen(word);
        if (n + length > cap) break;
        memcpy(text + n, word, (size_t)length);
        n += length;
    }
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 28 ? n : -1;
}

static int wild_value(void *argument, const char *name, void *value, int cap)
{
    unsigned *seed = argument;
    (void)name;
    *seed = *seed * 1664525 + 1013904223;
    int n = (int)(*seed >> 8) % (cap + 2) - 1;
    for (int i = 0; i < n; i++) ((unsigned char *)value)[i] = (unsigned char)(*seed >> i % 24);
    return n;
}

static void test_garbage(void **state)
{
    (void)state;
    static struct machine machine;
    for (unsigned i = 0; i < 60; i++) {
        unsigned seed = i;
        machine_read(&(struct machine_source){wild_text, wild_value, &seed}, &machine);
        assert_plausible(&machine);
    }
}

/* ---- this machine ---- */

static void test_this_machine(void **state)
{
    (void)state;
    static struct machine machine;
    machine_read(machine_system(), &machine);
    assert_plausible(&machine);
    uint64_t physical = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    assert_true(machine.memory.total <= physical + physical / 8);
    assert_true(machine.memory.total >= physical - physical / 8);
    assert_true(machine.memory.available > 0);
    assert_true(machine.cores.n_usable >= 1);
    assert_int_equal(machine.cores.n_usable, pool_usable_cores());
    assert_true(machine.os[0]);
}

static bool write_text(const char *directory, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    if (!file) return false;
    bool written = fputs(text, file) >= 0;
    return fclose(file) == 0 && written;
}

enum { CHILD_RIGHT = 0, CHILD_WRONG = 1, CHILD_REFUSED = 2 };

/* In a process of its own, which the group goes with. */
static int child_in_group(const char *group)
{
    struct machine_memory memory;
    struct machine_cores cores;
    char own[32];
    snprintf(own, sizeof own, "%ld", (long)getpid());
    if (!write_text(group, "cgroup.procs", own)) return CHILD_REFUSED;
    if (strstr(group, "/memory/")) {
        machine_read_memory(machine_system(), &memory);
        if (memory.limit != 512 << 20 || strstr(memory.limit_name, "inner")) return CHILD_WRONG;
        return memory.available > 256 << 20 && memory.available <= memory.limit ? CHILD_RIGHT
                                                                                : CHILD_WRONG;
    }
    machine_read_cores(machine_system(), &cores);
    return cores.quota == 0.5 && cores.n_usable == 1 ? CHILD_RIGHT : CHILD_WRONG;
}

/* The limit is set on a group, the process sits in one below. */
static void check_live(const char *parent, const char *limit, const char *text)
{
    char group[128], inner[160];
    snprintf(group, sizeof group, "%s/heft-test-%ld", parent, (long)getpid());
    snprintf(inner, sizeof inner, "%s/inner", group);
    if (mkdir(group, 0755) != 0) {
        print_message("skipped: %s cannot be written\n", parent);
        skip();
    }
    int state = CHILD_REFUSED << 8;
    if (mkdir(inner, 0755) == 0) {
        pid_t child = write_text(group, limit, text) ? fork() : -1;
        if (child == 0) _exit(child_in_group(inner));
        if (child > 0) waitpid(child, &state, 0);
        rmdir(inner);
    }
    rmdir(group);
    if (WIFEXITED(state) && WEXITSTATUS(state) == CHILD_REFUSED) {
        print_message("skipped: %s takes no processes\n", parent);
        skip();
    }
    assert_true(WIFEXITED(state));
    assert_int_equal(WEXITSTATUS(state), CHILD_RIGHT);
}

static void test_live_memory_limit(void **state)
{
    (void)state;
    check_live(CGROUP "/memory", "memory.limit_in_bytes", "536870912");
}

static void test_live_quota(void **state)
{
    (void)state;
    check_live(CGROUP "/cpu", "cpu.cfs_quota_us", "50000");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_desktop),
        cmocka_unit_test(test_container),
        cmocka_unit_test(test_first_version),
        cmocka_unit_test(test_nested_limits),
        cmocka_unit_test(test_path_out_of_the_tree),
        cmocka_unit_test(test_two_sockets),
        cmocka_unit_test(test_small_board),
        cmocka_unit_test(test_macos_default),
        cmocka_unit_test(test_macos_raised_limit),
        cmocka_unit_test(test_macos_intel),
        cmocka_unit_test(test_nothing_is_told),
        cmocka_unit_test(test_cut_texts),
        cmocka_unit_test(test_no_memory_left),
        cmocka_unit_test(test_endless_text),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_this_machine),
        cmocka_unit_test(test_live_memory_limit),
        cmocka_unit_test(test_live_quota),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
