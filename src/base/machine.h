/* What this machine is and what it can give: cores, caches, memory, and the limits that somebody
 * set on this process. Nothing here fails: what the system does not tell is 0 or "".
 *
 * All of it comes from small texts and named values of the system, asked through a table of
 * readers: the values recorded on one machine can be read on any other. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer;

enum { MACHINE_NODES = 64 };

/* Memory and the cores beside it. A desktop has one; each socket of a server has one or more. */
struct machine_node {
    int number, n_cpus;
    uint64_t n_bytes;
};

enum huge_pages { HUGE_PAGES_UNKNOWN, HUGE_PAGES_NEVER, HUGE_PAGES_ON_REQUEST, HUGE_PAGES_ALWAYS };

struct machine_memory {
    uint64_t total;  /* physical */
    uint64_t unused; /* what the system has left without swapping: clean file pages count as left */
    uint64_t limit;  /* the tightest of the control groups around this process; 0: none */
    uint64_t limit_left;   /* what the group that leaves least still leaves; UINT64_MAX: no limit */
    char limit_name[1088]; /* the file that sets the limit: ".../memory.max" */
    uint64_t available;    /* the smaller of unused and limit_left: what a new process can have */
    uint64_t swap, swap_unused;              /* not counted in any of the above */
    enum huge_pages transparent;             /* for memory that a program allocates */
    uint64_t huge_page_bytes, huge_reserved; /* pool of huge pages set aside, gone from `unused` */
    uint64_t wired_limit; /* macOS: what the GPU may use of the memory; 0: elsewhere */
    bool wired_limit_set; /* somebody chose it: else it is what macOS is known to choose */
};

struct machine_cores {
    int n_cpus;    /* as the system counts: with two threads a core, twice the cores */
    int n_cores;   /* physical */
    int n_fast;    /* of them, without those that macOS calls efficient */
    int n_allowed; /* physical cores this process may be scheduled on */
    double quota;  /* cores' worth of time the control groups give; 0: no limit */
    int n_usable;  /* threads worth starting */
    uint64_t l1_bytes, l2_bytes, l3_bytes; /* data caches as the first core sees them */
};

struct machine {
    char os[64];        /* "Linux 6.12.8", "macOS 15.5" */
    char cpu[96];       /* "AMD EPYC 9654 96-Core Processor", "Apple M3 Ultra" */
    char container[16]; /* "docker", "podman", "kubernetes", "lxc"; "": none */
    bool unified;       /* the GPU uses the same memory: Apple silicon */
    struct machine_cores cores;
    struct machine_memory memory;
    struct machine_node nodes[MACHINE_NODES];
    int n_nodes;
};

/* How the system is asked. Both write at most `cap` bytes and return how many, or -1 where there is
 * no such thing; a text that is longer is cut and gets no NUL. */
struct machine_source {
    int (*read_text)(void *argument, const char *path, char *text, int cap);
    int (*read_value)(void *argument, const char *name, void *value, int cap); /* sysctl */
    void *argument;
};

/* The system this process runs on. */
const struct machine_source *machine_system(void);

void machine_read(const struct machine_source *source, struct machine *out);
void machine_read_cores(const struct machine_source *source, struct machine_cores *out);
void machine_read_memory(const struct machine_source *source, struct machine_memory *out);

/* One processor of every core this process may be scheduled on, in the system's numbers. Writes at
 * most `cap` and returns how many there are; 0 where that is not known. */
int machine_pick_cpus(const struct machine_source *source, int *cpus, int cap);

/* One line for a person, without a line break: the processor, its cores, the memory and what limits
 * it. */
void machine_describe(const struct machine *machine, struct buffer *out);
