/* The steps and fused stages of the CPU, for the table in cpu.c; see backend.h for what they do. */
#pragma once

#include "backend/backend.h"

void cpu_embed(struct backend *, const struct weight *table, const struct batch *batch);
void cpu_norm(struct backend *, const struct norm *, const float *in, float *out, int n_rows);
void cpu_matmul(struct backend *, const struct weight *, const float *bias, const float *in,
                float *out, int n_rows);
void cpu_add(struct backend *, float *x, const float *y, int64_t n);
void cpu_rope_append(struct backend *, const struct attention *, const struct batch *);
void cpu_attend(struct backend *, const struct attention *, const struct batch *);
void cpu_route(struct backend *, const struct router *, int n_rows);
void cpu_gate(struct backend *, const struct feed_forward *, int n_rows);
void cpu_gate_experts(struct backend *, const struct feed_forward *, int n_rows);
void cpu_mix(struct backend *, const struct feed_forward *, int n_rows);
void cpu_mix_experts(struct backend *, const struct feed_forward *, int n_rows);
void cpu_head(struct backend *, const struct norm *, const struct weight *, float scale,
              const int32_t *rows, int n);

void cpu_stage_qkv(struct backend *, const struct attention *, const struct batch *);
void cpu_stage_project(struct backend *, const struct attention *, const struct feed_forward *,
                       int n_rows);
void cpu_stage_up(struct backend *, const struct feed_forward *, int n_rows);
void cpu_stage_down(struct backend *, const struct feed_forward *, int n_rows);
