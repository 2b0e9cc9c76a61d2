/* Reads the named numbers of a file. The first problem is kept and later reads give the fallback,
 * so a family file reads everything it wants and checks `status` once. */
#pragma once

#include "format/gguf.h"
#include "heft.h"

enum { METADATA_KEYS = 128 }; /* more than any family reads */

struct metadata {
    const struct gguf *file;
    const char *architecture; /* the prefix of keys */
    heft_status status;
    heft_error *error;
    const char *read[METADATA_KEYS]; /* [n_read] keys whose numbers were asked for */
    int n_read;
};

/* general.architecture, NUL-terminated in `name`. */
heft_status metadata_open(const struct gguf *file, char *name, size_t cap, struct metadata *out,
                          heft_error *error);

/* Keys come without the architecture. A per-layer array counts as a number if all layers agree. */
bool metadata_has(const struct metadata *metadata, const char *key);
int metadata_int(struct metadata *metadata, const char *key, int min, int max);
int metadata_int_or(struct metadata *metadata, const char *key, int fallback, int min, int max);
double metadata_float(struct metadata *metadata, const char *key, double min, double max);
double metadata_float_or(struct metadata *metadata, const char *key, double fallback, double min,
                         double max);
bool metadata_bool_or(struct metadata *metadata, const char *key, bool fallback);

bool metadata_was_read(const struct metadata *metadata, const char *key);

/* The least and the largest number under a key. False if there is none. */
bool metadata_range(const struct metadata *metadata, const char *key, double *low, double *high);

/* True if the text is there and equal. */
bool metadata_is(const struct metadata *metadata, const char *key, const char *text);

/* For checks of a family's own. */
void metadata_fail(struct metadata *metadata, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
