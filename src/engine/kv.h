/* The key-value cache of one session: one allocation, layer after layer. */
#pragma once

#include "backend/backend.h"
#include "model/model.h"

struct kv {
    struct kv_cache cache;
    struct backend *backend;
    void *memory;
    size_t n_bytes;
};

enum dtype kv_dtype(heft_kv_type type);

/* Bytes of the cache of one session. */
uint64_t kv_bytes(const struct model *model, enum dtype dtype, int n_ctx);

heft_status kv_create(struct backend *backend, const struct model *model, enum dtype dtype,
                      int n_ctx, struct kv **out, heft_error *error);
void kv_free(struct kv *kv);
