/* A machine as far as a plan goes: how much memory, how fast, for how much. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum box_kind {
    BOX_UNIFIED,  /* processor and GPU share the memory */
    BOX_DISCRETE, /* a card with memory of its own; what does not fit lies in the host's */
    BOX_HOST      /* processors only */
};

struct box {
    char id[48], name[96];
    enum box_kind kind;
    bool is_here;           /* this machine: bandwidth and limits were measured, not looked up */
    bool is_macos;          /* has a wired limit that can be raised */
    uint64_t memory;        /* bytes of all of it, or of the card */
    uint64_t usable;        /* by a model, as the system comes */
    uint64_t usable_raised; /* after its limit was raised; at least `usable` */
    double bandwidth;       /* bytes a second */
    double flops;           /* operations a second a prompt can use; 0: not known */
    bool matrix_units;      /* of a processor: flops are those of its units for matrices */
    double drive;           /* bytes a second; see drive_assumed */
    bool drive_assumed;
    double host_bandwidth; /* DISCRETE: of the memory beside the card */
    double watts, price;   /* under load; dollars when it came out; 0: not known */
    char limit[160];       /* what limits `usable` on this machine, in words; "" */
    char note[160];
};

/* Bytes a machine of `memory` bytes keeps for the system when nobody says how much. */
uint64_t box_reserve(uint64_t memory);

/* A machine that is described on the command line. Zero: not known. */
struct box box_make(uint64_t memory, double bandwidth);

/* The command that lets the GPU of a Mac use `n_bytes`; `text` has room for 64. */
const char *box_raise_command(uint64_t n_bytes, char *text);
