/* How fast a model can go on a machine: what physics allows, and what engines reach of that. */
#pragma once

#include "plan/box.h"
#include "plan/mix.h"

enum { PREFILLS = 4 };
extern const int prefill_tokens[PREFILLS]; /* 1024, 8192, 16384, 32768 */

struct range {
    double low, high;
};

struct prefill {
    double least_seconds; /* at the peak of the machine */
    struct range seconds; /* low is the quicker */
};

/* Tokens a second, seconds, joules. A zero is a number that is not known. */
struct speed {
    double token_bytes;      /* read for one token at the depth planned for: weights and cache */
    double ceiling;          /* of decode, at no depth */
    double ceiling_at_depth; /* with the planned context full */
    struct range decode, decode_at_depth; /* expected */
    struct prefill prefills[PREFILLS];    /* zeros beyond the trained context */
    double load_seconds;
    struct range token_joules; /* low is the better */
};

struct speed speed_of(const struct geometry *geometry, const struct weights *weights,
                      const struct box *box, uint64_t kv_token_bytes, int64_t depth);

/* Tokens a second if `held` bytes of the weights stay in memory and the rest comes from the drive
 * for every token that needs it; of experts, each is as likely as any other. */
double speed_streaming(const struct weights *weights, const struct box *box, uint64_t held);

/* Tokens a second where `held` bytes lie on a card and the rest in the host's memory. */
double speed_split(const struct weights *weights, const struct box *box, uint64_t held);
