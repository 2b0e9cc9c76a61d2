#include "plan/box.h"

#include <inttypes.h>
#include <stdio.h>

static const uint64_t gib = (uint64_t)1 << 30;

/* What a drive of the usual kind, four lanes of the fourth PCI Express, reads at best is 7; files
 * and systems leave about this. */
static const double usual_drive = 5e9;

uint64_t box_reserve(uint64_t memory)
{
    uint64_t reserve = memory / 16, least = 2 * gib, most = 16 * gib;
    if (reserve > most) reserve = most;
    if (reserve < least) reserve = least;
    return reserve < memory / 2 ? reserve : memory / 2;
}

struct box box_make(uint64_t memory, double bandwidth)
{
    uint64_t usable = memory - box_reserve(memory);
    return (struct box){.id = "custom",
                        .name = "the machine described",
                        .kind = BOX_HOST,
                        .memory = memory,
                        .usable = usable,
                        .usable_raised = usable,
                        .bandwidth = bandwidth,
                        .drive = usual_drive,
                        .drive_assumed = true};
}

const char *box_raise_command(uint64_t n_bytes, char *text)
{
    enum { ROOM = 64 };
    uint64_t mebi = (n_bytes + (1 << 20) - 1) >> 20;
    snprintf(text, ROOM, "sudo sysctl iogpu.wired_limit_mb=%" PRIu64, mebi);
    return text;
}
