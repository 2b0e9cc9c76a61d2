#include "cli/plan_here.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/peaks.h"
#include "base/buffer.h"
#include "base/drive.h"
#include "base/error.h"
#include "base/file.h"
#include "base/machine.h"
#include "hub/cache.h"

/* What was measured is kept, because it takes seconds: for the same processor and threads it holds
 * until it is measured again. */
enum { KEPT_BYTES_MOST = 4096 };
static const char kept_name[] = "machine.json";

struct speeds {
    double bandwidth, flops; /* bytes and operations a second */
    bool matrix_units;
};

static void fill_memory(const struct machine *machine, struct box *out);
static heft_status measure(const struct machine *machine, const struct here_options *options,
                           struct speeds *out, heft_error *error);
static bool read_kept(const struct machine *machine, struct speeds *out);
static void keep(const struct machine *machine, const struct speeds *speeds);

heft_status here_box(const struct here_options *options, struct box *out, heft_error *error)
{
    struct machine machine;
    struct speeds speeds = {.bandwidth = options->bandwidth};
    machine_read(machine_system(), &machine);
    if (options->bandwidth <= 0) {
        heft_status status = measure(&machine, options, &speeds, error);
        if (status != HEFT_OK) return status;
    }
    *out = box_make(machine.memory.total, speeds.bandwidth);
    out->flops = speeds.flops;
    out->matrix_units = speeds.matrix_units;
    out->is_here = true;
    snprintf(out->id, sizeof out->id, "here");
    snprintf(out->name, sizeof out->name, "this machine%s%.70s", machine.cpu[0] ? ", " : "",
             machine.cpu);
    fill_memory(&machine, out);
    double drive = options->model ? drive_read_rate(options->model) : 0;
    if (drive > 0) out->drive = drive;
    out->drive_assumed = drive <= 0;
    return HEFT_OK;
}

/* The engine computes on processors, so that the limit of a GPU is none for it. */
static void fill_memory(const struct machine *machine, struct box *out)
{
    const struct machine_memory *memory = &machine->memory;
    bool limited = memory->limit > 0 && memory->limit < memory->total;
    out->memory = limited ? memory->limit : memory->total;
    out->usable = memory->available < out->memory ? memory->available : out->memory;
    out->usable_raised = out->usable;
    if (limited)
        snprintf(out->limit, sizeof out->limit, "a control group: %.120s", memory->limit_name);
    if (memory->huge_reserved > 0)
        snprintf(out->note, sizeof out->note,
                 "%.1f GB are set aside for huge pages and not counted",
                 (double)memory->huge_reserved / 1e9);
    else if (machine->container[0])
        snprintf(out->note, sizeof out->note, "in a container (%s)", machine->container);
}

static heft_status measure(const struct machine *machine, const struct here_options *options,
                           struct speeds *out, heft_error *error)
{
    struct peaks peaks;
    if (!options->again && read_kept(machine, out)) return HEFT_OK;
    if (!options->quiet)
        fputs("measuring how fast this machine is, once: --measure does it again\n", stderr);
    heft_status status = peaks_measure(0, &peaks, error);
    if (status != HEFT_OK) return status;
    *out = (struct speeds){peaks.read_gbs[1] * 1e9, peaks_product_gops(&peaks) * 1e9,
                           peaks.bf16_gops[1] > 0};
    keep(machine, out);
    return HEFT_OK;
}

static bool read_kept(const struct machine *machine, struct speeds *out)
{
    struct buffer path = {0};
    char *text = NULL;
    size_t n_bytes = 0;
    if (cache_default(&path)) {
        buffer_format(&path, "/%s", kept_name);
        if (!path.failed) file_read(path.data, KEPT_BYTES_MOST, &text, &n_bytes, NULL);
    }
    buffer_free(&path);
    if (!text) return false;
    json_t *kept = json_loadb(text, n_bytes, 0, NULL);
    free(text);
    const char *cpu = json_string_value(json_object_get(kept, "cpu"));
    json_int_t n_threads = json_integer_value(json_object_get(kept, "n_threads"));
    *out = (struct speeds){
        json_number_value(json_object_get(kept, "read_bytes_per_second")),
        json_number_value(json_object_get(kept, "operations_per_second")),
        json_is_true(json_object_get(kept, "matrix_units")),
    };
    bool same = cpu && strcmp(cpu, machine->cpu) == 0 && n_threads == machine->cores.n_usable;
    json_decref(kept);
    return same && out->bandwidth > 0 && out->flops > 0;
}

/* What cannot be kept is measured again the next time. */
static void keep(const struct machine *machine, const struct speeds *speeds)
{
    struct buffer path = {0};
    json_t *kept =
        json_pack("{s:s, s:i, s:f, s:f, s:b}", "cpu", machine->cpu, "n_threads",
                  machine->cores.n_usable, "read_bytes_per_second", speeds->bandwidth,
                  "operations_per_second", speeds->flops, "matrix_units", speeds->matrix_units);
    char *text = kept ? json_dumps(kept, JSON_INDENT(2)) : NULL;
    if (text && cache_default(&path) && cache_make_folder(path.data, NULL) == HEFT_OK) {
        buffer_format(&path, "/%s", kept_name);
        if (!path.failed) file_write(path.data, text, strlen(text), NULL);
    }
    buffer_free(&path);
    free(text);
    json_decref(kept);
}
