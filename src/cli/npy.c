#include "cli/npy.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* Version 1.0 of the format: magic, version, two bytes of header length, the header, padded so that
 * the data begins at a multiple of 64. */
static const char magic[] = "\x93NUMPY\x01";
enum { MAGIC_BYTES = 8, START_BYTES = 10, HEADER_BYTES = 128 - START_BYTES };

static bool parse_header(const char *header, struct npy_map *map);

heft_status npy_create(struct npy_writer *writer, const char *path, int64_t n_rows, int n_columns,
                       heft_error *error)
{
    char header[HEADER_BYTES + 1];
    int n = snprintf(header, sizeof header,
                     "{'descr': '<f4', 'fortran_order': False, 'shape': (%lld, %d), }",
                     (long long)n_rows, n_columns);
    memset(header + n, ' ', (size_t)(HEADER_BYTES - n));
    header[HEADER_BYTES - 1] = '\n';
    *writer = (struct npy_writer){fopen(path, "wb"), path, n_rows, n_columns};
    if (!writer->file)
        return error_set(error, HEFT_BAD_FILE, "%s: cannot be written: %s", path, strerror(errno));
    fwrite(magic, 1, MAGIC_BYTES, writer->file);
    fputc(HEADER_BYTES & 255, writer->file);
    fputc(HEADER_BYTES >> 8, writer->file);
    fwrite(header, 1, HEADER_BYTES, writer->file);
    return HEFT_OK;
}

heft_status npy_write(struct npy_writer *writer, const float *rows, int n_rows, heft_error *error)
{
    size_t n = (size_t)n_rows * (size_t)writer->n_columns;
    writer->n_rows_left -= n_rows;
    if (fwrite(rows, sizeof *rows, n, writer->file) != n)
        return error_set(error, HEFT_BAD_FILE, "%s: cannot be written: %s", writer->path,
                         strerror(errno));
    return HEFT_OK;
}

heft_status npy_finish(struct npy_writer *writer, heft_error *error)
{
    if (!writer->file) return HEFT_OK;
    bool failed = ferror(writer->file) != 0;
    failed = fclose(writer->file) != 0 || failed;
    writer->file = NULL;
    if (failed || writer->n_rows_left != 0)
        return error_set(error, HEFT_BAD_FILE, "%s: was not written completely", writer->path);
    return HEFT_OK;
}

heft_status npy_open(struct npy_map *map, const char *path, heft_error *error)
{
    *map = (struct npy_map){0};
    heft_status status = file_map_open(path, &map->file, error);
    if (status != HEFT_OK) return status;
    const uint8_t *data = map->file.data;
    size_t n_bytes = map->file.n_bytes, n_header = 0;
    bool whole = n_bytes >= START_BYTES && memcmp(data, magic, MAGIC_BYTES) == 0;
    if (whole) n_header = (size_t)data[START_BYTES - 2] | (size_t)data[START_BYTES - 1] << 8;
    whole = whole && n_bytes - START_BYTES >= n_header;
    char *header = whole ? strndup((const char *)data + START_BYTES, n_header) : NULL;
    whole = header && parse_header(header, map);
    free(header);
    size_t row_bytes = (size_t)map->n_columns * sizeof(float);
    whole = whole && (uint64_t)map->n_rows * row_bytes == n_bytes - START_BYTES - n_header;
    if (!whole) {
        npy_close(map);
        return error_set(error, HEFT_BAD_FILE,
                         "%s: this is no numpy file of float32 with two dimensions", path);
    }
    map->rows = data + START_BYTES + n_header;
    return HEFT_OK;
}

void npy_row(const struct npy_map *map, int64_t row, float *values)
{
    size_t row_bytes = (size_t)map->n_columns * sizeof *values;
    memcpy(values, map->rows + (size_t)row * row_bytes, row_bytes);
}

void npy_close(struct npy_map *map)
{
    file_map_close(&map->file);
}

static bool parse_header(const char *header, struct npy_map *map)
{
    const char *shape = strstr(header, "'shape':");
    bool right_type = strstr(header, "'<f4'") && strstr(header, "'fortran_order': False");
    if (!shape || !right_type) return false;
    long long n_rows, n_columns;
    if (sscanf(shape, "'shape': (%lld, %lld)", &n_rows, &n_columns) != 2) return false;
    if (n_rows <= 0 || n_rows > INT_MAX || n_columns <= 0 || n_columns > INT_MAX) return false;
    map->n_rows = n_rows;
    map->n_columns = (int)n_columns;
    return true;
}
