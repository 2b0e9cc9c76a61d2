/* What the header of a GGUF file says a model is made of. Files that heft cannot run are described
 * too, from the keys and the names of tensors that all of them share. */
#pragma once

#include "heft.h"
#include "model/model.h"
#include "plan/geometry.h"

/* `model` is the same file opened as a model, or NULL where that cannot be done. */
heft_status header_geometry(const struct gguf *file, const struct model *model,
                            struct geometry *out, heft_error *error);
