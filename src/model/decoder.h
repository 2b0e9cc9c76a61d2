/* The forward pass. */
#pragma once

#include "base/flag.h"
#include "model/model.h"

/* Tokens of the batch -> residual stream, in the backend's activations; keys and values of its rows
 * are in the caches. False if `stop` was raised on the way: the rows are then unfinished. */
bool decoder_forward(const struct model *model, struct backend *on, const struct batch *batch,
                     const struct flag *stop);

/* The layer that first leaves a value of this row that is no finite number: -1 is the embedding,
 * the number of layers means none. It computes the batch again. */
int decoder_find_fault(const struct model *model, struct backend *on, const struct batch *batch,
                       int row);
