/* Files as the engine needs them: mapped read-only, or read whole when they are small. */
#pragma once

#include "heft.h"

struct file_map {
    const uint8_t *data; /* NULL for a file of no bytes */
    size_t n_bytes;
    bool tells_resident; /* the system says what is in memory to those who could write the file */
    size_t n_held;       /* bytes that are memory themselves, without a drive below them */
    int watch;           /* see watch.h */
};

/* Maps a regular file; errors name the path and the reason. */
heft_status file_map_open(const char *path, struct file_map *out, heft_error *error);
void file_map_close(struct file_map *map);

/* True if a read of the map has failed since it was opened: the file was cut short, or its drive
 * does not give it. What is read from then on is zeros. */
bool file_map_is_lost(const struct file_map *map);

/* True if all of a part of the map, or at least as far as it exists, is known to be in memory. The
 * offset is a multiple of the page size. */
bool file_map_resident(const struct file_map *map, size_t offset, size_t n_bytes);

/* Asks for large pages where file and system have them: a thread that reads gigabytes then looks up
 * few addresses, and a fault brings 2 MB. For files that will stay in memory. False if there are
 * none. What was read in small pages before stays in them. */
bool file_map_use_large_pages(const struct file_map *map);

/* The first bytes of a file between two offsets that nobody ever wrote, so that they read as zeros:
 * a hole, or what was only reserved. False if there are none, or if the file system does not say.
 */
struct file_hole {
    uint64_t begin, end;
};
bool file_find_hole(int descriptor, uint64_t begin, uint64_t end, struct file_hole *out);

/* Asks the system to bring a part into memory, and does not wait for it; in small pages. */
void file_map_want(const struct file_map *map, size_t offset, size_t n_bytes);

/* Reads a regular file, or standard input for "-", whole, with a NUL after it; the caller frees
 * *out. */
heft_status file_read(const char *path, size_t max_bytes, char **out, size_t *n_bytes,
                      heft_error *error);

/* Writes through a temporary file and a rename, so that the old content or the new is there. A file
 * that was there keeps its mode, a new one has that of any new file. Only a regular file is
 * replaced: a device, a pipe, a folder or a link is refused. */
heft_status file_write(const char *path, const void *data, size_t n_bytes, heft_error *error);

/* The same for what only its owner may read: mode 0600, whatever an old file had. */
heft_status file_write_private(const char *path, const void *data, size_t n_bytes,
                               heft_error *error);

bool file_exists(const char *path);

/* Opens a regular file to be read past the page cache, in whole pages at multiples of the page
 * size; its allocated bytes tell of holes. A negative descriptor where there is no such file, or a
 * file system that always reads through the cache. macOS answers from the cache what is there. */
struct file_direct {
    int descriptor;
    uint64_t n_bytes, n_allocated;
};
struct file_direct file_open_direct(const char *path);
