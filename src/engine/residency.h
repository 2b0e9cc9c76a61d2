/* Keeps the drive busy while a model that is not in memory is used for the first time: a thread
 * brings the file in, in the order of the file, which is that of the layers, ahead of the compute.
 * Without it every thread waits for the part that it happens to need, and the drive for them. */
#pragma once

#include "format/gguf.h"

struct residency;

/* Goes no further than the first `budget` bytes, so that a model larger than the memory does not
 * push itself out. NULL where there is nothing to do, or no thread to do it: all is as before, if
 * slower. */
struct residency *residency_start(const struct gguf *file, uint64_t budget);

/* Ends the thread without waiting for the rest; call it before the file is closed. NULL is fine. */
void residency_stop(struct residency *residency);
