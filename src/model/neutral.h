/* Keys of an architecture that no family reads, though they change what a network computes. */
#pragma once

#include "model/metadata.h"

/* Fails if one of them has a value that is not the one of a network without it. */
void neutral_check(struct metadata *metadata);
