#include "plan/remote.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "format/gguf.h"

static heft_status gguf_need(const char *path, const uint8_t *data, size_t n_bytes, uint64_t *need,
                             heft_error *error);
static heft_status safetensors_need(const char *path, const uint8_t *data, size_t n_bytes,
                                    uint64_t *need, heft_error *error);

bool remote_is_name(const char *name)
{
    return hub_is_remote(name);
}

heft_status remote_open_with(const struct hub_options *options, const char *name,
                             struct remote *out, heft_error *error)
{
    *out = (struct remote){0};
    heft_status status = hub_open(options, name, remote_header_need, &out->model, error);
    if (status != HEFT_OK) return status;
    const char *first = out->model.files[0].path;
    out->path =
        out->model.gguf ? strdup(first) : strndup(first, (size_t)(strrchr(first, '/') - first));
    if (out->path) return HEFT_OK;
    remote_close(out);
    return error_set(error, HEFT_INTERNAL, "%s: no memory for its path", name);
}

void remote_close(struct remote *remote)
{
    hub_close(&remote->model);
    free(remote->path);
    remote->path = NULL;
}

heft_status remote_header_need(const char *path, const void *data, size_t n_bytes,
                               uint64_t file_bytes, uint64_t *need, heft_error *error)
{
    (void)file_bytes;
    const char *ending = strrchr(path, '.');
    if (ending && strcasecmp(ending, ".safetensors") == 0)
        return safetensors_need(path, data, n_bytes, need, error);
    return gguf_need(path, data, n_bytes, need, error);
}

/* ---- safetensors: a length, then so many bytes of JSON ---- */

static heft_status safetensors_need(const char *path, const uint8_t *data, size_t n_bytes,
                                    uint64_t *need, heft_error *error)
{
    uint64_t length = 0;
    *need = sizeof length;
    if (n_bytes < *need) return HEFT_OK;
    for (int i = 7; i >= 0; i--) length = length << 8 | data[i];
    if (__builtin_add_overflow(*need, length, need) || (n_bytes > 8 && data[8] != '{'))
        return error_set(error, HEFT_BAD_FILE, "%s: this is not a safetensors file", path);
    return HEFT_OK;
}

/* ---- GGUF: its values and tensors have to be walked over ---- */

/* The least that one takes, with a name of no bytes. */
enum {
    VALUE_BYTES = 8 + 4,          /* name, type */
    TENSOR_BYTES = 8 + 4 + 4 + 8, /* name, number of dimensions, type, offset */
};

/* Where `at` is beyond n_bytes, the header goes on at least until there. */
struct walk {
    const uint8_t *data;
    uint64_t n_bytes, at;
    bool wrong; /* no header goes on like this */
};

static void pass(struct walk *walk, uint64_t n, uint64_t item_bytes)
{
    uint64_t n_bytes;
    if (__builtin_mul_overflow(n, item_bytes, &n_bytes) ||
        __builtin_add_overflow(walk->at, n_bytes, &walk->at))
        walk->at = UINT64_MAX;
}

static bool can_go_on(const struct walk *walk)
{
    return !walk->wrong && walk->at <= walk->n_bytes;
}

/* A little-endian number; 0 if it is not there yet. */
static uint64_t take(struct walk *walk, int n_bytes)
{
    uint64_t begin = walk->at, number = 0;
    pass(walk, 1, (uint64_t)n_bytes);
    if (!can_go_on(walk)) return 0;
    for (int i = n_bytes - 1; i >= 0; i--) number = number << 8 | walk->data[begin + (uint64_t)i];
    return number;
}

static void pass_text(struct walk *walk)
{
    pass(walk, take(walk, 8), 1);
}

/* Of a text that is not there yet at least the length is needed. */
static void pass_texts(struct walk *walk, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        if (!can_go_on(walk)) {
            pass(walk, n - i, 8);
            return;
        }
        pass_text(walk);
    }
}

static void pass_value(struct walk *walk)
{
    static const uint8_t sizes[GGUF_TYPES] = {
        [GGUF_U8] = 1,  [GGUF_I8] = 1,  [GGUF_U16] = 2, [GGUF_I16] = 2,
        [GGUF_U32] = 4, [GGUF_I32] = 4, [GGUF_F32] = 4, [GGUF_BOOL] = 1,
        [GGUF_U64] = 8, [GGUF_I64] = 8, [GGUF_F64] = 8,
    };
    pass_text(walk);
    uint64_t type = take(walk, 4), n = 1;
    if (type == GGUF_ARRAY) {
        type = take(walk, 4);
        n = take(walk, 8);
    }
    if (!can_go_on(walk)) return;
    if (type == GGUF_STRING)
        pass_texts(walk, n);
    else if (type < GGUF_TYPES && sizes[type] > 0)
        pass(walk, n, sizes[type]);
    else
        walk->wrong = true;
}

static void pass_tensor(struct walk *walk)
{
    pass_text(walk);
    pass(walk, take(walk, 4), 8);
    pass(walk, 1, 4 + 8);
}

static void pass_all(struct walk *walk, uint64_t n, void pass_one(struct walk *),
                     uint64_t item_bytes)
{
    for (uint64_t i = 0; i < n; i++) {
        if (!can_go_on(walk)) {
            pass(walk, n - i, item_bytes);
            return;
        }
        pass_one(walk);
    }
}

static heft_status gguf_need(const char *path, const uint8_t *data, size_t n_bytes, uint64_t *need,
                             heft_error *error)
{
    size_t n_magic = n_bytes < 4 ? n_bytes : 4;
    if (memcmp(data, "GGUF", n_magic) != 0)
        return error_set(error, HEFT_BAD_FILE,
                         "%s: the magic number is not 'GGUF', so this is not a GGUF file", path);
    struct walk walk = {.data = data, .n_bytes = n_bytes};
    pass(&walk, 1, 4 + 4);
    uint64_t n_tensors = take(&walk, 8), n_values = take(&walk, 8);
    pass_all(&walk, n_values, pass_value, VALUE_BYTES);
    pass_all(&walk, n_tensors, pass_tensor, TENSOR_BYTES);
    *need = walk.wrong ? n_bytes : walk.at;
    return HEFT_OK;
}
