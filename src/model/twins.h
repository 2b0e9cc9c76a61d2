/* Key-value heads that are copies of each other. The July 2024 files of Llama 3.1 405B repeat each
 * of 8 heads for 16-way tensor parallelism; one of two is enough, and halves the cache. */
#pragma once

#include "model/model.h"

/* Keeps one head of every group of equal ones, in all layers or in none. */
void twins_merge(struct model *model);
