#include "format/gguf_split.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/error.h"

enum {
    MAX_PARTS = 4096,
    SUFFIX_BYTES = 64, /* room for "-00001-of-00003.gguf" */
};

/* What a part says of itself. */
struct split {
    int64_t number;    /* split.no, from 0 */
    int64_t n_parts;   /* split.count, 1 if the model is not split */
    int64_t n_tensors; /* split.tensors.count, -1 if it does not say */
};

static heft_status read_split(const struct gguf_part *part, struct split *out, heft_error *error);
static heft_status check_name(const char *path, const struct split *split, heft_error *error);
static heft_status open_others(struct gguf_part *parts, const char *path, const struct split *named,
                               heft_error *error);
static heft_status check_parts(const struct gguf_part *parts, const struct split *named,
                               heft_error *error);

heft_status gguf_split_open(const char *path, struct gguf_part **parts, int *n_parts,
                            heft_error *error)
{
    struct gguf_part part;
    struct split named;
    heft_status status = gguf_part_open(&part, path, error);
    if (status != HEFT_OK) return status;
    status = read_split(&part, &named, error);
    if (status == HEFT_OK && named.n_parts > 1) status = check_name(path, &named, error);
    struct gguf_part *all = NULL;
    if (status == HEFT_OK) {
        all = calloc((size_t)named.n_parts, sizeof *all);
        if (!all) status = error_set(error, HEFT_INTERNAL, "%s: no memory to open it", path);
    }
    if (status != HEFT_OK) {
        gguf_part_close(&part);
        return status;
    }
    all[named.number] = part;
    if (named.n_parts > 1) status = open_others(all, path, &named, error);
    if (status != HEFT_OK) {
        gguf_split_close(all, (int)named.n_parts);
        return status;
    }
    *parts = all;
    *n_parts = (int)named.n_parts;
    return HEFT_OK;
}

void gguf_split_close(struct gguf_part *parts, int n_parts)
{
    for (int i = 0; i < n_parts; i++) gguf_part_close(&parts[i]);
    free(parts);
}

/* ---- what a part says ---- */

static heft_status read_field(const struct gguf_part *part, const char *key, int64_t first,
                              int64_t last, int64_t *out, heft_error *error)
{
    const struct gguf_value *value = gguf_part_find(part, key);
    if (!value) return HEFT_OK;
    if (gguf_value_int(value, out) && *out >= first && *out <= last) return HEFT_OK;
    return error_set(error, HEFT_BAD_FILE,
                     "%s: key '%s': the value is not an integer from %" PRId64 " to %" PRId64,
                     part->path, key, first, last);
}

static heft_status read_split(const struct gguf_part *part, struct split *out, heft_error *error)
{
    *out = (struct split){0, 0, -1};
    heft_status status = read_field(part, "split.count", 0, MAX_PARTS, &out->n_parts, error);
    if (status != HEFT_OK) return status;
    if (out->n_parts < 2) {
        out->n_parts = 1;
        return HEFT_OK;
    }
    if (!gguf_part_find(part, "split.no"))
        return error_set(error, HEFT_BAD_FILE,
                         "%s: key 'split.no' is missing, though split.count is %" PRId64,
                         part->path, out->n_parts);
    status = read_field(part, "split.no", 0, out->n_parts - 1, &out->number, error);
    if (status == HEFT_OK)
        status =
            read_field(part, "split.tensors.count", 0, GGUF_MAX_TENSORS, &out->n_tensors, error);
    return status;
}

/* ---- names ---- */

static void format_suffix(char suffix[SUFFIX_BYTES], int64_t number, int64_t n_parts)
{
    snprintf(suffix, SUFFIX_BYTES, "-%05" PRId64 "-of-%05" PRId64 ".gguf", number + 1, n_parts);
}

static heft_status check_name(const char *path, const struct split *split, heft_error *error)
{
    char suffix[SUFFIX_BYTES];
    format_suffix(suffix, split->number, split->n_parts);
    size_t n_path = strlen(path), n_suffix = strlen(suffix);
    if (n_path >= n_suffix && strcmp(path + n_path - n_suffix, suffix) == 0) return HEFT_OK;
    return error_set(error, HEFT_BAD_FILE,
                     "%s: by its split.no and split.count its name should end in '%s', "
                     "else the other parts cannot be found",
                     path, suffix);
}

/* The path of another part; the caller frees it. NULL without memory. */
static char *part_path(const char *path, int64_t number, int64_t n_parts)
{
    char suffix[SUFFIX_BYTES];
    format_suffix(suffix, number, n_parts);
    struct buffer name = {0};
    buffer_append(&name, path, strlen(path) - strlen(suffix));
    buffer_text(&name, suffix);
    return buffer_take(&name);
}

/* ---- the other parts ---- */

static heft_status open_other(struct gguf_part *part, const char *path, int64_t number,
                              const struct split *named, heft_error *error)
{
    char *other = part_path(path, number, named->n_parts);
    if (!other) return error_set(error, HEFT_INTERNAL, "%s: no memory to open its parts", path);
    heft_status status;
    if (file_exists(other))
        status = gguf_part_open(part, other, error);
    else
        status = error_set(error, HEFT_BAD_FILE,
                           "%s: part %" PRId64 " of %" PRId64 " (split.count) is missing", other,
                           number + 1, named->n_parts);
    free(other);
    return status;
}

static heft_status open_others(struct gguf_part *parts, const char *path, const struct split *named,
                               heft_error *error)
{
    for (int64_t i = 0; i < named->n_parts; i++) {
        if (i == named->number) continue;
        heft_status status = open_other(&parts[i], path, i, named, error);
        if (status != HEFT_OK) return status;
    }
    return check_parts(parts, named, error);
}

/* The parts of one model agree in these where they have them. */
static bool same_text(const struct gguf_part *a, const struct gguf_part *b, const char *key)
{
    const struct gguf_value *x = gguf_part_find(a, key), *y = gguf_part_find(b, key);
    if (!x || !y) return true;
    return x->type == GGUF_STRING && y->type == GGUF_STRING && slice_equal(x->text, y->text);
}

static const char *first_difference(const struct gguf_part *parts, int64_t i,
                                    const struct split *split, const struct split *named)
{
    if (split->n_parts != named->n_parts) return "split.count";
    if (split->number != i) return "split.no";
    if (split->n_tensors != named->n_tensors) return "split.tensors.count";
    if (!same_text(&parts[0], &parts[i], "general.architecture")) return "general.architecture";
    if (!same_text(&parts[0], &parts[i], "general.name")) return "general.name";
    return NULL;
}

static heft_status check_parts(const struct gguf_part *parts, const struct split *named,
                               heft_error *error)
{
    int64_t n_tensors = 0;
    for (int64_t i = 0; i < named->n_parts; i++) {
        struct split split;
        heft_status status = read_split(&parts[i], &split, error);
        if (status != HEFT_OK) return status;
        const char *key = first_difference(parts, i, &split, named);
        if (key)
            return error_set(error, HEFT_BAD_FILE,
                             "%s: key '%s': the value does not agree with the other parts, "
                             "so this is part of another model",
                             parts[i].path, key);
        n_tensors += parts[i].n_tensors;
    }
    if (n_tensors > GGUF_MAX_TENSORS)
        return error_set(error, HEFT_BAD_FILE,
                         "%s: the number of tensors in all parts is %" PRId64 ", the limit is %d",
                         parts[0].path, n_tensors, GGUF_MAX_TENSORS);
    if (named->n_tensors >= 0 && n_tensors != named->n_tensors)
        return error_set(error, HEFT_BAD_FILE,
                         "%s: key 'split.tensors.count': the value is %" PRId64
                         ", but the parts have %" PRId64 " tensors together",
                         parts[0].path, named->n_tensors, n_tensors);
    return HEFT_OK;
}
