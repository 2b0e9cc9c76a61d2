#include "backend/cpu/cpu.h"

#include <assert.h>
#include <math.h>

static void choose(const struct router *router, const float *logits, int32_t *ids, float *weights);
static void score_experts(const struct router *router, const float *logits, float *scores);
static void drop_groups(const struct router *router, const float *choice, bool *gone);
static float group_score(const struct router *router, const float *choice, int size);
static void weigh(const struct router *router, const float *scores, const int32_t *ids,
                  float *weights);
static int best_of(const float *x, int n);
static int best_left(const float *x, const bool *gone, int n);

void route_run(struct cpu *cpu, const struct worker *worker, struct phase *phase)
{
    (void)worker;
    const struct route *route = phase->arguments;
    const struct router *router = route->router;
    for (;;) {
        int row = pool_claim(&phase->counter, 1);
        if (row >= route->n_rows) return;
        size_t first = (size_t)row * (size_t)router->n_used;
        choose(router, cpu->a.router_logits + (size_t)row * (size_t)router->n_experts,
               cpu->a.expert_ids + first, cpu->a.expert_weights + first);
    }
}

/* A counting sort of (row, choice) by expert. */
void group_run(struct cpu *cpu, const struct worker *worker, struct phase *phase)
{
    if (worker->index != 0) return;
    const struct route *route = phase->arguments;
    int n_used = route->router->n_used, n = route->n_rows * n_used;
    int counts[CPU_MAX_EXPERTS] = {0}, next[CPU_MAX_EXPERTS];
    for (int i = 0; i < n; i++) counts[cpu->a.expert_ids[i]]++;
    cpu->n_groups = 0;
    for (int e = 0, first = 0; e < route->router->n_experts; e++) {
        next[e] = first;
        if (counts[e]) cpu->groups[cpu->n_groups++] = (struct expert_group){e, first, counts[e]};
        first += counts[e];
    }
    for (int i = 0; i < n; i++) {
        int at = next[cpu->a.expert_ids[i]]++;
        cpu->group_rows[at] = i / n_used;
        cpu->group_slots[at] = i;
    }
}

/* For one row: logits [n_experts] -> ids, weights [n_used]. DeepSeek-V3 (arXiv 2412.19437, 2.1.2):
 * scores decide the weights, scores plus bias the choice. */
static void choose(const struct router *router, const float *logits, int32_t *ids, float *weights)
{
    float scores[CPU_MAX_EXPERTS], choice[CPU_MAX_EXPERTS];
    int n = router->n_experts;
    assert(n <= CPU_MAX_EXPERTS);
    score_experts(router, logits, scores);
    for (int e = 0; e < n; e++)
        choice[e] = scores[e] + (router->selection_bias ? router->selection_bias[e] : 0.0f);
    bool gone[CPU_MAX_EXPERTS] = {false};
    if (router->n_groups_used < router->n_groups) drop_groups(router, choice, gone);
    for (int i = 0; i < router->n_used; i++) {
        ids[i] = best_left(choice, gone, n);
        gone[ids[i]] = true;
    }
    weigh(router, scores, ids, weights);
}

static void score_experts(const struct router *router, const float *logits, float *scores)
{
    int n = router->n_experts;
    if (router->score == ROUTER_SIGMOID) {
        for (int e = 0; e < n; e++) scores[e] = 1.0f / (1.0f + expf(-logits[e]));
        return;
    }
    float max = logits[best_of(logits, n)], sum = 0;
    for (int e = 0; e < n; e++) sum += scores[e] = expf(logits[e] - max);
    for (int e = 0; e < n; e++) scores[e] /= sum;
}

/* Experts outside the best n_groups_used groups cannot be chosen. */
static void drop_groups(const struct router *router, const float *choice, bool *gone)
{
    float scores[CPU_MAX_EXPERTS];
    int size = router->n_experts / router->n_groups;
    for (int g = 0; g < router->n_groups; g++)
        scores[g] = group_score(router, choice + g * size, size);
    bool kept[CPU_MAX_EXPERTS] = {false};
    for (int i = 0; i < router->n_groups_used; i++)
        kept[best_left(scores, kept, router->n_groups)] = true;
    for (int e = 0; e < router->n_experts; e++) gone[e] = !kept[e / size];
}

static float group_score(const struct router *router, const float *choice, int size)
{
    int first = best_of(choice, size);
    if (router->group_by_best || size < 2) return choice[first];
    float second = -INFINITY;
    for (int e = 0; e < size; e++)
        if (e != first && choice[e] > second) second = choice[e];
    return choice[first] + second;
}

static void weigh(const struct router *router, const float *scores, const int32_t *ids,
                  float *weights)
{
    float sum = 0;
    for (int i = 0; i < router->n_used; i++) sum += weights[i] = scores[ids[i]];
    float scale = router->scale;
    if (router->renormalize) scale /= sum + 1e-20f; /* as the released code keeps zero out */
    for (int i = 0; i < router->n_used; i++) weights[i] *= scale;
}

/* The first of the largest; NaN never wins, but an index is always returned. */
static int best_of(const float *x, int n)
{
    int best = 0;
    for (int i = 1; i < n; i++)
        if (x[i] > x[best] || isnan(x[best])) best = i;
    return best;
}

/* The same among those that are not gone, of which there is one. A network gone wrong scores NaN or
 * -infinity everywhere, and still a row may not visit an expert twice: buffers have no room for it.
 */
static int best_left(const float *x, const bool *gone, int n)
{
    int best = -1;
    for (int i = 0; i < n; i++)
        if (!gone[i] && (best < 0 || x[i] > x[best] || isnan(x[best]))) best = i;
    return best;
}
