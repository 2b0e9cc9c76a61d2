#include "plan/speed.h"

#include <math.h>

/* Shares of the ceiling that engines reach: decode of the memory bandwidth, prompts of the
 * arithmetic peak. Of machines that are not here they are the slowest and the fastest of published
 * measurements (docs/plan.md names them); of this one, what heft itself was measured at. */
struct share {
    struct range decode, prompt;
};

static const struct share shares[3][2] = {
    [BOX_UNIFIED] = {{{0.55, 0.80}, {0.65, 0.85}}, {{0.25, 0.60}, {0.30, 0.50}}},
    [BOX_DISCRETE] = {{{0.50, 0.80}, {0.15, 0.50}}, {{0.33, 0.70}, {0.10, 0.40}}},
    [BOX_HOST] = {{{0.50, 0.80}, {0.25, 0.60}}, {{0.30, 0.60}, {0.15, 0.40}}},
};
/* Of int8 products in vectors, and of matrices of bfloat16. */
static const struct share here[2][2] = {
    {{{0.76, 0.96}, {0.30, 0.45}}, {{0.68, 0.92}, {0.12, 0.35}}},
    {{{0.76, 0.96}, {0.15, 0.25}}, {{0.68, 0.92}, {0.06, 0.16}}},
};

/* Large reads of experts that were asked for, of what the drive can do. */
static const double drive_share = 0.85;

const int prefill_tokens[PREFILLS] = {1024, 8192, 16384, 32768};

static struct range rates(double ceiling, struct range share);
static struct prefill prefill_of(const struct geometry *geometry, const struct weights *weights,
                                 const struct box *box, int n_tokens, struct range share);

struct speed speed_of(const struct geometry *geometry, const struct weights *weights,
                      const struct box *box, uint64_t kv_token_bytes, int64_t depth)
{
    const struct share *kinds = box->is_here ? here[box->matrix_units] : shares[box->kind];
    const struct share *share = &kinds[geometry->n_experts > 0];
    struct speed speed = {0};
    double shallow = weights->all.token_bytes;
    speed.token_bytes = shallow + (double)kv_token_bytes * (double)depth;
    if (shallow > 0) speed.ceiling = box->bandwidth / shallow;
    if (speed.token_bytes > 0) speed.ceiling_at_depth = box->bandwidth / speed.token_bytes;
    speed.decode = rates(speed.ceiling, share->decode);
    speed.decode_at_depth = rates(speed.ceiling_at_depth, share->decode);
    for (int i = 0; i < PREFILLS; i++)
        speed.prefills[i] = prefill_of(geometry, weights, box, prefill_tokens[i], share->prompt);
    if (box->drive > 0) speed.load_seconds = (double)weights->all.bytes / box->drive;
    if (speed.decode.low > 0)
        speed.token_joules =
            (struct range){box->watts / speed.decode.high, box->watts / speed.decode.low};
    return speed;
}

double speed_streaming(const struct weights *weights, const struct box *box, uint64_t held)
{
    if (box->bandwidth <= 0 || box->drive <= 0) return 0;
    const struct sum *experts = &weights->parts[PART_EXPERTS];
    double always = (double)(weights->all.bytes - experts->bytes);
    double always_read = weights->all.token_bytes - experts->token_bytes;
    double held_always = fmin(1, (double)held / fmax(always, 1));
    double held_experts = 1;
    if (experts->bytes > 0)
        held_experts = fmin(1, fmax(0, (double)held - always) / (double)experts->bytes);
    double from_memory = held_always * always_read + held_experts * experts->token_bytes;
    double from_drive = weights->all.token_bytes - from_memory;
    return 1 / (from_memory / box->bandwidth + from_drive / (box->drive * drive_share));
}

double speed_split(const struct weights *weights, const struct box *box, uint64_t held)
{
    if (box->bandwidth <= 0 || box->host_bandwidth <= 0 || weights->all.bytes == 0) return 0;
    double on_card = fmin(1, (double)held / (double)weights->all.bytes);
    return 1 / (weights->all.token_bytes *
                (on_card / box->bandwidth + (1 - on_card) / box->host_bandwidth));
}

static struct range rates(double ceiling, struct range share)
{
    return (struct range){ceiling * share.low, ceiling * share.high};
}

/* Two operations a weight for each token, and for each pair of a token and one before it two for
 * every value of its keys and of its values. No prompt is read faster than the weights, of which a
 * long one asks for all. */
static struct prefill prefill_of(const struct geometry *geometry, const struct weights *weights,
                                 const struct box *box, int n_tokens, struct range share)
{
    struct prefill prefill = {0};
    bool known = box->flops > 0 && box->bandwidth > 0;
    if (!known || n_tokens > geometry->n_ctx_train) return prefill;
    double n = n_tokens;
    double operations =
        2 * weights->prompt_parameters * n + (double)geometry->attention_width * n * n;
    double reading = (double)weights->all.bytes / box->bandwidth;
    double seconds = operations / box->flops;
    prefill.least_seconds = fmax(seconds, reading);
    prefill.seconds.low = fmax(seconds / share.high, reading);
    prefill.seconds.high = fmax(seconds / share.low, reading);
    return prefill;
}
