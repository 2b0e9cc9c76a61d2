/* Whether an engine fits this machine: its own sizes, decided upon by plan/memory.h. */
#pragma once

#include "engine/engine.h"

/* What the machine can give now, with what the engine holds already, and its file if that lies in
 * memory and not on a drive. It is asked for once, as engine->memory.available: it changes all the
 * time, and a context that was chosen to fill it would not fit any more when it is checked. */
uint64_t fit_available(const heft_engine *engine);

/* Every byte, for the context of the options. */
heft_memory fit_memory(const heft_engine *engine);

/* The largest context, up to the trained one, that fits what is available; 0: none. */
int fit_context(const heft_engine *engine);

/* HEFT_DOES_NOT_FIT with all numbers if engine->memory is more than there is. */
heft_status fit_check(const heft_engine *engine, const char *path, heft_error *error);
