/* Which files of a repository are the model that is meant. */
#pragma once

#include "hub/listing.h"
#include "hub/quant.h"

enum hub_part { HUB_WEIGHTS, HUB_SMALL };

struct hub_part_file {
    const struct hub_entry *entry; /* where its bytes begin */
    enum hub_part kind;            /* weights have a header; small files are wanted whole */
    char *path;                    /* below the folder of the repository */
    uint64_t n_bytes;              /* of all pieces, if it was uploaded in pieces */
};

/* Points into the listing. */
struct hub_choice {
    bool gguf;                     /* or safetensors */
    char label[QUANT_LABEL_BYTES]; /* of the quantization, or "" */
    struct hub_part_file *files;   /* weights first, in order */
    int n_files;
};

heft_status hub_choose(const struct hub_name *name, const struct hub_listing *listing,
                       struct hub_choice *out, heft_error *error);
void hub_choice_free(struct hub_choice *choice);
