#include "base/machine.h"

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/probe.h"

static void read_names(const struct machine_source *source, struct machine *out);
static void read_container(const struct machine_source *source, char *out, size_t cap);
static void read_nodes(const struct machine_source *source, struct machine *out);
static bool read_node(const struct machine_source *source, int number, struct machine_node *out);
static void describe_cores(const struct machine_cores *cores, struct buffer *out);
static void describe_memory(const struct machine *machine, struct buffer *out);
static const char *file_part(const char *path);
static double gb(uint64_t n_bytes);

void machine_read(const struct machine_source *source, struct machine *out)
{
    uint64_t apple_silicon = 0;
    *out = (struct machine){0};
    read_names(source, out);
    read_container(source, out->container, sizeof out->container);
    machine_read_cores(source, &out->cores);
    machine_read_memory(source, &out->memory);
    read_nodes(source, out);
    probe_value(source, &apple_silicon, "hw.optional.arm64");
    out->unified = apple_silicon != 0;
}

void machine_describe(const struct machine *machine, struct buffer *out)
{
    buffer_text(out, machine->cpu[0] ? machine->cpu : "unknown processor");
    describe_cores(&machine->cores, out);
    if (machine->n_nodes > 1) buffer_format(out, ", %d NUMA nodes", machine->n_nodes);
    describe_memory(machine, out);
    if (machine->container[0]) buffer_format(out, ", in a container (%s)", machine->container);
    if (machine->os[0]) buffer_format(out, ", %s", machine->os);
}

/* Boards whose processors have no name have one themselves. */
static void read_names(const struct machine_source *source, struct machine *out)
{
    static const char *const boards[] = {"/proc/device-tree/model", "/proc/sys/kernel/arch"};
    struct probe_text text;
    char version[40];
    if (probe_text(source, &text, "/proc/cpuinfo")) {
        probe_words(&text, "model name", out->cpu, sizeof out->cpu);
        if (strncmp(out->cpu, ": ", 2) == 0)
            memmove(out->cpu, out->cpu + 2, strlen(out->cpu + 2) + 1);
    }
    for (size_t i = 0; i < sizeof boards / sizeof *boards && !out->cpu[0]; i++)
        probe_line(source, out->cpu, sizeof out->cpu, boards[i]);
    probe_line(source, version, sizeof version, "/proc/sys/kernel/osrelease");
    if (version[0]) {
        snprintf(out->os, sizeof out->os, "Linux %s", version);
        return;
    }
    probe_value_text(source, out->cpu, sizeof out->cpu, "machdep.cpu.brand_string");
    probe_value_text(source, version, sizeof version, "kern.osproductversion");
    if (version[0]) snprintf(out->os, sizeof out->os, "macOS %s", version);
}

/* Each leaves a sign: a file, or its name in the control group or in the environment of the first
 * process. The orchestrator before the runtime that it uses. */
static void read_container(const struct machine_source *source, char *out, size_t cap)
{
    static const struct {
        const char *path, *sign, *name;
    } signs[] = {
        {"/var/run/secrets/kubernetes.io/serviceaccount/namespace", "", "kubernetes"},
        {"/proc/self/cgroup", "/kubepods", "kubernetes"},
        {"/run/.containerenv", "", "podman"},
        {"/.dockerenv", "", "docker"},
        {"/proc/self/cgroup", "/docker", "docker"},
        {"/proc/self/cgroup", "/libpod", "podman"},
        {"/proc/self/cgroup", "/lxc", "lxc"},
    };
    struct probe_text text;
    out[0] = 0;
    for (size_t i = 0; i < sizeof signs / sizeof *signs && !out[0]; i++)
        if (probe_text(source, &text, "%s", signs[i].path) && strstr(text.data, signs[i].sign))
            snprintf(out, cap, "%s", signs[i].name);
    if (!out[0]) probe_line(source, out, cap, "/run/systemd/container");
}

static void read_nodes(const struct machine_source *source, struct machine *out)
{
    bool online[PROBE_CPUS];
    char list[PROBE_PATH];
    probe_line(source, list, sizeof list, "/sys/devices/system/node/online");
    if (probe_list(list, online) == 0) return;
    for (int number = 0; number < PROBE_CPUS && out->n_nodes < MACHINE_NODES; number++)
        if (online[number] && read_node(source, number, &out->nodes[out->n_nodes])) out->n_nodes++;
}

/* Nodes without memory are not counted: those of processors only, and of other devices. */
static bool read_node(const struct machine_source *source, int number, struct machine_node *out)
{
    struct probe_text memory, cpus;
    char name[40];
    uint64_t kib;
    bool set[PROBE_CPUS];
    snprintf(name, sizeof name, "Node %d MemTotal:", number);
    if (!probe_text(source, &memory, "/sys/devices/system/node/node%d/meminfo", number) ||
        !probe_field(&memory, name, &kib) || kib == 0 || kib > UINT64_MAX / 1024)
        return false;
    *out = (struct machine_node){.number = number, .n_bytes = kib * 1024};
    if (probe_text(source, &cpus, "/sys/devices/system/node/node%d/cpulist", number))
        out->n_cpus = probe_list(cpus.data, set);
    return true;
}

static void describe_cores(const struct machine_cores *cores, struct buffer *out)
{
    if (cores->n_cores == 0) return;
    if (cores->n_usable == cores->n_cores)
        buffer_format(out, ", %d core%s", cores->n_cores, cores->n_cores == 1 ? "" : "s");
    else
        buffer_format(out, ", %d of %d cores", cores->n_usable, cores->n_cores);
}

static void describe_memory(const struct machine *machine, struct buffer *out)
{
    const struct machine_memory *memory = &machine->memory;
    buffer_format(out, ", %.1f GB of %smemory", gb(memory->total),
                  machine->unified ? "unified " : "");
    if (memory->limit)
        buffer_format(out, " limited to %.1f GB by %s", gb(memory->limit),
                      file_part(memory->limit_name));
    buffer_format(out, ", %.1f GB available", gb(memory->available));
    if (memory->wired_limit)
        buffer_format(out, ", %s%.1f GB for the GPU", memory->wired_limit_set ? "" : "about ",
                      gb(memory->wired_limit));
}

static const char *file_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static double gb(uint64_t n_bytes)
{
    return (double)n_bytes / 1e9;
}
