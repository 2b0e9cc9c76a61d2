/* Other files of the same model: its weights as floats, in another type, or with no expert left
 * out. */
#pragma once

#include <stdbool.h>

#include "../unit/model_file.h"

/* Every tensor becomes F32 of the values it holds. */
void variant_unpack(struct model_file *file);

/* Matrices get the type, or the one that published files give rows that are no whole blocks of it.
 * Norms and routers stay as they are. */
void variant_pack(struct model_file *file, enum dtype dtype);

/* Every token takes all experts of all groups, so that no rounding can turn a choice. False if the
 * model has none. */
bool variant_take_all_experts(struct model_file *file);

/* Every value of the embedding is off by a random share of that size; a head that shares the table
 * is given the old one. All is F32. */
void variant_disturb(struct model_file *file, double share);

/* True if every matrix is of a type of four bits or more. */
bool variant_is_wide(const struct model_file *file);

/* "Q4_K,Q6_K": types of the matrices, routers and norms of heads left out; F32 if there is no
 * other. What does not fit is cut. */
void variant_types(const struct model_file *file, char *text, size_t n_bytes);
