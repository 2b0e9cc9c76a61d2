/* The plan of one model on one machine, and of many on many: numbers in, numbers out. Nothing here
 * reads a weight or asks a device. */
#pragma once

#include "heft.h"
#include "plan/box.h"
#include "plan/cost.h"
#include "plan/memory.h"
#include "plan/mix.h"
#include "plan/speed.h"

enum verdict {
    VERDICT_FITS,
    VERDICT_FITS_RAISED,       /* after the limit of the system is raised: `raise_to` */
    VERDICT_FITS_LESS_CONTEXT, /* not with the context asked for, but with n_ctx_largest */
    VERDICT_DOES_NOT_FIT
};

enum { PLAN_CONTEXT_AUTO = -1, PLAN_CONTEXT_DEFAULT = 4096 };

/* What is asked. All pointers are borrowed and must live as long as the plan. */
struct question {
    const struct geometry *model;
    const struct mix *mix; /* NULL: the types its file has */
    const struct box *box;
    int n_ctx;        /* 0: PLAN_CONTEXT_DEFAULT or what it was trained for; PLAN_CONTEXT_AUTO */
    int n_sessions;   /* at least 1 */
    int n_batch;      /* 0: 512 */
    enum dtype kv;    /* F16, Q8_0 or F32 */
    uint64_t scratch; /* as an engine counted it; 0: estimate */
    struct prices prices;
};

/* Where the memory of the machine goes, in bytes. weights + kv + scratch + spare + reserve is
 * `memory` of the box if the plan fits; if not, spare is 0 and short_of says by how much. */
struct plan_memory {
    uint64_t weights, kv, scratch, spare, short_of, reserve;
    uint64_t usable;   /* that the verdict was made against: the raised limit if it needs that */
    uint64_t kv_token; /* of one session, a token */
};

/* What would work instead, if this does not. */
struct instead {
    const struct mix
        *mix; /* the largest of common ones that fits with at least 4096 tokens; NULL */
    uint64_t mix_bytes;
    int64_t mix_context; /* the largest context it leaves */
    struct box box;      /* the smallest in the catalogue that holds what was asked; id "": none */
    /* Tokens a second with what fits kept and the rest read from the drive; and, of a card, with
     * the rest in the memory beside it. */
    double streaming_rate, split_rate;
};

struct plan {
    struct question question;
    struct weights weights;
    enum verdict verdict;
    struct plan_memory memory;
    uint64_t raise_to;     /* bytes; 0: nothing to raise */
    int64_t n_ctx;         /* that was planned for */
    int64_t n_ctx_largest; /* that fits with the cache type asked for; 0: none */
    int64_t n_ctx_largest_f16, n_ctx_largest_q8; /* the same for these two */
    struct speed speed;
    struct cost cost;
    struct instead instead;
};

/* `boxes` are those that may be offered instead. */
struct plan plan_make(const struct question *question, const struct box *boxes, int n_boxes);

/* "fits", "fits with less context" */
const char *verdict_name(enum verdict verdict);

/* The largest mix that fits `question->box`; fills mix, bytes and context. */
void plan_largest_mix(const struct question *question, struct instead *out);

/* Every model on every box: cells[model * n_boxes + box]. */
struct plan_table {
    const struct geometry *models;
    const struct box *boxes;
    int n_models, n_boxes;
    struct plan *cells;
};

heft_status plan_table_make(const struct question *question, const struct geometry *models,
                            int n_models, const struct box *boxes, int n_boxes,
                            struct plan_table *out, heft_error *error);
void plan_table_free(struct plan_table *table);
