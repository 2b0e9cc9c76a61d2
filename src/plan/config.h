/* The config.json of a published model, brought into the words of anatomy.h. */
#pragma once

#include <jansson.h>

#include "heft.h"
#include "plan/geometry.h"

/* Sizes, cache and trained context; the pieces are those the numbers ask for. */
heft_status config_geometry(const json_t *config, struct geometry *out, heft_error *error);
