#include "plan/folder.h"

#include <dirent.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "plan/config.h"

enum { PATH_ROOM = 4096, CONFIG_BYTES_MOST = 16 << 20, HEADER_BYTES_MOST = 256 << 20 };

/* What is needed to read a shard's header. */
struct shards {
    const json_t *quantization; /* of MLX folders; NULL */
    struct geometry *out;
    heft_error *error;
};

static heft_status read_config(const char *folder, json_t **out, heft_error *error);
static heft_status read_shards(const char *folder, struct shards *shards);
static heft_status read_shard(const char *path, struct shards *shards);
static heft_status add_tensor(const char *path, const char *name, const json_t *entry,
                              uint64_t n_data, uint64_t *n_left, struct shards *shards);
static double values_of(const char *name, const json_t *entry, const struct shards *shards);
static int mlx_bits(const char *name, const struct shards *shards);
static void classify(const char *name, struct piece *piece);
static void name_types(const json_t *config, struct geometry *out);
static bool ends_with(const char *text, const char *end);

heft_status folder_geometry(const char *path, struct geometry *out, heft_error *error)
{
    json_t *config;
    *out = (struct geometry){0};
    heft_status status = read_config(path, &config, error);
    if (status != HEFT_OK) return status;
    status = config_geometry(config, out, error);
    free(out->pieces); /* those of the numbers; the files have their own */
    out->pieces = NULL;
    out->n_pieces = out->n_room = 0;
    struct shards shards = {json_object_get(config, "quantization"), out, error};
    if (status == HEFT_OK) status = read_shards(path, &shards);
    if (status == HEFT_OK) name_types(config, out);
    json_decref(config);
    if (status != HEFT_OK) geometry_free(out);
    return status;
}

static heft_status read_config(const char *folder, json_t **out, heft_error *error)
{
    char path[PATH_ROOM], *text;
    size_t n_bytes;
    json_error_t problem;
    snprintf(path, sizeof path, "%s/config.json", folder);
    heft_status status = file_read(path, CONFIG_BYTES_MOST, &text, &n_bytes, error);
    if (status != HEFT_OK) return status;
    *out = json_loadb(text, n_bytes, 0, &problem);
    free(text);
    if (json_is_object(*out)) return HEFT_OK;
    status = error_set(error, HEFT_BAD_FILE, "%s, line %d: %s", path, *out ? 1 : problem.line,
                       *out ? "no object" : problem.text);
    json_decref(*out);
    return status;
}

static heft_status read_shards(const char *folder, struct shards *shards)
{
    struct geometry *out = shards->out;
    heft_status status = HEFT_OK;
    DIR *directory = opendir(folder);
    if (!directory) return error_set(shards->error, HEFT_BAD_FILE, "%s: cannot be read", folder);
    for (struct dirent *entry; status == HEFT_OK && (entry = readdir(directory));) {
        char path[PATH_ROOM];
        if (!ends_with(entry->d_name, ".safetensors")) continue;
        int n = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (n > 0 && n < PATH_ROOM) status = read_shard(path, shards);
    }
    closedir(directory);
    if (status != HEFT_OK) return status;
    if (out->n_pieces == 0)
        return error_set(shards->error, HEFT_BAD_FILE, "%s: there are no safetensors in it",
                         folder);
    bool tied = true;
    for (int i = 0; i < out->n_pieces; i++) tied = tied && out->pieces[i].part != PART_HEAD;
    for (int i = 0; i < out->n_pieces && !tied; i++)
        if (out->pieces[i].part == PART_EMBEDDING) out->pieces[i].share = 1.0 / out->n_vocab;
    out->is_file = true;
    return HEFT_OK;
}

/* Eight bytes say how long the JSON is that follows; the data come after it. */
static heft_status read_shard(const char *path, struct shards *shards)
{
    struct file_map map;
    json_error_t problem;
    heft_status status = file_map_open(path, &map, shards->error);
    if (status != HEFT_OK) return status;
    uint64_t n_header = 0;
    for (int i = 7; i >= 0 && map.n_bytes >= 8; i--) n_header = n_header << 8 | map.data[i];
    json_t *header = NULL;
    if (map.n_bytes < 8 || n_header > map.n_bytes - 8 || n_header > HEADER_BYTES_MOST)
        status = error_set(shards->error, HEFT_BAD_FILE,
                           "%s: its header would be %" PRIu64 " bytes long", path, n_header);
    else if (!(header = json_loadb((const char *)map.data + 8, n_header, 0, &problem)))
        status = error_set(shards->error, HEFT_BAD_FILE, "%s: its header: %s", path, problem.text);
    uint64_t n_data = map.n_bytes > 8 + n_header ? map.n_bytes - 8 - n_header : 0;
    uint64_t n_left = n_data; /* tensors that share bytes would be counted twice */
    const char *name;
    json_t *entry;
    json_object_foreach(header, name, entry)
    {
        if (status != HEFT_OK || strcmp(name, "__metadata__") == 0) continue;
        status = add_tensor(path, name, entry, n_data, &n_left, shards);
    }
    shards->out->file_bytes += map.n_bytes;
    json_decref(header);
    file_map_close(&map);
    return status;
}

static heft_status add_tensor(const char *path, const char *name, const json_t *entry,
                              uint64_t n_data, uint64_t *n_left, struct shards *shards)
{
    json_int_t from, to;
    char shown[100];
    struct geometry *out = shards->out;
    geometry_text(shown, sizeof shown, name, strlen(name));
    bool placed = json_unpack((json_t *)entry, "{s:[I,I]}", "data_offsets", &from, &to) == 0;
    if (!placed || from < 0 || to < from || (uint64_t)to > n_data)
        return error_set(shards->error, HEFT_BAD_FILE, "%s: data_offsets of %s are not in the file",
                         path, shown);
    uint64_t n_bytes = (uint64_t)(to - from);
    if (n_bytes > *n_left)
        return error_set(shards->error, HEFT_BAD_FILE,
                         "%s: %s and others have more bytes than the file", path, shown);
    *n_left -= n_bytes;
    double n_values = values_of(name, entry, shards);
    if (n_values < 0 || n_values > 8 * (double)n_bytes) /* no type has less than a bit */
        return error_set(shards->error, HEFT_BAD_FILE, "%s: the shape of %s makes no sense", path,
                         shown);
    struct piece piece = {
        .n_values = (int64_t)n_values, .n_cols = 256, .share = 1, .n_bytes = n_bytes};
    const char *layer = strstr(name, "layers.");
    if (!layer) layer = strstr(name, "blocks.");
    if (layer) piece.layer = geometry_layer(layer + 7);
    classify(name, &piece);
    if (piece.part == PART_EXPERTS && out->n_experts > 0)
        piece.share = (double)out->n_used / out->n_experts;
    if (piece.layer >= out->n_layers) { /* kept for prediction of more tokens, not read */
        piece.part = PART_OTHER;
        piece.share = 0;
    }
    if (!geometry_add(out, piece))
        return error_set(shards->error, HEFT_INTERNAL, "no memory for the list of tensors");
    return HEFT_OK;
}

/* Codes are packed into larger numbers, and what scales them holds no weights of its own. Negative:
 * no shape. */
static double values_of(const char *name, const json_t *entry, const struct shards *shards)
{
    const json_t *shape = json_object_get(entry, "shape"), *size;
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    if (!json_is_array(shape) || !dtype) return -1;
    double n = 1;
    size_t i;
    json_array_foreach(shape, i, size)
    {
        if (!json_is_integer(size) || json_integer_value(size) < 0) return -1;
        n *= (double)json_integer_value(size);
    }
    if (ends_with(name, ".scales") || ends_with(name, ".biases") || ends_with(name, "_scales") ||
        ends_with(name, "_scale") || ends_with(name, "_scale_inv"))
        return 0;
    if (strcmp(dtype, "U32") == 0 && shards->quantization) return n * 32 / mlx_bits(name, shards);
    if (strcmp(dtype, "I32") == 0 && ends_with(name, "packed")) return n * 8;
    if (strcmp(dtype, "U8") == 0 && ends_with(name, "_blocks")) return n * 2;
    return n;
}

/* Of all tensors, or of one by its path. */
static int mlx_bits(const char *name, const struct shards *shards)
{
    char path[512];
    const char *end = strrchr(name, '.');
    snprintf(path, sizeof path, "%.*s", end ? (int)(end - name) : 0, name);
    const json_t *own = json_object_get(shards->quantization, path);
    const json_t *bits = json_object_get(json_is_object(own) ? own : shards->quantization, "bits");
    json_int_t n = json_integer_value(bits);
    return n >= 1 && n <= 32 ? (int)n : 4;
}

/* Names as transformers and mlx-lm have them. The first that is found counts. */
static void classify(const char *name, struct piece *piece)
{
    static const struct {
        const char *words;
        enum part part;
        enum role role;
    } names[] = {
        {"lm_head", PART_HEAD, ROLE_HEAD},
        {"embed_tokens", PART_EMBEDDING, ROLE_EMBEDDING},
        {"wte.", PART_EMBEDDING, ROLE_EMBEDDING},
        {"q_proj", PART_ATTENTION, ROLE_Q},
        {"k_proj", PART_ATTENTION, ROLE_K},
        {"v_proj", PART_ATTENTION, ROLE_V},
        {"Wqkv", PART_ATTENTION, ROLE_V},
        {"kv_b_proj", PART_ATTENTION, ROLE_V},
        {"o_proj", PART_ATTENTION, ROLE_OUT},
        {"out_proj", PART_ATTENTION, ROLE_OUT},
        {"norm", PART_OTHER, ROLE_KEPT},
        {"attn", PART_ATTENTION, ROLE_MATRIX},
        {"shared_expert", PART_SHARED_EXPERTS, ROLE_MATRIX},
        {"experts", PART_EXPERTS, ROLE_MATRIX},
        {"switch_mlp", PART_EXPERTS, ROLE_MATRIX},
        {"gate_proj", PART_FEED_FORWARD, ROLE_GATE},
        {"up_proj", PART_FEED_FORWARD, ROLE_UP},
        {"down_proj", PART_FEED_FORWARD, ROLE_DOWN},
    };
    piece->part = PART_OTHER;
    piece->role = ROLE_KEPT;
    size_t n = sizeof names / sizeof *names;
    for (size_t i = 0; i < n; i++) {
        if (!strstr(name, names[i].words)) continue;
        piece->part = names[i].part;
        piece->role = names[i].role;
        break;
    }
    if (piece->part == PART_EXPERTS || piece->part == PART_SHARED_EXPERTS) {
        bool down = strstr(name, "down_proj") || strstr(name, ".w2");
        bool gate = strstr(name, "gate_proj") || strstr(name, ".w1");
        piece->role = down ? ROLE_DOWN : gate ? ROLE_GATE : ROLE_UP;
    }
}

static void name_types(const json_t *config, struct geometry *out)
{
    const json_t *mlx = json_object_get(config, "quantization");
    const json_t *other = json_object_get(config, "quantization_config");
    const char *method = json_string_value(json_object_get(other, "quant_method"));
    const char *dtype = json_string_value(json_object_get(config, "torch_dtype"));
    if (!dtype) dtype = json_string_value(json_object_get(config, "dtype"));
    json_int_t bits = json_integer_value(json_object_get(mlx, "bits"));
    const char *types = method ? method : dtype ? dtype : "";
    if (bits > 0)
        snprintf(out->types, sizeof out->types, "mlx-%dbit", (int)bits);
    else
        geometry_text(out->types, sizeof out->types, types, strlen(types));
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), n_end = strlen(end);
    return n >= n_end && strcmp(text + n - n_end, end) == 0;
}
