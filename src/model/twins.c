#include "model/twins.h"

#include <string.h>

static bool all_layers_repeat(const struct model *model, int times);
static bool heads_repeat(const struct weight *w, int n_heads, int d_head, int times);
static bool rows_agree(const struct weight *w, int d_head, int first, int head);
static void keep_first(struct weight *w, int n_heads, int d_head, int times);

void twins_merge(struct model *model)
{
    struct attention_description *attention = &model->description.attention;
    int n_heads = attention->n_kv_heads, times = 2;
    if (attention->kind != ATTENTION_GROUPED || n_heads % times != 0) return;
    if (!all_layers_repeat(model, times)) return;
    for (int i = 0; i < model->description.n_layers; i++) {
        struct attention *layer = &model->layers[i].attention;
        keep_first(&layer->k, n_heads, layer->d_k, times);
        keep_first(&layer->v, n_heads, layer->d_v, times);
        layer->n_kv_heads = n_heads / times;
    }
    attention->n_kv_heads = n_heads / times;
}

/* Every row of every layer: a fine-tune may have changed any of them. Other files differ in their
 * first row; those that repeat, of 243 GB, are read for 4.7 GB, which the first prompt would read.
 */
static bool all_layers_repeat(const struct model *model, int times)
{
    for (int i = 0; i < model->description.n_layers; i++) {
        const struct attention *layer = &model->layers[i].attention;
        int n = layer->n_kv_heads;
        bool plain = layer->k_norm.kind == NORM_NONE && !layer->k_bias && !layer->v_bias;
        if (!plain || !heads_repeat(&layer->k, n, layer->d_k, times) ||
            !heads_repeat(&layer->v, n, layer->d_v, times))
            return false;
    }
    return true;
}

static bool heads_repeat(const struct weight *w, int n_heads, int d_head, int times)
{
    for (int head = 0; head < n_heads; head++) {
        int first = head / times * times;
        if (head != first && !rows_agree(w, d_head, first, head)) return false;
    }
    return true;
}

/* A quantized row depends on its own
 * values only, so copies stay copies. Zeros alone, the weights of a sparse file, prove nothing. */
static bool rows_agree(const struct weight *w, int d_head, int first, int head)
{
    const char *data = w->data;
    bool written = false;
    for (int row = 0; row < d_head; row++) {
        const char *one = data + (size_t)(first * d_head + row) * w->row_bytes;
        const char *other = data + (size_t)(head * d_head + row) * w->row_bytes;
        if (memcmp(one, other, w->row_bytes) != 0) return false;
        written = written || one[0] != 0 || memcmp(one, one + 1, w->row_bytes - 1) != 0;
    }
    return written;
}

/* One slice for each head that stays. */
static void keep_first(struct weight *w, int n_heads, int d_head, int times)
{
    w->n_slices = n_heads / times;
    w->n_rows = d_head;
    w->slice_bytes = (size_t)(times * d_head) * w->row_bytes;
}
