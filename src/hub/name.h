/* What a person calls a model that lies elsewhere:
 *
 *     org/repo                     the quantization that most people want
 *     org/repo:Q4_K_M              that one; hf.co/org/repo:Q4_K_M says the same
 *     https://huggingface.co/org/repo[/tree/REVISION[/FOLDER]]
 *     https://huggingface.co/org/repo/blob/REVISION/FILE   or /resolve/
 *     https://anywhere/FILE.gguf   a file on no hub */
#pragma once

#include "heft.h"

#define HUB_DEFAULT_ENDPOINT "https://huggingface.co"

enum {
    HUB_REPO_BYTES = 200,
    HUB_QUANT_BYTES = 64,
    HUB_PATH_BYTES = 1024,
    HUB_URL_BYTES = 2048,
};

struct hub_name {
    char origin[HUB_PATH_BYTES];   /* "https://huggingface.co", without a slash at its end */
    char repo[HUB_REPO_BYTES];     /* "org/repo", or "" for a file on no hub */
    char revision[HUB_REPO_BYTES]; /* a branch, a tag or a commit: "main" */
    char within[HUB_PATH_BYTES];   /* the file or folder of the repository that is meant, or "" */
    char quant[HUB_QUANT_BYTES];   /* or "" */
    char url[HUB_URL_BYTES];       /* of a file on no hub, or "" */
};

/* True if `text` is the name of something elsewhere rather than of a file here. */
bool hub_name_is_remote(const char *text);

/* `endpoint` is the hub that names without a host belong to, NULL the default. HEFT_USAGE if the
 * name makes no sense. */
heft_status hub_name_parse(const char *text, const char *endpoint, struct hub_name *out,
                           heft_error *error);
