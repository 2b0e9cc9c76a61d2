/* The forward pass. */
#pragma once

#include "base/flag.h"
#include "model/model.h"

/* Tokens of the batch -> residual stream, in the backend's activations; keys and values of its rows
 * are in the caches. False if `stop` was raised on the way: the rows are then unfinished. */
bool decoder_forward(const struct model *model, struct backend *on, const struct batch *batch,
                     const struct flag *stop);
