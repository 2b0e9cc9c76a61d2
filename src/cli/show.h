/* What `heft show` has found out, for its two ways of printing. */
#pragma once

#include "cli/survey.h"
#include "heft.h"

struct show {
    heft_options options; /* only `model` is used */
    bool list_tensors, only_template, json;

    struct gguf *file;
    struct survey survey;
    const struct gguf_value *template; /* or NULL */
    bool runs;                         /* else `reason` says why not */
    heft_error reason;
    uint64_t kv_token_bytes;
};

heft_status show_json(const struct show *show, heft_error *error);
