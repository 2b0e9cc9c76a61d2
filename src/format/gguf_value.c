#include "format/gguf_value.h"

#include <inttypes.h>
#include <stdlib.h>

enum { MAX_ITEMS = 1 << 28 };

static bool read_scalar(struct gguf_reader *reader, struct gguf_value *value);
static bool read_array(struct gguf_reader *reader, struct gguf_value *value);
static void decode(struct gguf_value *value, const void *bytes);
static bool array_item(const struct gguf_value *value, uint64_t index, struct gguf_value *item);

/* 0 bytes: not a number. */
static const struct {
    const char *name;
    size_t n_bytes;
} types[GGUF_TYPES] = {
    [GGUF_U8] = {"u8", 1},   [GGUF_I8] = {"i8", 1},     [GGUF_U16] = {"u16", 2},
    [GGUF_I16] = {"i16", 2}, [GGUF_U32] = {"u32", 4},   [GGUF_I32] = {"i32", 4},
    [GGUF_F32] = {"f32", 4}, [GGUF_BOOL] = {"bool", 1}, [GGUF_STRING] = {"string", 0},
    [GGUF_U64] = {"u64", 8}, [GGUF_I64] = {"i64", 8},   [GGUF_ARRAY] = {"array", 0},
    [GGUF_F64] = {"f64", 8},
};

bool gguf_value_read(struct gguf_reader *reader, struct gguf_value *value)
{
    char *key;
    if (!gguf_read_name(reader, &key)) return false;
    value->key = reader->name = key;
    uint32_t type;
    if (!gguf_read_u32(reader, &type, "type")) return false;
    if (type >= GGUF_TYPES)
        return gguf_fail(reader, "the type is %" PRIu32 ", which no value has", type);
    value->type = (enum gguf_type)type;
    switch (value->type) {
    case GGUF_STRING:
        return gguf_read_text(reader, &value->text, "string");
    case GGUF_ARRAY:
        return read_array(reader, value);
    default:
        return read_scalar(reader, value);
    }
}

void gguf_value_clear(struct gguf_value *value)
{
    free((void *)value->key);
    free((void *)value->texts);
}

bool gguf_value_int(const struct gguf_value *value, int64_t *out)
{
    switch (value->type) {
    case GGUF_U8:
    case GGUF_U16:
    case GGUF_U32:
    case GGUF_U64:
        *out = (int64_t)value->u;
        return value->u <= INT64_MAX;
    case GGUF_I8:
    case GGUF_I16:
    case GGUF_I32:
    case GGUF_I64:
        *out = value->i;
        return true;
    case GGUF_BOOL:
        *out = value->b;
        return true;
    default:
        return false;
    }
}

bool gguf_value_float(const struct gguf_value *value, double *out)
{
    int64_t integer;
    if (value->type == GGUF_F32 || value->type == GGUF_F64)
        *out = value->f;
    else if (value->type != GGUF_BOOL && gguf_value_int(value, &integer))
        *out = (double)integer;
    else
        return false;
    return true;
}

bool gguf_array_int(const struct gguf_value *value, uint64_t index, int64_t *out)
{
    struct gguf_value item;
    return array_item(value, index, &item) && gguf_value_int(&item, out);
}

bool gguf_array_float(const struct gguf_value *value, uint64_t index, double *out)
{
    struct gguf_value item;
    return array_item(value, index, &item) && gguf_value_float(&item, out);
}

const char *gguf_type_name(enum gguf_type type)
{
    return types[type].name;
}

static bool read_scalar(struct gguf_reader *reader, struct gguf_value *value)
{
    uint8_t bytes[8];
    if (!gguf_read(reader, bytes, types[value->type].n_bytes, "value")) return false;
    if (value->type == GGUF_BOOL && bytes[0] > 1)
        return gguf_fail(reader, "the bool has the value %d", bytes[0]);
    decode(value, bytes);
    return true;
}

static bool read_texts(struct gguf_reader *reader, struct gguf_value *value)
{
    struct slice *texts = malloc((size_t)value->n * sizeof *texts + 1); /* n may be 0 */
    if (!texts) return gguf_no_memory(reader);
    value->texts = texts;
    for (uint64_t i = 0; i < value->n; i++)
        if (!gguf_read_text(reader, &texts[i], "string in the array")) return false;
    return true;
}

static bool read_array(struct gguf_reader *reader, struct gguf_value *value)
{
    uint32_t element;
    if (!gguf_read_u32(reader, &element, "array's type")) return false;
    if (element >= GGUF_TYPES)
        return gguf_fail(reader, "the array's type is %" PRIu32 ", which no value has", element);
    if (element == GGUF_ARRAY)
        return gguf_fail(reader, "the array's type is array, which is not supported");
    value->element = (enum gguf_type)element;
    /* A string takes at least the 8 bytes of its length. */
    size_t item_bytes = element == GGUF_STRING ? 8 : types[element].n_bytes;
    if (!gguf_read_count(reader, &value->n, item_bytes, MAX_ITEMS, "array's length")) return false;
    if (element == GGUF_STRING) return read_texts(reader, value);

    const uint8_t *items = reader->data + reader->at;
    reader->at += (size_t)value->n * item_bytes; /* fits: the count was checked */
    value->items = items;
    for (uint64_t i = 0; element == GGUF_BOOL && i < value->n; i++)
        if (items[i] > 1)
            return gguf_fail(reader, "a bool in the array has the value %d", items[i]);
    return true;
}

/* The file is little-endian, and so are we (block.h insists). */
static void decode(struct gguf_value *value, const void *bytes)
{
    uint64_t raw = 0;
    size_t n_bytes = types[value->type].n_bytes;
    memcpy(&raw, bytes, n_bytes);
    float single;
    switch (value->type) {
    case GGUF_F32:
        memcpy(&single, bytes, sizeof single);
        value->f = single;
        break;
    case GGUF_F64:
        memcpy(&value->f, bytes, sizeof value->f);
        break;
    case GGUF_BOOL:
        value->b = raw != 0;
        break;
    case GGUF_I8:
        value->i = (int8_t)raw;
        break;
    case GGUF_I16:
        value->i = (int16_t)raw;
        break;
    case GGUF_I32:
        value->i = (int32_t)raw;
        break;
    case GGUF_I64:
        value->i = (int64_t)raw;
        break;
    default:
        value->u = raw;
    }
}

static bool array_item(const struct gguf_value *value, uint64_t index, struct gguf_value *item)
{
    if (value->type != GGUF_ARRAY || !value->items || index >= value->n) return false;
    *item = (struct gguf_value){.key = value->key, .type = value->element};
    decode(item, (const uint8_t *)value->items + index * types[value->element].n_bytes);
    return true;
}
