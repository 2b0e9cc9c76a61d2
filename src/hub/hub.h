/* Models on a hub, known from their headers: a few megabytes are read, and what is kept is a folder
 * of stand-ins, files of the true names and lengths whose headers are real and whose rest is a
 * hole. Whatever opens the files of a model opens them; weights are not in them. */
#pragma once

#include "heft.h"
#include "hub/quant.h"

enum { HUB_TOKEN_BYTES = 1024, HUB_CACHE_BYTES = 4096 - 512, HUB_ENDPOINT_BYTES = 1024 };

/* Called before each file is read. */
typedef void hub_progress(void *context, const char *path, int number, int n_files);

struct hub_options {
    char endpoint[HUB_ENDPOINT_BYTES];
    char token[HUB_TOKEN_BYTES]; /* "": none */
    char cache[HUB_CACHE_BYTES];
    char certificates[HUB_CACHE_BYTES];  /* a file of those to trust, "": the system's */
    bool offline;                        /* what is kept is used, nothing is asked */
    int timeout_s, n_attempts, pause_ms; /* as in hub/http.h */
    hub_progress *progress;              /* NULL: none */
    void *context;
};

/* From the environment, as docs/hub.md lists it. */
heft_status hub_options_read(struct hub_options *options, heft_error *error);

/* Provided by whoever knows the format. `data` are the first n_bytes of a file of file_bytes; sets
 * *need to the length of the header as far as these bytes tell: if it is no more than n_bytes the
 * header is complete. HEFT_BAD_FILE if this is no such file. */
typedef heft_status hub_header_need(const char *path, const void *data, size_t n_bytes,
                                    uint64_t file_bytes, uint64_t *need, heft_error *error);

struct hub_file {
    char *path;       /* of the stand-in, or of the whole of a small file */
    uint64_t n_bytes; /* on the hub */
};

struct hub_model {
    char *folder;
    bool gguf;                     /* or safetensors */
    char label[QUANT_LABEL_BYTES]; /* "Q4_K_M", or "" */
    struct hub_file *files;        /* weights in order, then the small files */
    int n_files, n_weights;
    uint64_t n_bytes;       /* to download */
    bool kept;              /* nothing but the list of files was asked for, or nothing at all */
    bool no_ranges;         /* the server sends files from their first byte only */
    int64_t listed_at;      /* when the hub listed the files, in seconds since 1970 */
    heft_error unreachable; /* why the list is an old one; HEFT_OK if it is not */
};

bool hub_is_remote(const char *name);
heft_status hub_open(const struct hub_options *options, const char *name, hub_header_need *need,
                     struct hub_model *out, heft_error *error);
void hub_close(struct hub_model *model);
