#include "plan/mix.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { MLX_GROUP = 64, NAME_ROOM = 48 };

/* Where a mix departs from its base; F32, which is 0, stands for "does not". The departures are
 * those that llama.cpp's quantizer makes, from which nearly all published files come. */
struct departures {
    enum dtype base, head, embedding;
    enum dtype v, v_thin;        /* the second where fewer than four query heads share a value */
    enum dtype v_first;          /* of the first layers, n_v_first of them */
    enum dtype qk;               /* of the projections to queries and keys */
    enum dtype down, down_first; /* the second in the first 1 / down_part of the layers */
    enum dtype more;             /* v and down in the layers that more_bits names */
    enum dtype out, out_of_8, k_of_8, v_of_8; /* models of eight experts are treated apart */
    int n_v_first, down_part;
};

struct entry {
    struct mix mix;
    struct departures departures; /* of a GGUF mix */
};

/* The place of a tensor, as far as its type depends on it. */
struct place {
    int layer, n_layers;
    bool thin, of_8, tied;
};

static bool same_name(const char *a, const char *b);
static void plain_name(const char *name, char *out);
static const struct departures *departures_of(const struct mix *mix);
static double piece_bytes(const struct geometry *geometry, const struct piece *piece,
                          const struct mix *mix, bool tied);
static enum dtype gguf_type(const struct departures *d, const struct piece *piece,
                            const struct place *place);
static enum dtype choice(enum dtype wanted, enum dtype otherwise);
static bool more_bits(const struct place *place);
static enum dtype fallback(enum dtype dtype, int64_t n_cols);
static bool is_tied(const struct geometry *geometry);

enum { N_MIXES = 24 };
static const struct entry entries[N_MIXES];

int mix_count(void)
{
    return N_MIXES;
}

const struct mix *mix_at(int index)
{
    return &entries[index].mix;
}

const struct mix *mix_find(const char *name)
{
    for (int i = 0; i < N_MIXES; i++)
        if (same_name(entries[i].mix.name, name)) return &entries[i].mix;
    char plain[NAME_ROOM];
    plain_name(name, plain);
    int bits, end = 0;
    bool mlx = (sscanf(plain, "mlx-%dbit%n", &bits, &end) == 1 && end) ||
               (sscanf(plain, "%dbit%n", &bits, &end) == 1 && end);
    bool groups = mlx && (plain[end] == 0 || strcmp(plain + end, "-g64") == 0);
    for (int i = 0; groups && i < N_MIXES; i++)
        if (entries[i].mix.mlx_bits == bits) return &entries[i].mix;
    return NULL;
}

struct weights weights_of(const struct geometry *geometry, const struct mix *mix)
{
    struct weights weights = {0};
    bool tied = is_tied(geometry);
    for (int i = 0; i < geometry->n_pieces; i++) {
        const struct piece *piece = &geometry->pieces[i];
        double bytes = piece_bytes(geometry, piece, mix, tied);
        struct sum *sums[] = {&weights.all, &weights.parts[piece->part]};
        for (int j = 0; j < 2; j++) {
            sums[j]->parameters += (uint64_t)piece->n_values;
            sums[j]->bytes += (uint64_t)(bytes + 0.5);
            sums[j]->token_parameters += piece->share * (double)piece->n_values;
            sums[j]->token_bytes += piece->share * bytes;
        }
        bool in_prompt = piece->part != PART_EMBEDDING && piece->part != PART_HEAD;
        if (in_prompt) weights.prompt_parameters += piece->share * (double)piece->n_values;
    }
    return weights;
}

static bool same_name(const char *a, const char *b)
{
    char plain_a[NAME_ROOM], plain_b[NAME_ROOM];
    plain_name(a, plain_a);
    plain_name(b, plain_b);
    return strcmp(plain_a, plain_b) == 0;
}

/* Lower case, with '-' for '_'; a name too long for any mix becomes "". */
static void plain_name(const char *name, char *out)
{
    size_t n = strlen(name);
    if (n >= NAME_ROOM) n = 0;
    for (size_t i = 0; i < n; i++)
        out[i] = name[i] == '_' ? '-' : (char)tolower((unsigned char)name[i]);
    out[n] = 0;
}

static const struct departures *departures_of(const struct mix *mix)
{
    return &((const struct entry *)(const void *)mix)->departures;
}

static double piece_bytes(const struct geometry *geometry, const struct piece *piece,
                          const struct mix *mix, bool tied)
{
    if (!mix || piece->stays) return (double)piece->n_bytes;
    double n = (double)piece->n_values;
    if (mix->mlx_bits)
        return piece->role == ROLE_KEPT ? 2 * n : n * (mix->mlx_bits + 32.0 / MLX_GROUP) / 8;
    const struct place place = {
        .layer = piece->layer,
        .n_layers = geometry->n_layers,
        .thin = geometry->n_kv_heads > 0 && geometry->n_heads / geometry->n_kv_heads < 4,
        .of_8 = geometry->n_experts == 8,
        .tied = tied,
    };
    enum dtype dtype = fallback(gguf_type(departures_of(mix), piece, &place), piece->n_cols);
    const struct dtype_info *info = dtype_info(dtype);
    return n / info->block_values * info->block_bytes;
}

static enum dtype gguf_type(const struct departures *d, const struct piece *piece,
                            const struct place *place)
{
    bool more = d->more && more_bits(place);
    bool first = d->down_part && place->layer < place->n_layers / d->down_part;
    enum dtype v = place->thin ? choice(d->v_thin, d->v) : d->v;
    switch (piece->role) {
    case ROLE_KEPT:
        return DTYPE_F32;
    case ROLE_EMBEDDING:
        return place->tied ? choice(d->head, d->base) : choice(d->embedding, d->base);
    case ROLE_HEAD:
        return choice(d->head, d->base);
    case ROLE_V:
        if (place->of_8 && d->v_of_8) return d->v_of_8;
        if (more) return d->more;
        return place->layer < d->n_v_first ? d->v_first : choice(v, d->base);
    case ROLE_K:
        return place->of_8 && d->k_of_8 ? d->k_of_8 : choice(d->qk, d->base);
    case ROLE_Q:
        return choice(d->qk, d->base);
    case ROLE_DOWN:
        if (more) return d->more;
        return first ? d->down_first : choice(d->down, d->base);
    case ROLE_OUT:
        return place->of_8 && d->out_of_8 ? d->out_of_8 : choice(d->out, d->base);
    default:
        return d->base;
    }
}

static enum dtype choice(enum dtype wanted, enum dtype otherwise)
{
    return wanted ? wanted : otherwise;
}

/* The first and the last eighth, and every third layer between. */
static bool more_bits(const struct place *place)
{
    int i = place->layer, n = place->n_layers;
    return i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2;
}

/* Rows that are no whole blocks get a type with smaller ones. */
static enum dtype fallback(enum dtype dtype, int64_t n_cols)
{
    if (n_cols % dtype_info(dtype)->block_values == 0) return dtype;
    enum dtype smaller = dtype == DTYPE_Q4_K   ? DTYPE_Q5_0
                         : dtype == DTYPE_Q5_K ? DTYPE_Q5_1
                         : dtype == DTYPE_Q6_K ? DTYPE_Q8_0
                         : dtype == DTYPE_Q8_0 ? DTYPE_F16
                                               : DTYPE_Q4_0;
    return n_cols % dtype_info(smaller)->block_values == 0 ? smaller : DTYPE_F16;
}

static bool is_tied(const struct geometry *geometry)
{
    for (int i = 0; i < geometry->n_pieces; i++)
        if (geometry->pieces[i].role == ROLE_HEAD) return false;
    return true;
}

#define OF_8 .out_of_8 = DTYPE_Q5_K, .k_of_8 = DTYPE_Q8_0, .v_of_8 = DTYPE_Q8_0

static const struct entry entries[N_MIXES] = {
    {{"F32", 0, false}, {.base = DTYPE_F32}},
    {{"BF16", 0, false}, {.base = DTYPE_BF16}},
    {{"F16", 0, false}, {.base = DTYPE_F16}},
    {{"Q8_0", 0, true}, {.base = DTYPE_Q8_0}},
    {{"mlx-8bit", 8, false}, {0}},
    {{"Q6_K", 0, true},
     {.base = DTYPE_Q6_K, .head = DTYPE_Q6_K, .k_of_8 = DTYPE_Q8_0, .v_of_8 = DTYPE_Q8_0}},
    {{"mlx-6bit", 6, false}, {0}},
    {{"Q5_K_M", 0, true},
     {.base = DTYPE_Q5_K,
      .head = DTYPE_Q6_K,
      .more = DTYPE_Q6_K,
      .k_of_8 = DTYPE_Q8_0,
      .v_of_8 = DTYPE_Q8_0}},
    {{"Q5_K_S", 0, false},
     {.base = DTYPE_Q5_K, .head = DTYPE_Q6_K, .k_of_8 = DTYPE_Q8_0, .v_of_8 = DTYPE_Q8_0}},
    {{"mlx-5bit", 5, false}, {0}},
    {{"Q4_K_M", 0, true}, {.base = DTYPE_Q4_K, .head = DTYPE_Q6_K, .more = DTYPE_Q6_K, OF_8}},
    {{"Q4_K_S", 0, false},
     {.base = DTYPE_Q4_K,
      .head = DTYPE_Q6_K,
      .v_first = DTYPE_Q5_K,
      .n_v_first = 4,
      .down_first = DTYPE_Q5_K,
      .down_part = 8,
      OF_8}},
    {{"Q4_0", 0, false},
     {.base = DTYPE_Q4_0, .head = DTYPE_Q6_K, .k_of_8 = DTYPE_Q8_0, .v_of_8 = DTYPE_Q8_0}},
    {{"mlx-4bit", 4, false}, {0}},
    {{"IQ4_XS", 0, true},
     {.base = DTYPE_IQ4_XS,
      .head = DTYPE_Q6_K,
      .v = DTYPE_Q5_K,
      .v_thin = DTYPE_IQ4_XS,
      .down_first = DTYPE_Q5_K,
      .down_part = 8,
      OF_8}},
    {{"Q3_K_L", 0, false},
     {.base = DTYPE_Q3_K,
      .head = DTYPE_Q6_K,
      .v = DTYPE_Q5_K,
      .down = DTYPE_Q5_K,
      .out = DTYPE_Q5_K,
      .k_of_8 = DTYPE_Q8_0,
      .v_of_8 = DTYPE_Q8_0}},
    {{"Q3_K_M", 0, true},
     {.base = DTYPE_Q3_K,
      .head = DTYPE_Q6_K,
      .v = DTYPE_Q4_K,
      .v_first = DTYPE_Q5_K,
      .n_v_first = 2,
      .down = DTYPE_Q4_K,
      .down_first = DTYPE_Q5_K,
      .down_part = 16,
      .out = DTYPE_Q4_K,
      OF_8}},
    {{"mlx-3bit", 3, false}, {0}},
    {{"Q3_K_S", 0, false}, {.base = DTYPE_Q3_K, .head = DTYPE_Q6_K, OF_8}},
    {{"IQ3_XXS", 0, true},
     {.base = DTYPE_IQ3_XXS,
      .head = DTYPE_Q5_K,
      .embedding = DTYPE_IQ3_S,
      .v = DTYPE_Q4_K,
      .v_thin = DTYPE_IQ3_S,
      .qk = DTYPE_IQ2_S,
      .out = DTYPE_IQ3_S,
      OF_8}},
    {{"Q2_K", 0, true},
     {.base = DTYPE_Q2_K,
      .head = DTYPE_Q6_K,
      .v = DTYPE_Q4_K,
      .v_thin = DTYPE_Q3_K,
      .down = DTYPE_Q3_K,
      .out = DTYPE_Q3_K,
      OF_8}},
    {{"mlx-2bit", 2, false}, {0}},
    {{"IQ2_XXS", 0, true},
     {.base = DTYPE_IQ2_XXS,
      .head = DTYPE_Q5_K,
      .embedding = DTYPE_Q2_K,
      .v = DTYPE_Q4_K,
      .v_thin = DTYPE_Q2_K,
      .down_first = DTYPE_Q2_K,
      .down_part = 8,
      .out_of_8 = DTYPE_Q5_K,
      .k_of_8 = DTYPE_Q4_K}},
    {{"IQ1_M", 0, true},
     {.base = DTYPE_IQ1_M,
      .head = DTYPE_Q5_K,
      .embedding = DTYPE_Q2_K,
      .v = DTYPE_Q4_K,
      .v_thin = DTYPE_Q2_K,
      .down_first = DTYPE_Q2_K,
      .down_part = 8,
      .out = DTYPE_IQ2_XXS,
      .out_of_8 = DTYPE_Q5_K,
      .k_of_8 = DTYPE_Q4_K}},
};
