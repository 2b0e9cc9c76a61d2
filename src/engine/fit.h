/* Whether an engine fits this machine: its own sizes, decided upon by plan/memory.h. */
#pragma once

#include "engine/engine.h"

/* Every byte, for the context of the options. */
heft_memory fit_memory(const heft_engine *engine);

/* The largest context, up to the trained one, that fits what is available now; 0: none. */
int fit_context(const heft_engine *engine);

/* HEFT_DOES_NOT_FIT with all numbers if engine->memory is more than there is. */
heft_status fit_check(const heft_engine *engine, const char *path, heft_error *error);
