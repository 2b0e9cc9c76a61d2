#include "plan/geometry.h"

#include <limits.h>
#include <stdlib.h>

bool geometry_add(struct geometry *geometry, struct piece piece)
{
    if (geometry->n_pieces == geometry->n_room) {
        int n_room = geometry->n_room ? 2 * geometry->n_room : 1024;
        struct piece *more = realloc(geometry->pieces, (size_t)n_room * sizeof *more);
        if (!more) return false;
        geometry->pieces = more;
        geometry->n_room = n_room;
    }
    geometry->pieces[geometry->n_pieces++] = piece;
    return true;
}

void geometry_free(struct geometry *geometry)
{
    free(geometry->pieces);
    *geometry = (struct geometry){0};
}

uint64_t cache_bytes(int64_t n_values, enum dtype dtype)
{
    const struct dtype_info *info = dtype_info(dtype);
    int64_t n_blocks = (n_values + info->block_values - 1) / info->block_values;
    return (uint64_t)n_blocks * (uint64_t)info->block_bytes;
}

int geometry_context(int64_t n_ctx_train)
{
    const int most = 1 << 27, unknown = 4096;
    return n_ctx_train < 1 || n_ctx_train > most ? unknown : (int)n_ctx_train;
}

int geometry_layer(const char *text)
{
    long layer = strtol(text, NULL, 10);
    return layer < 0 ? 0 : layer > INT_MAX ? INT_MAX : (int)layer;
}

void geometry_text(char *to, size_t n_room, const char *text, size_t n_bytes)
{
    size_t n = n_bytes < n_room - 1 ? n_bytes : n_room - 1;
    for (size_t i = 0; i < n; i++) to[i] = text[i] >= ' ' && text[i] < 127 ? text[i] : '?';
    to[n] = 0;
}

const char *part_name(enum part part)
{
    static const char *const names[PARTS] = {
        "embedding", "attention", "feed-forward", "experts", "shared experts", "head", "other",
    };
    return names[part];
}
