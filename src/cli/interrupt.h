/* Ctrl-C while the engine computes: the step ends, the program goes on. */
#pragma once

#include "heft.h"

/* From here to interrupt_end, SIGINT cancels the engine instead of ending the program; the second
 * SIGINT in a row ends it. One engine at a time. */
void interrupt_begin(heft_engine *engine);
void interrupt_end(void);
