#include "format/gguf.h"

#include <assert.h>
#include <stdlib.h>

#include "base/error.h"
#include "format/gguf_part.h"
#include "format/gguf_split.h"

struct gguf {
    struct gguf_part *parts;
    int n_parts;
    const struct tensor **tensors; /* of all parts */
    int n_tensors;
    struct name_index names; /* of the tensors */
};

static heft_status index_tensors(struct gguf *file, heft_error *error);

heft_status gguf_open(const char *path, struct gguf **out, heft_error *error)
{
    *out = NULL;
    struct gguf *file = calloc(1, sizeof *file);
    if (!file) return error_set(error, HEFT_INTERNAL, "%s: no memory to open it", path);
    heft_status status = gguf_split_open(path, &file->parts, &file->n_parts, error);
    if (status == HEFT_OK) status = index_tensors(file, error);
    if (status != HEFT_OK) {
        gguf_close(file);
        return status;
    }
    *out = file;
    return HEFT_OK;
}

void gguf_close(struct gguf *file)
{
    if (!file) return;
    gguf_split_close(file->parts, file->n_parts);
    free(file->tensors);
    free(file->names.entries);
    free(file);
}

int gguf_version(const struct gguf *file)
{
    return (int)file->parts[0].version;
}

uint64_t gguf_bytes(const struct gguf *file)
{
    uint64_t n_bytes = 0;
    for (int i = 0; i < file->n_parts; i++) n_bytes += file->parts[i].map.n_bytes;
    return n_bytes;
}

int gguf_n_parts(const struct gguf *file)
{
    return file->n_parts;
}

const char *gguf_part_path(const struct gguf *file, int part)
{
    assert(part >= 0 && part < file->n_parts);
    return file->parts[part].path;
}

uint64_t gguf_part_bytes(const struct gguf *file, int part)
{
    assert(part >= 0 && part < file->n_parts);
    return file->parts[part].map.n_bytes;
}

const struct file_map *gguf_part_map(const struct gguf *file, int part)
{
    assert(part >= 0 && part < file->n_parts);
    return &file->parts[part].map;
}

int gguf_n_tensors(const struct gguf *file)
{
    return file->n_tensors;
}

const struct tensor *gguf_tensor(const struct gguf *file, int index)
{
    assert(index >= 0 && index < file->n_tensors);
    return file->tensors[index];
}

const struct tensor *gguf_find_tensor(const struct gguf *file, const char *name)
{
    int index = gguf_find_tensor_index(file, name);
    return index < 0 ? NULL : file->tensors[index];
}

int gguf_find_tensor_index(const struct gguf *file, const char *name)
{
    return name_index_find(&file->names, name);
}

int gguf_n_values(const struct gguf *file)
{
    return file->parts[0].n_values;
}

const struct gguf_value *gguf_value(const struct gguf *file, int index)
{
    assert(index >= 0 && index < file->parts[0].n_values);
    return &file->parts[0].values[index];
}

const struct gguf_value *gguf_find(const struct gguf *file, const char *key)
{
    return gguf_part_find(&file->parts[0], key);
}

static const char *path_of_tensor(const struct gguf *file, int index)
{
    int part = 0;
    while (index >= file->parts[part].n_tensors) index -= file->parts[part++].n_tensors;
    return file->parts[part].path;
}

/* Names are unique in the whole model, not only in each part. */
static heft_status index_tensors(struct gguf *file, heft_error *error)
{
    int n = 0;
    for (int i = 0; i < file->n_parts; i++) n += file->parts[i].n_tensors;
    file->n_tensors = file->names.n = n;
    file->tensors = calloc((size_t)n + 1, sizeof *file->tensors);
    file->names.entries = calloc((size_t)n + 1, sizeof *file->names.entries);
    if (!file->tensors || !file->names.entries)
        return error_set(error, HEFT_INTERNAL, "%s: no memory to describe it", file->parts[0].path);

    int at = 0;
    for (int i = 0; i < file->n_parts; i++) {
        for (int j = 0; j < file->parts[i].n_tensors; j++, at++) {
            file->tensors[at] = &file->parts[i].tensors[j];
            file->names.entries[at] = (struct name_entry){file->tensors[at]->name, at};
        }
    }
    int twice = name_index_sort(&file->names);
    if (twice < 0) return HEFT_OK;
    return error_set(error, HEFT_BAD_FILE, "%s: tensor '%.100s': the name is there twice",
                     path_of_tensor(file, twice), file->tensors[twice]->name);
}
