/* The five stages of a decoder layer: the units of fusion and of synchronisation. A backend may
 * fuse a stage; what it does not fuse is composed here from its steps, and gives the same result.
 */
#pragma once

#include "backend/backend.h"

/* h = norm(x); q, k, v of h; rotation; k and v appended to the cache. */
void stage_qkv(struct backend *on, const struct attention *attention, const struct batch *batch);

/* o = attention of q over the cache. */
void stage_attend(struct backend *on, const struct attention *attention, const struct batch *batch);

/* x += out o; h = norm(x); router_logits of h where there is a router. */
void stage_project(struct backend *on, const struct attention *attention,
                   const struct feed_forward *ffn, int n_rows);

/* Experts are chosen; gated = act(gate h) * up h, for the dense or shared network and for experts.
 */
void stage_up(struct backend *on, const struct feed_forward *ffn, int n_rows);

/* x += down gated + sum of weight * down expert_gated. */
void stage_down(struct backend *on, const struct feed_forward *ffn, int n_rows);
