#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "format/gguf.h"

/* Copies that leave out zeros, and file systems that do so when they compress, make holes of
 * weights that are zero: rows of the vocabulary that pad it. These are fewer than one row in this
 * many. */
enum { SHARE_OF_PADDING = 64, BYTES_OF_PADDING = 16 << 20 };

static heft_status check_part(const struct gguf *file, int part, int descriptor, heft_error *error);
static bool tensor_has_holes(int descriptor, uint64_t begin, uint64_t n_bytes,
                             struct file_hole *first);

heft_status gguf_check_holes(const struct gguf *file, heft_error *error)
{
    heft_status status = HEFT_OK;
    for (int part = 0; part < gguf_n_parts(file) && status == HEFT_OK; part++) {
        struct file_hole hole;
        int descriptor = open(gguf_part_path(file, part), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (descriptor < 0) continue; /* the map is there; a file that is gone tells nothing */
        if (file_find_hole(descriptor, 0, gguf_part_bytes(file, part), &hole))
            status = check_part(file, part, descriptor, error);
        close(descriptor);
    }
    return status;
}

static heft_status check_part(const struct gguf *file, int part, int descriptor, heft_error *error)
{
    const struct file_map *map = gguf_part_map(file, part);
    for (int i = 0; i < gguf_n_tensors(file); i++) {
        const struct tensor *tensor = gguf_tensor(file, i);
        uintptr_t begin = (uintptr_t)tensor->data - (uintptr_t)map->data; /* huge if before it */
        struct file_hole hole;
        /* Vectors may be zeros: biases of layers that have none. */
        if (tensor->n_dims < 2 || begin >= map->n_bytes) continue;
        if (tensor_has_holes(descriptor, begin, tensor->n_bytes, &hole))
            return error_set(error, HEFT_BAD_FILE,
                             "%s: tensor '%s' was not written whole: the file has a hole from byte "
                             "%llu to %llu, as an interrupted copy or download leaves it; get the "
                             "file again, or open it anyway with zeros there (--allow-holes)",
                             gguf_part_path(file, part), tensor->name,
                             (unsigned long long)hole.begin, (unsigned long long)hole.end);
    }
    return HEFT_OK;
}

static bool tensor_has_holes(int descriptor, uint64_t begin, uint64_t n_bytes,
                             struct file_hole *first)
{
    uint64_t end = begin + n_bytes, missing = 0;
    struct file_hole hole;
    for (uint64_t at = begin; file_find_hole(descriptor, at, end, &hole); at = hole.end) {
        if (missing == 0) *first = hole;
        missing += hole.end - hole.begin;
        if (missing > n_bytes / SHARE_OF_PADDING || missing >= BYTES_OF_PADDING) return true;
    }
    return false;
}
