/* Chat templates: the Jinja that model files carry, rendered as Python's jinja2 does with the
 * settings of the transformers library (sandboxed, trim_blocks, lstrip_blocks, loop controls,
 * generation blocks, its own tojson, raise_exception and strftime_now).
 *
 * A template comes from a file that nobody vouches for, so a render is bounded in steps, memory,
 * output and depth, reads nothing but its variables and the clock, and changes none of them. */
#pragma once

#include <jansson.h>

#include "base/buffer.h"
#include "heft.h"

struct template;

/* Zero fields mean the defaults named beside them. */
struct template_limits {
    uint64_t steps;      /* 10 million, about a second; each value among the variables adds 1000 */
    size_t memory_bytes; /* 64 MiB, besides the variables */
    size_t output_bytes; /* 16 MiB */
    int depth;           /* 500 expressions, blocks and macro calls inside one another */
    int64_t now;         /* what strftime_now shows, in seconds since 1970; 0: the clock */
};

/* Errors name the line: "chat template, line 7: ...". The source is copied. */
heft_status template_parse(const char *source, size_t n_bytes, struct template **out,
                           heft_error *error);
void template_free(struct template *template);

/* Appends the text to `out`, which stays as it was on failure. `variables` is an object (messages,
 * tools, bos_token, add_generation_prompt, ...); `limits` may be NULL. A template that calls
 * raise_exception gives HEFT_USAGE with its message, any other failure HEFT_BAD_FILE. */
heft_status template_render(const struct template *template, const json_t *variables,
                            const struct template_limits *limits, struct buffer *out,
                            heft_error *error);
