#include "format/gguf_part.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/error.h"
#include "format/gguf_reader.h"
#include "format/gguf_value.h"

enum {
    MAX_VALUES = 65536,
    DEFAULT_ALIGNMENT = 32,
    MIN_ALIGNMENT = 8, /* of the specification, and enough to use any tensor where it lies */
    MAX_ALIGNMENT = 16 << 20,

    /* Name of one byte, number of dimensions, one dimension, type, offset. */
    TENSOR_BYTES = 8 + 1 + 4 + 8 + 4 + 8,
};

/* Where a tensor lies, counted from the start of the data. */
struct extent {
    uint64_t begin, end;
    int tensor;
};

static bool read_header(struct gguf_reader *reader, struct gguf_part *part, uint64_t *n_tensors,
                        uint64_t *n_values);
static bool read_values(struct gguf_reader *reader, struct gguf_part *part, uint64_t n);
static bool find_alignment(struct gguf_reader *reader, struct gguf_part *part);
static bool read_tensors(struct gguf_reader *reader, struct gguf_part *part, uint64_t n);

heft_status gguf_part_open(struct gguf_part *part, const char *path, heft_error *error)
{
    *part = (struct gguf_part){.path = strdup(path)};
    if (!part->path) return error_set(error, HEFT_INTERNAL, "%s: no memory to open it", path);
    heft_status status = file_map_open(path, &part->map, error);
    if (status == HEFT_OK) status = gguf_part_parse(part, error);
    if (status != HEFT_OK) gguf_part_close(part);
    return status;
}

void gguf_part_close(struct gguf_part *part)
{
    gguf_part_clear(part);
    file_map_close(&part->map);
    free(part->path);
    part->path = NULL;
}

heft_status gguf_part_parse(struct gguf_part *part, heft_error *error)
{
    struct gguf_reader reader = {
        .path = part->path, .data = part->map.data, .n_bytes = part->map.n_bytes, .error = error};
    uint64_t n_tensors, n_values;
    if (read_header(&reader, part, &n_tensors, &n_values) && read_values(&reader, part, n_values) &&
        find_alignment(&reader, part))
        read_tensors(&reader, part, n_tensors);
    return reader.status;
}

void gguf_part_clear(struct gguf_part *part)
{
    for (int i = 0; i < part->n_values; i++) gguf_value_clear(&part->values[i]);
    for (int i = 0; i < part->n_tensors; i++) free((void *)part->tensors[i].name);
    free(part->values);
    free(part->keys.entries);
    free(part->tensors);
    part->values = NULL;
    part->keys = (struct name_index){0};
    part->tensors = NULL;
    part->n_values = part->n_tensors = 0;
}

const struct gguf_value *gguf_part_find(const struct gguf_part *part, const char *key)
{
    int index = name_index_find(&part->keys, key);
    return index < 0 ? NULL : &part->values[index];
}

/* ---- header and values ---- */

static bool check_magic(struct gguf_reader *reader)
{
    static const char pointer[] = "version https://git-lfs";
    if (reader->n_bytes == 0) return gguf_fail(reader, "the file is empty");
    if (reader->n_bytes >= sizeof pointer && memcmp(reader->data, pointer, sizeof pointer - 1) == 0)
        return gguf_fail(
            reader, "the magic number is that of a Git LFS pointer, the model was not downloaded");
    char magic[4];
    if (!gguf_read(reader, magic, sizeof magic, "magic number")) return false;
    if (memcmp(magic, "GGUF", sizeof magic) != 0)
        return gguf_fail(reader, "the magic number is not 'GGUF', so this is not a GGUF file");
    return true;
}

static bool read_header(struct gguf_reader *reader, struct gguf_part *part, uint64_t *n_tensors,
                        uint64_t *n_values)
{
    if (!check_magic(reader) || !gguf_read_u32(reader, &part->version, "version")) return false;
    if (part->version != 0 && (part->version & 0xffff) == 0)
        return gguf_fail(reader,
                         "the version is written in big-endian order; only little-endian files "
                         "are supported");
    if (part->version != 2 && part->version != 3)
        return gguf_fail(reader, "the version is %" PRIu32 ", only 2 and 3 are supported",
                         part->version);
    return gguf_read_count(reader, n_tensors, TENSOR_BYTES, GGUF_MAX_TENSORS,
                           "number of tensors") &&
           gguf_read_count(reader, n_values, GGUF_VALUE_BYTES, MAX_VALUES, "number of keys");
}

static bool index_keys(struct gguf_reader *reader, struct gguf_part *part)
{
    struct name_index *keys = &part->keys;
    keys->entries = calloc((size_t)part->n_values + 1, sizeof *keys->entries);
    if (!keys->entries) return gguf_no_memory(reader);
    keys->n = part->n_values;
    for (int i = 0; i < keys->n; i++)
        keys->entries[i] = (struct name_entry){part->values[i].key, i};
    int twice = name_index_sort(keys);
    if (twice < 0) return true;
    reader->name = part->values[twice].key;
    return gguf_fail(reader, "the key is there twice");
}

static bool read_values(struct gguf_reader *reader, struct gguf_part *part, uint64_t n)
{
    part->values = calloc((size_t)n + 1, sizeof *part->values);
    if (!part->values) return gguf_no_memory(reader);
    reader->kind = "key";
    for (uint64_t i = 0; i < n; i++) {
        reader->number = i + 1;
        reader->name = NULL;
        if (!gguf_value_read(reader, &part->values[part->n_values++])) return false;
    }
    return index_keys(reader, part);
}

static bool find_alignment(struct gguf_reader *reader, struct gguf_part *part)
{
    int64_t alignment = DEFAULT_ALIGNMENT;
    const struct gguf_value *value = gguf_part_find(part, "general.alignment");
    if (value) {
        reader->name = value->key;
        if (!gguf_value_int(value, &alignment))
            return gguf_fail(reader, "the value is %s, an integer was expected",
                             gguf_type_name(value->type));
    }
    if (alignment < MIN_ALIGNMENT || alignment > MAX_ALIGNMENT ||
        (alignment & (alignment - 1)) != 0)
        return gguf_fail(reader,
                         "the value is %" PRId64 ", a power of two from %d to %d was expected",
                         alignment, MIN_ALIGNMENT, MAX_ALIGNMENT);
    part->alignment = (size_t)alignment;
    return true;
}

/* ---- tensors ---- */

static bool read_tensor(struct gguf_reader *reader, struct tensor *tensor, struct extent *extent,
                        size_t alignment);
static bool read_shape(struct gguf_reader *reader, struct tensor *tensor);
static bool read_type(struct gguf_reader *reader, struct tensor *tensor);
static bool check_end(struct gguf_reader *reader, const struct gguf_part *part,
                      const struct extent *extents, uint64_t data_begin);
static bool check_overlaps(struct gguf_reader *reader, const struct gguf_part *part,
                           struct extent *extents);

static bool place_tensors(struct gguf_reader *reader, struct gguf_part *part,
                          struct extent *extents, uint64_t n)
{
    reader->kind = "tensor";
    for (uint64_t i = 0; i < n; i++) {
        reader->number = i + 1;
        reader->name = NULL;
        extents[i].tensor = part->n_tensors++;
        if (!read_tensor(reader, &part->tensors[i], &extents[i], part->alignment)) return false;
    }
    uint64_t data_begin = (reader->at + part->alignment - 1) & ~(uint64_t)(part->alignment - 1);
    if (!check_end(reader, part, extents, data_begin)) return false;
    for (uint64_t i = 0; i < n; i++)
        part->tensors[i].data = part->map.data + data_begin + extents[i].begin;
    return check_overlaps(reader, part, extents);
}

static bool read_tensors(struct gguf_reader *reader, struct gguf_part *part, uint64_t n)
{
    part->tensors = calloc((size_t)n + 1, sizeof *part->tensors);
    struct extent *extents = calloc((size_t)n + 1, sizeof *extents);
    bool good =
        part->tensors && extents ? place_tensors(reader, part, extents, n) : gguf_no_memory(reader);
    free(extents);
    return good;
}

static bool read_tensor(struct gguf_reader *reader, struct tensor *tensor, struct extent *extent,
                        size_t alignment)
{
    char *name;
    if (!gguf_read_name(reader, &name)) return false;
    tensor->name = reader->name = name;
    if (!read_shape(reader, tensor) || !read_type(reader, tensor) ||
        !gguf_read_u64(reader, &extent->begin, "offset"))
        return false;
    if (extent->begin % alignment != 0)
        return gguf_fail(reader, "the offset is %" PRIu64 ", not a multiple of the alignment %zu",
                         extent->begin, alignment);
    if (extent->begin > INT64_MAX - tensor->n_bytes)
        return gguf_fail(reader, "the offset is %" PRIu64 ", which is too large", extent->begin);
    extent->end = extent->begin + tensor->n_bytes;
    return true;
}

static bool read_shape(struct gguf_reader *reader, struct tensor *tensor)
{
    uint32_t n_dims;
    if (!gguf_read_u32(reader, &n_dims, "number of dimensions")) return false;
    if (n_dims < 1 || n_dims > TENSOR_MAX_DIMS)
        return gguf_fail(reader, "the number of dimensions is %" PRIu32 ", 1 to %d were expected",
                         n_dims, TENSOR_MAX_DIMS);
    tensor->n_dims = (int)n_dims;
    int64_t n_values = 1;
    for (int i = 0; i < TENSOR_MAX_DIMS; i++) tensor->dims[i] = 1;
    for (int i = 0; i < tensor->n_dims; i++) {
        uint64_t dim;
        if (!gguf_read_u64(reader, &dim, "dimension")) return false;
        if (dim < 1 || dim > INT64_MAX)
            return gguf_fail(reader, "dimension %d is %" PRIu64 ", which is out of range", i, dim);
        tensor->dims[i] = (int64_t)dim;
        if (__builtin_mul_overflow(n_values, tensor->dims[i], &n_values))
            return gguf_fail(reader, "dimension %d is %" PRIu64 ", too large beside the others", i,
                             dim);
    }
    return true;
}

static bool read_type(struct gguf_reader *reader, struct tensor *tensor)
{
    uint32_t type;
    if (!gguf_read_u32(reader, &type, "type")) return false;
    const struct dtype_info *info = dtype_info(type);
    if (!info)
        return gguf_fail(reader, "the type is number %" PRIu32 ", which heft does not know", type);
    tensor->dtype = (enum dtype)type;
    if (tensor->dims[0] % info->block_values != 0)
        return gguf_fail(
            reader, "dimension 0 is %" PRId64 ", not a multiple of the %d values of a %s block",
            tensor->dims[0], info->block_values, info->name);
    uint64_t n_blocks = (uint64_t)tensor_n_values(tensor) / (uint64_t)info->block_values;
    if (n_blocks > INT64_MAX / (uint64_t)info->block_bytes)
        return gguf_fail(reader, "the dimensions are too large for the type %s", info->name);
    tensor->n_bytes = (size_t)n_blocks * (size_t)info->block_bytes;
    return true;
}

/* The tensor that ends last tells how much of the file is missing. */
static bool check_end(struct gguf_reader *reader, const struct gguf_part *part,
                      const struct extent *extents, uint64_t data_begin)
{
    const struct extent *last = &extents[0];
    for (int i = 1; i < part->n_tensors; i++)
        if (extents[i].end > last->end) last = &extents[i];
    if (part->n_tensors == 0 || data_begin + last->end <= reader->n_bytes) return true;

    const struct tensor *tensor = &part->tensors[last->tensor];
    reader->name = tensor->name;
    return gguf_fail(reader,
                     "the offset is %" PRIu64 " and the size %zu, but the file has %zu bytes: "
                     "%" PRIu64 " bytes are missing at its end, as after an unfinished download",
                     last->begin, tensor->n_bytes, reader->n_bytes,
                     data_begin + last->end - reader->n_bytes);
}

static int by_begin(const void *a, const void *b)
{
    const struct extent *x = a, *y = b;
    return (x->begin > y->begin) - (x->begin < y->begin);
}

static bool check_overlaps(struct gguf_reader *reader, const struct gguf_part *part,
                           struct extent *extents)
{
    if (part->n_tensors > 1) qsort(extents, (size_t)part->n_tensors, sizeof *extents, by_begin);
    for (int i = 1; i < part->n_tensors; i++) {
        if (extents[i - 1].end <= extents[i].begin) continue;
        reader->name = part->tensors[extents[i].tensor].name;
        return gguf_fail(reader, "the offset is %" PRIu64 ", where tensor '%.100s' lies already",
                         extents[i].begin, part->tensors[extents[i - 1].tensor].name);
    }
    return true;
}
