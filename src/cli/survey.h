/* What is in a model file, added up from its tensors; works for architectures that nobody knows. */
#pragma once

#include "format/gguf.h"

enum survey_group {
    SURVEY_EMBEDDING,
    SURVEY_ATTENTION,
    SURVEY_FEED_FORWARD,
    SURVEY_EXPERTS,
    SURVEY_SHARED_EXPERTS,
    SURVEY_ROUTER,
    SURVEY_NORMS,
    SURVEY_OUTPUT,
    SURVEY_OTHER,
    SURVEY_GROUPS
};

struct survey_sum {
    int n_tensors;
    uint64_t n_values, n_bytes;
};

struct survey {
    struct survey_sum all, types[DTYPE_LIMIT], groups[SURVEY_GROUPS];
};

struct survey survey_take(const struct gguf *file);
const char *survey_group_name(enum survey_group group);

/* "<architecture>.<key>" as a number; for an array, one number per layer, the largest. -1: absent.
 */
int64_t survey_fact(const struct gguf *file, const char *key);

/* A scalar as text, or the beginning of an array or long text; characters that a terminal would
 * obey are written as escapes. */
struct buffer;
void survey_value(const struct gguf_value *value, struct buffer *out);
void survey_text(struct slice text, size_t n_most, struct buffer *out);

/* The special tokens a file may name. */
enum { SURVEY_SPECIALS = 6 };
extern const struct survey_special_key {
    const char *name, *key;
} survey_specials[SURVEY_SPECIALS];

/* False if the file does not name this token; its text is "" if the vocabulary has not got it. */
bool survey_special(const struct gguf *file, const char *key, int64_t *id, struct slice *text);
