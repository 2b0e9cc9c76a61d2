/* What `heft plan` is asked about: a model found by its name, wherever it is. */
#pragma once

#include "plan/catalogue.h"
#include "plan/mix.h"
#include "plan/remote.h"

enum subject_source { SUBJECT_CATALOGUE, SUBJECT_FILE, SUBJECT_HUB };

struct subject {
    enum subject_source source;
    char name[200];        /* as it is printed */
    char quantization[48]; /* "Q4_K_M", "Q4_K" */
    struct geometry geometry;
    const struct mix *mix;    /* NULL: the types of the file */
    uint64_t published_bytes; /* of the catalogue: the published file of this mix; 0: none known */
    uint64_t scratch;         /* as the engine counts it; 0: it cannot open this */
    bool is_known;            /* FILE and HUB: whether heft runs it; else `reason` says why not */
    heft_error reason;
    const char *path;     /* of a file or folder here; NULL */
    struct remote remote; /* of HUB */
};

/* `name` is a GGUF file, a folder, a name of the catalogue with or without ":Q4_K_M", or
 * "org/repo[:Q4_K_M]"; `options` are those an engine would be opened with. */
heft_status subject_open(const struct catalogue *catalogue, const char *name,
                         const heft_options *options, struct subject *out, heft_error *error);
void subject_close(struct subject *subject);

const char *subject_source_name(enum subject_source source);
