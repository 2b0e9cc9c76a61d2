/* What llama.cpp was found to do with the same files and tokens: llama_cpp.tsv, which llama_cpp.py
 * writes. */
#pragma once

#include <stdbool.h>

struct record {
    double mean, deviation, worst, perplexity; /* as in struct distance */
};

/* False if llama.cpp does not read that model, or reads it otherwise. */
bool record_find(const char *model, const char *type, struct record *out);
