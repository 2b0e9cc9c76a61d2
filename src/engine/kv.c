#include "engine/kv.h"

#include <stdlib.h>

#include "base/error.h"

static void place_layers(struct kv *kv, const struct attention_description *attention, int n_layers,
                         struct kv_layer *layers);

enum dtype kv_dtype(heft_kv_type type)
{
    return type == HEFT_KV_F32 ? DTYPE_F32 : type == HEFT_KV_Q8_0 ? DTYPE_Q8_0 : DTYPE_F16;
}

uint64_t kv_bytes(const struct model *model, enum dtype dtype, int n_ctx)
{
    return (uint64_t)model_kv_token_bytes(model, dtype) * (uint64_t)n_ctx;
}

heft_status kv_create(struct backend *backend, const struct model *model, enum dtype dtype,
                      int n_ctx, struct kv **out, heft_error *error)
{
    int n_layers = model->description.n_layers;
    struct kv *kv = calloc(1, sizeof *kv);
    struct kv_layer *layers = calloc((size_t)n_layers, sizeof *layers);
    if (!kv || !layers) goto failed;
    kv->backend = backend;
    kv->n_bytes = kv_bytes(model, dtype, n_ctx);
    kv->memory = backend->ops->take(backend, kv->n_bytes);
    if (!kv->memory) goto failed;
    kv->cache = (struct kv_cache){dtype, n_ctx, layers};
    place_layers(kv, &model->description.attention, n_layers, layers);
    *out = kv;
    return HEFT_OK;
failed:
    free(kv);
    free(layers);
    return error_set(error, HEFT_DOES_NOT_FIT, "no memory for a key-value cache of %.1f MB",
                     (double)kv_bytes(model, dtype, n_ctx) / 1e6);
}

void kv_free(struct kv *kv)
{
    if (!kv) return;
    kv->backend->ops->give(kv->backend, kv->memory, kv->n_bytes);
    free((void *)kv->cache.layers);
    free(kv);
}

static void place_layers(struct kv *kv, const struct attention_description *attention, int n_layers,
                         struct kv_layer *layers)
{
    bool latent = attention->kind == ATTENTION_LATENT;
    size_t n_rows = (size_t)attention->n_kv_heads * (size_t)kv->cache.n_ctx;
    int d_k = latent ? attention->kv_rank + attention->d_rope : attention->d_k;
    size_t k = n_rows * dtype_bytes(kv->cache.dtype, d_k);
    size_t v = latent ? 0 : n_rows * dtype_bytes(kv->cache.dtype, attention->d_v);
    char *at = kv->memory;
    for (int i = 0; i < n_layers; i++, at += k + v)
        layers[i] = (struct kv_layer){at, latent ? NULL : at + k};
}
