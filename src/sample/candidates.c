#include "sample/candidates.h"

#include <math.h>
#include <stdbool.h>

static float kth_largest(const float *logits, int n, int k, float *heap);
static void sift_float(float *heap, int n, int at);
static void softmax(struct candidate *list, int n, float temperature);
static int keep_by_rank(struct candidate *list, int n, double p, bool through);
static void sift_rank(struct candidate *list, int n, int at);
static bool before(const struct candidate *a, const struct candidate *b);

int candidates_collect(struct candidate *list, const float *logits, int n_vocab, int k, float *heap)
{
    bool all = k == 0 || k >= n_vocab;
    float least = all ? -INFINITY : kth_largest(logits, n_vocab, k, heap);
    int n_above = 0;
    for (int i = 0; i < n_vocab; i++) n_above += logits[i] > least;
    int n_equal = all || least == -INFINITY ? 0 : k - n_above;

    int n = 0;
    for (int i = 0; i < n_vocab; i++) {
        bool keep = logits[i] > least || (logits[i] == least && n_equal-- > 0);
        if (keep) list[n++] = (struct candidate){.token = i, .logit = logits[i]};
    }
    return n;
}

int candidates_top_p(struct candidate *list, int n, float p)
{
    softmax(list, n, 1);
    for (int i = 0; i < n; i++) list[i].rank = list[i].logit;
    return keep_by_rank(list, n, p, true);
}

int candidates_min_p(struct candidate *list, int n, float min_p)
{
    float max = -INFINITY;
    for (int i = 0; i < n; i++) max = fmaxf(max, list[i].logit);
    float least = max + logf(min_p);
    int n_kept = 0;
    for (int i = 0; i < n; i++)
        if (list[i].logit >= least) list[n_kept++] = list[i];
    return n_kept;
}

int candidates_typical(struct candidate *list, int n, float p)
{
    softmax(list, n, 1);
    double entropy = 0;
    for (int i = 0; i < n; i++)
        if (list[i].p > 0) entropy -= list[i].p * log(list[i].p);
    for (int i = 0; i < n; i++)
        list[i].rank = list[i].p > 0 ? (float)-fabs(-log(list[i].p) - entropy) : -INFINITY;
    return keep_by_rank(list, n, p, false);
}

int candidates_exclude_top(struct candidate *list, int n, float threshold)
{
    softmax(list, n, 1);
    int least =
        -1; /* the least likely of the top choices; of equals the last, as sorting would have it */
    for (int i = 0; i < n; i++) {
        list[i].rank = list[i].logit;
        if (list[i].p >= threshold && (least < 0 || before(&list[least], &list[i]))) least = i;
    }
    if (least < 0) return n;
    struct candidate kept = list[least];
    int n_kept = 0;
    for (int i = 0; i < n; i++)
        if (list[i].p < threshold || list[i].token == kept.token) list[n_kept++] = list[i];
    return n_kept;
}

int32_t candidates_draw(struct candidate *list, int n, float temperature, double uniform)
{
    softmax(list, n, temperature);
    double sum = 0;
    for (int i = 0; i < n; i++) sum += list[i].p;
    double left = uniform * sum;
    int last =
        0; /* rounding may leave something over: it belongs to the last token that is possible */
    for (int i = 0; i < n; i++) {
        if (list[i].p == 0) continue;
        last = i;
        left -= list[i].p;
        if (left < 0) break;
    }
    return list[last].token;
}

/* A heap of the k largest with the smallest on top: most logits are turned away by one comparison.
 */
static float kth_largest(const float *logits, int n, int k, float *heap)
{
    for (int i = 0; i < k; i++) heap[i] = logits[i];
    for (int i = k / 2 - 1; i >= 0; i--) sift_float(heap, k, i);
    for (int i = k; i < n; i++) {
        if (!(logits[i] > heap[0])) continue;
        heap[0] = logits[i];
        sift_float(heap, k, 0);
    }
    return heap[0];
}

static void sift_float(float *heap, int n, int at)
{
    float value = heap[at];
    for (int child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && heap[child + 1] < heap[child]) child++;
        if (value <= heap[child]) break;
        heap[at] = heap[child];
    }
    heap[at] = value;
}

static void softmax(struct candidate *list, int n, float temperature)
{
    float max = -INFINITY;
    for (int i = 0; i < n; i++) max = fmaxf(max, list[i].logit);
    double sum = 0;
    for (int i = 0; i < n; i++) {
        list[i].p = expf((float)(((double)list[i].logit - max) / temperature));
        sum += list[i].p;
    }
    for (int i = 0; i < n; i++) list[i].p = (float)(list[i].p / sum);
}

/* Takes candidates by falling rank until their probabilities reach p (`through`) or pass it. A heap
 * instead of a sort: a handful is taken from what may be a whole vocabulary. */
static int keep_by_rank(struct candidate *list, int n, double p, bool through)
{
    for (int i = n / 2 - 1; i >= 0; i--) sift_rank(list, n, i);
    double sum = 0;
    int n_left = n;
    while (n_left > 0) {
        struct candidate best = list[0];
        list[0] = list[--n_left];
        sift_rank(list, n_left, 0);
        list[n_left] = best;
        sum += best.p;
        if (through ? sum >= p : sum > p) break;
    }
    int n_kept = n - n_left;
    for (int i = 0; i < n_kept && i < n / 2; i++) {
        struct candidate swap = list[i];
        list[i] = list[n - 1 - i];
        list[n - 1 - i] = swap;
    }
    return n_kept;
}

static void sift_rank(struct candidate *list, int n, int at)
{
    if (at >= n) return;
    struct candidate value = list[at];
    for (int child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && before(&list[child + 1], &list[child])) child++;
        if (!before(&list[child], &value)) break;
        list[at] = list[child];
    }
    list[at] = value;
}

static bool before(const struct candidate *a, const struct candidate *b)
{
    return a->rank > b->rank || (a->rank == b->rank && a->token < b->token);
}
