#include "npy.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ITEM_BYTES = 4, PREFIX_BYTES = 10 };

static char *read_header(FILE *file);
static bool parse_header(const char *header, const char *descr, struct npy *out);

bool npy_read(const char *path, const char *descr, struct npy *out)
{
    *out = (struct npy){0};
    FILE *file = fopen(path, "rb");
    if (!file) return false;

    char *header = read_header(file);
    bool ok = header && parse_header(header, descr, out);
    free(header);
    if (ok) {
        size_t n_items = out->shape[0] * out->shape[1];
        out->data = malloc(n_items * ITEM_BYTES);
        ok = out->data && fread(out->data, ITEM_BYTES, n_items, file) == n_items;
    }
    fclose(file);
    if (!ok) {
        free(out->data);
        out->data = NULL;
    }
    return ok;
}

/* Version 1.0: the magic, two version bytes, a 16-bit length, a Python dictionary as text. */
static char *read_header(FILE *file)
{
    uint8_t prefix[PREFIX_BYTES];
    if (fread(prefix, 1, sizeof prefix, file) != sizeof prefix) return NULL;
    if (memcmp(prefix, "\x93NUMPY\x01", 7) != 0) return NULL;

    size_t n_bytes = prefix[8] | (size_t)prefix[9] << 8;
    char *header = calloc(n_bytes + 1, 1);
    if (header && fread(header, 1, n_bytes, file) != n_bytes) {
        free(header);
        return NULL;
    }
    return header;
}

static bool parse_header(const char *header, const char *descr, struct npy *out)
{
    char expected[32];
    snprintf(expected, sizeof expected, "'descr': '%s'", descr);
    if (!strstr(header, expected) || !strstr(header, "'fortran_order': False")) return false;

    const char *shape = strstr(header, "'shape': (");
    if (!shape) return false;
    out->n_dims = sscanf(shape, "'shape': (%zu, %zu", &out->shape[0], &out->shape[1]);
    if (out->n_dims == 1) out->shape[1] = 1;
    return out->n_dims >= 1 && out->shape[0] > 0 && out->shape[0] < 1 << 16 && out->shape[1] > 0 &&
           out->shape[1] < 1 << 16;
}
