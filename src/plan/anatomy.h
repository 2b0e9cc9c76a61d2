/* Turns the few numbers that describe a network into its tensors. The numbers are those of
 * models/catalogue.json under "geometry"; a config.json is brought into the same words first. */
#pragma once

#include <jansson.h>

#include "heft.h"
#include "plan/geometry.h"

/* Fills sizes, cache and pieces; names and trained context are the caller's. Fails for a kind of
 * network that nobody has described, or numbers that make none; the sentence names the field. */
heft_status anatomy_build(const json_t *shape, struct geometry *out, heft_error *error);
