#include "plan/header.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* Numbers of a network are below this, so that three can be multiplied. */
enum { NUMBER_MOST = 1 << 20 };

/* What the metadata says that cannot be seen from the tensors. */
struct facts {
    const struct gguf *file;
    char architecture[48];
    int64_t n_layers, heads, d_k, d_v, kv_rank, d_rope, window;
    int64_t kv_heads_all; /* of all layers together */
};

static struct facts read_facts(const struct gguf *file, struct geometry *out);
static int64_t number_of(const struct facts *facts, const char *key, int64_t otherwise);
static int64_t sum_of(const struct facts *facts, const char *key, int64_t n);
static const struct gguf_value *find(const struct facts *facts, const char *key);
static void cache_from_facts(const struct facts *facts, struct geometry *out);
static void cache_from_model(const struct model *model, struct geometry *out);
static struct piece piece_of(const struct tensor *tensor, const struct geometry *geometry);
static void classify(const struct tensor *tensor, struct piece *piece);
static void name_types(const struct gguf *file, struct geometry *out);
static void copy_text(const struct gguf *file, const char *key, char *to, size_t n_room);
static int64_t widest(const struct geometry *geometry, const struct facts *facts);

heft_status header_geometry(const struct gguf *file, const struct model *model,
                            struct geometry *out, heft_error *error)
{
    *out = (struct geometry){.is_file = true, .file_bytes = gguf_bytes(file)};
    const char *path = gguf_part_path(file, 0);
    const struct tensor *table = gguf_find_tensor(file, "token_embd.weight");
    if (!table || table->dims[0] < 1 || table->dims[1] < 1)
        return error_set(error, HEFT_BAD_FILE, "%s: it has no token_embd.weight: no model", path);
    out->n_vocab = (int)(table->dims[1] < INT32_MAX ? table->dims[1] : INT32_MAX);
    out->d_model = (int)(table->dims[0] < INT32_MAX ? table->dims[0] : INT32_MAX);
    struct facts facts = read_facts(file, out);
    if (out->n_layers < 1)
        return error_set(error, HEFT_BAD_FILE, "%s: %s.block_count is missing or no number", path,
                         facts.architecture);
    if (model)
        cache_from_model(model, out);
    else
        cache_from_facts(&facts, out);
    for (int i = 0; i < gguf_n_tensors(file); i++) {
        if (geometry_add(out, piece_of(gguf_tensor(file, i), out))) continue;
        geometry_free(out);
        return error_set(error, HEFT_INTERNAL, "no memory for the list of tensors");
    }
    bool tied = gguf_find_tensor(file, "output.weight") == NULL;
    for (int i = 0; i < out->n_pieces && !tied; i++)
        if (out->pieces[i].role == ROLE_EMBEDDING) out->pieces[i].share = 1.0 / out->n_vocab;
    out->widest = widest(out, &facts);
    name_types(file, out);
    return HEFT_OK;
}

static struct facts read_facts(const struct gguf *file, struct geometry *out)
{
    struct facts facts = {.file = file};
    copy_text(file, "general.architecture", facts.architecture, sizeof facts.architecture);
    copy_text(file, "general.architecture", out->architecture, sizeof out->architecture);
    copy_text(file, "general.name", out->name, sizeof out->name);
    int64_t extra = number_of(&facts, "nextn_predict_layers", 0);
    facts.n_layers = number_of(&facts, "block_count", 0);
    if (extra < facts.n_layers) facts.n_layers -= extra;
    facts.heads = number_of(&facts, "attention.head_count", 0);
    int64_t d = facts.heads > 0 ? out->d_model / facts.heads : 0;
    facts.kv_heads_all = sum_of(&facts, "attention.head_count_kv", facts.n_layers);
    if (facts.kv_heads_all == 0) facts.kv_heads_all = facts.heads * facts.n_layers;
    facts.d_k = number_of(&facts, "attention.key_length", d);
    facts.d_v = number_of(&facts, "attention.value_length", d);
    facts.kv_rank = number_of(&facts, "attention.kv_lora_rank", 0);
    facts.d_rope = number_of(&facts, "rope.dimension_count", 0);
    facts.window = number_of(&facts, "attention.sliding_window", 0);
    out->n_layers = (int)facts.n_layers;
    out->n_heads = (int)facts.heads;
    out->n_kv_heads = (int)(facts.n_layers > 0 ? facts.kv_heads_all / facts.n_layers : 0);
    out->n_experts = (int)number_of(&facts, "expert_count", 0);
    out->n_used = (int)number_of(&facts, "expert_used_count", 0);
    if (out->n_used > out->n_experts) out->n_used = out->n_experts;
    out->n_ctx_train = geometry_context(number_of(&facts, "context_length", 0));
    return facts;
}

/* Of one number per layer, the largest. */
static int64_t number_of(const struct facts *facts, const char *key, int64_t otherwise)
{
    const struct gguf_value *value = find(facts, key);
    int64_t number = otherwise, most = 0;
    int64_t limit = strcmp(key, "context_length") == 0 ? INT32_MAX : NUMBER_MOST;
    if (!value) return otherwise;
    if (value->type != GGUF_ARRAY) {
        bool sensible = gguf_value_int(value, &number) && number >= 0 && number <= limit;
        return sensible ? number : otherwise;
    }
    for (uint64_t i = 0; i < value->n; i++)
        if (gguf_array_int(value, i, &number) && number > most && number <= limit) most = number;
    return most;
}

static int64_t sum_of(const struct facts *facts, const char *key, int64_t n)
{
    const struct gguf_value *value = find(facts, key);
    if (!value || value->type != GGUF_ARRAY) return number_of(facts, key, 0) * n;
    int64_t sum = 0, number;
    for (uint64_t i = 0; i < value->n && (int64_t)i < n; i++)
        if (gguf_array_int(value, i, &number) && number > 0 && number <= NUMBER_MOST) sum += number;
    return sum;
}

static const struct gguf_value *find(const struct facts *facts, const char *key)
{
    char full[128];
    snprintf(full, sizeof full, "%s.%s", facts->architecture, key);
    return gguf_find(facts->file, full);
}

/* With a window and no word of which layers have it, all count as whole: rather too much. */
static void cache_from_facts(const struct facts *facts, struct geometry *out)
{
    struct cache_shape *cache = &out->cache;
    bool latent = facts->kv_rank > 0;
    int64_t row = latent ? facts->kv_rank + facts->d_rope : facts->d_k + facts->d_v;
    cache->token_values = row * (latent ? facts->n_layers : facts->kv_heads_all);
    cache->blocks = row % 32 == 0 && facts->d_k % 32 == 0;
    out->attention_width = facts->n_layers * facts->heads * (facts->d_k + facts->d_v);
}

static void cache_from_model(const struct model *model, struct geometry *out)
{
    const struct attention_description *a = &model->description.attention;
    int64_t n_layers = model->description.n_layers;
    out->cache.token_values = (int64_t)(model_kv_token_bytes(model, DTYPE_F32) / sizeof(float));
    out->cache.blocks = model_kv_token_bytes(model, DTYPE_Q8_0) > 0;
    out->attention_width = n_layers * a->n_heads * (a->d_k + a->d_v);
    out->n_layers = model->description.n_layers;
    out->n_ctx_train = model->description.n_ctx_train;
    out->n_heads = a->n_heads;
    out->n_kv_heads = a->n_kv_heads;
}

static struct piece piece_of(const struct tensor *tensor, const struct geometry *geometry)
{
    const char *name = strncmp(tensor->name, "blk.", 4) == 0 ? tensor->name + 4 : "";
    struct piece piece = {.layer = geometry_layer(name),
                          .n_values = tensor_n_values(tensor),
                          .n_cols = tensor->dims[0],
                          .share = 1,
                          .n_bytes = tensor->n_bytes};
    classify(tensor, &piece);
    if (piece.part == PART_EXPERTS && geometry->n_experts > 0)
        piece.share = (double)geometry->n_used / geometry->n_experts;
    /* Layers behind the last that runs: predictions of more tokens, kept but not read. */
    if (piece.layer >= geometry->n_layers) {
        piece.part = PART_OTHER;
        piece.share = 0;
    }
    return piece;
}

/* Names as the converters of llama.cpp write them. The first that is found in a name counts. */
static void classify(const struct tensor *tensor, struct piece *piece)
{
    static const struct {
        const char *words;
        enum part part;
        enum role role;
    } names[] = {
        {"_norm", PART_OTHER, ROLE_KEPT},
        {"ffn_gate_inp", PART_OTHER, ROLE_KEPT},
        {"exp_probs", PART_OTHER, ROLE_KEPT},
        {"token_embd", PART_EMBEDDING, ROLE_EMBEDDING},
        {"ffn_down_shexp", PART_SHARED_EXPERTS, ROLE_DOWN},
        {"ffn_gate_shexp", PART_SHARED_EXPERTS, ROLE_GATE},
        {"ffn_up_shexp", PART_SHARED_EXPERTS, ROLE_UP},
        {"ffn_down_exps", PART_EXPERTS, ROLE_DOWN},
        {"ffn_gate_exps", PART_EXPERTS, ROLE_GATE},
        {"_exps", PART_EXPERTS, ROLE_UP},
        {"attn_q.", PART_ATTENTION, ROLE_Q},
        {"attn_k.", PART_ATTENTION, ROLE_K},
        {"attn_v.", PART_ATTENTION, ROLE_V},
        {"attn_qkv", PART_ATTENTION, ROLE_V},
        {"attn_kv_b", PART_ATTENTION, ROLE_V},
        {"attn_output", PART_ATTENTION, ROLE_OUT},
        {".attn", PART_ATTENTION, ROLE_MATRIX},
        {".ssm", PART_ATTENTION, ROLE_MATRIX},
        {".indexer", PART_ATTENTION, ROLE_MATRIX},
        {"ffn_down", PART_FEED_FORWARD, ROLE_DOWN},
        {"ffn_gate", PART_FEED_FORWARD, ROLE_GATE},
        {"ffn_up", PART_FEED_FORWARD, ROLE_UP},
    };
    piece->part = strncmp(tensor->name, "output.", 7) == 0 ? PART_HEAD : PART_OTHER;
    piece->role = piece->part == PART_HEAD ? ROLE_HEAD : ROLE_MATRIX;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *at = strstr(tensor->name, names[i].words);
        if (!at) continue;
        piece->part = names[i].part;
        piece->role = names[i].role;
        /* "ffn_up.3.weight": old files have a tensor for each expert. */
        const char *after = at + strlen(names[i].words);
        bool numbered = after[0] == '.' && after[1] >= '0' && after[1] <= '9';
        if (piece->part == PART_FEED_FORWARD && numbered) piece->part = PART_EXPERTS;
        break;
    }
    if (tensor->n_dims < 2) piece->role = ROLE_KEPT;
}

static void name_types(const struct gguf *file, struct geometry *out)
{
    uint64_t bytes[DTYPE_LIMIT] = {0};
    int most = 0;
    for (int i = 0; i < gguf_n_tensors(file); i++)
        bytes[gguf_tensor(file, i)->dtype] += gguf_tensor(file, i)->n_bytes;
    for (int i = 1; i < DTYPE_LIMIT; i++)
        if (bytes[i] > bytes[most]) most = i;
    snprintf(out->types, sizeof out->types, "%s", dtype_name((enum dtype)most));
}

static void copy_text(const struct gguf *file, const char *key, char *to, size_t n_room)
{
    const struct gguf_value *value = gguf_find(file, key);
    if (!value || value->type != GGUF_STRING) return;
    geometry_text(to, n_room, value->text.data, value->text.n_bytes);
}

/* The matrices of the first layer and of the last, which differ where leading ones are dense. */
static int64_t widest(const struct geometry *geometry, const struct facts *facts)
{
    int64_t width = 4 * (int64_t)geometry->d_model + 2 * facts->heads * facts->d_v;
    for (int i = 0; i < geometry->n_pieces; i++) {
        const struct piece *piece = &geometry->pieces[i];
        if (piece->role != ROLE_UP && piece->role != ROLE_Q && piece->role != ROLE_K) continue;
        bool first = piece->layer == 0, last = piece->layer == geometry->n_layers - 1;
        if (!first && (!last || piece->part != PART_EXPERTS)) continue;
        int64_t rows = piece->n_cols > 0 ? piece->n_values / piece->n_cols : 0;
        width += (int64_t)((double)rows * piece->share);
    }
    return width;
}
