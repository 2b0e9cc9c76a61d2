/* Mixes of number types under one name, such as Q4_K_M: which type each tensor of a model gets, and
 * so how large its file will be before anybody has made it. */
#pragma once

#include "plan/geometry.h"

struct mix {
    const char *name; /* "Q4_K_M", "mlx-4bit" */
    int mlx_bits;     /* 0: a GGUF mix; else bits of an affine code in groups of 64 */
    bool common;      /* published for most models: what is offered where another does not fit */
};

/* All there are, largest files first. */
int mix_count(void);
const struct mix *mix_at(int index);

/* Whatever the case, with '-' for '_'; "MLX-4bit", "4bit" and "mlx_4bit_g64" are one. NULL: none.
 */
const struct mix *mix_find(const char *name);

/* What the pieces of a model add up to. */
struct sum {
    uint64_t parameters, bytes;
    double token_parameters, token_bytes; /* used for one token */
};

struct weights {
    struct sum all, parts[PARTS];
    double
        prompt_parameters; /* used for a token whose logits nobody wants: no head, no embedding */
};

/* `mix` NULL: as the file has them. */
struct weights weights_of(const struct geometry *geometry, const struct mix *mix);
