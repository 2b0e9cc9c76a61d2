#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/vfs.h>
#endif

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/watch.h"

static heft_status open_regular(const char *path, int *fd, struct stat *info, heft_error *error);
static heft_status read_all(int fd, const char *name, size_t max_bytes, struct buffer *into,
                            heft_error *error);
static heft_status write_over(const char *path, const void *data, size_t n_bytes, bool private,
                              heft_error *error);
static int create_beside(const char *path, bool private, struct buffer *name);
static bool write_all(int fd, const char *data, size_t n_bytes);
static size_t held_bytes(int fd, const struct stat *info);
static size_t part_end(const struct file_map *map, size_t offset, size_t n_bytes);

heft_status file_map_open(const char *path, struct file_map *out, heft_error *error)
{
    *out = (struct file_map){0};
    int fd;
    struct stat info;
    heft_status status = open_regular(path, &fd, &info, error);
    if (status != HEFT_OK) return status;
    if (info.st_size > 0) {
        /* Shared, so that every process that runs this model uses the same pages. */
        void *data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_SHARED, fd, 0);
        if (data == MAP_FAILED)
            status =
                error_set(error, HEFT_BAD_FILE, "%s: cannot be mapped: %s", path, strerror(errno));
        else
            *out = (struct file_map){
                data, (size_t)info.st_size, info.st_uid == geteuid() || access(path, W_OK) == 0,
                held_bytes(fd, &info), watch_begin(data, (size_t)info.st_size)};
    }
    close(fd);
    return status;
}

void file_map_close(struct file_map *map)
{
    if (map->data) {
        watch_end(map->watch);
        munmap((void *)map->data, map->n_bytes);
    }
    *map = (struct file_map){0};
}

bool file_map_is_lost(const struct file_map *map)
{
    return map->data && watch_is_lost(map->watch);
}

bool file_map_resident(const struct file_map *map, size_t offset, size_t n_bytes)
{
    enum { N_AT_ONCE = 1024 };
    size_t page = (size_t)sysconf(_SC_PAGESIZE), end = part_end(map, offset, n_bytes);
    if (!map->tells_resident) return false;
    for (; offset < end; offset += N_AT_ONCE * page) {
        unsigned char pages[N_AT_ONCE];
        size_t left = end - offset, n = left < N_AT_ONCE * page ? left : N_AT_ONCE * page;
        if (mincore((void *)(map->data + offset), n, (void *)pages) != 0) return false;
        for (size_t i = 0; i < (n + page - 1) / page; i++)
            if (!(pages[i] & 1)) return false;
    }
    return true;
}

bool file_map_use_large_pages(const struct file_map *map)
{
#ifdef MADV_HUGEPAGE
    return map->n_bytes > 0 && madvise((void *)map->data, map->n_bytes, MADV_HUGEPAGE) == 0;
#else
    (void)map;
    return false;
#endif
}

void file_map_want(const struct file_map *map, size_t offset, size_t n_bytes)
{
    size_t end = part_end(map, offset, n_bytes);
    if (offset < end) madvise((void *)(map->data + offset), end - offset, MADV_WILLNEED);
}

bool file_find_hole(int descriptor, uint64_t begin, uint64_t end, struct file_hole *out)
{
    if (begin >= end) return false;
    off_t hole = lseek(descriptor, (off_t)begin, SEEK_HOLE);
    if (hole < 0 || (uint64_t)hole >= end) return false;
    off_t data = lseek(descriptor, hole, SEEK_DATA);
    if (data < 0 && errno != ENXIO) return false;
    /* There is no more data behind the last hole. */
    *out = (struct file_hole){(uint64_t)hole,
                              data >= 0 && (uint64_t)data < end ? (uint64_t)data : end};
    return true;
}

heft_status file_read(const char *path, size_t max_bytes, char **out, size_t *n_bytes,
                      heft_error *error)
{
    bool from_stdin = strcmp(path, "-") == 0;
    const char *name = from_stdin ? "standard input" : path;
    int fd = STDIN_FILENO;
    struct stat info;
    if (!from_stdin) {
        heft_status status = open_regular(path, &fd, &info, error);
        if (status != HEFT_OK) return status;
    }
    struct buffer text = {.limit = max_bytes};
    heft_status status = read_all(fd, name, max_bytes, &text, error);
    if (!from_stdin) close(fd);
    if (status == HEFT_OK) {
        *n_bytes = text.n_bytes;
        *out = buffer_take(&text);
        if (!*out) status = error_set(error, HEFT_INTERNAL, "%s: no memory to read it", name);
    }
    buffer_free(&text);
    return status;
}

heft_status file_write(const char *path, const void *data, size_t n_bytes, heft_error *error)
{
    return write_over(path, data, n_bytes, false, error);
}

heft_status file_write_private(const char *path, const void *data, size_t n_bytes,
                               heft_error *error)
{
    return write_over(path, data, n_bytes, true, error);
}

/* The rename would put a file in the place of a device or a link, which nobody means. */
static heft_status write_over(const char *path, const void *data, size_t n_bytes, bool private,
                              heft_error *error)
{
    struct stat old;
    if (lstat(path, &old) == 0 && !S_ISREG(old.st_mode))
        return error_set(error, HEFT_USAGE,
                         "%s: cannot be written: this is %s, where a regular file or none was "
                         "expected",
                         path,
                         S_ISLNK(old.st_mode)   ? "a symbolic link"
                         : S_ISDIR(old.st_mode) ? "a folder"
                                                : "a device, a pipe or a socket");
    struct buffer temporary = {0};
    heft_status status = HEFT_OK;
    int fd = create_beside(path, private, &temporary);
    if (temporary.failed) {
        status = error_set(error, HEFT_INTERNAL, "%s: no memory to write it", path);
    } else if (fd < 0) {
        status = error_set(error, HEFT_USAGE, "%s: cannot be created: %s", path, strerror(errno));
    } else {
        bool written = write_all(fd, data, n_bytes);
        written = close(fd) == 0 && written;
        if (!written || rename(temporary.data, path) != 0) {
            status =
                error_set(error, HEFT_USAGE, "%s: cannot be written: %s", path, strerror(errno));
            unlink(temporary.data);
        }
    }
    buffer_free(&temporary);
    return status;
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

struct file_direct file_open_direct(const char *path)
{
    struct file_direct file = {.descriptor = -1};
    struct stat info;
    int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
#ifdef O_DIRECT
    flags |= O_DIRECT;
#endif
    int fd = open(path, flags);
    if (fd < 0) return file;
    bool direct = fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
#ifdef F_NOCACHE
    direct = direct && fcntl(fd, F_NOCACHE, 1) == 0;
#endif
    if (!direct) {
        close(fd);
        return file;
    }
    return (struct file_direct){fd, (uint64_t)info.st_size, (uint64_t)info.st_blocks * 512};
}

/* Directories, devices and pipes are refused: they cannot be mapped or have no end. */
static heft_status open_regular(const char *path, int *fd, struct stat *info, heft_error *error)
{
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0)
        return error_set(error, HEFT_BAD_FILE, "%s: cannot be opened: %s", path, strerror(errno));
    const char *reason = NULL;
    if (fstat(*fd, info) != 0)
        reason = strerror(errno);
    else if (S_ISDIR(info->st_mode))
        reason = "it is a directory, a file was expected";
    else if (!S_ISREG(info->st_mode))
        reason = "it is not a regular file";
    if (!reason) return HEFT_OK;
    close(*fd);
    return error_set(error, HEFT_BAD_FILE, "%s: %s", path, reason);
}

static heft_status read_all(int fd, const char *name, size_t max_bytes, struct buffer *into,
                            heft_error *error)
{
    char chunk[16384];
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0)
            return error_set(error, HEFT_BAD_FILE, "%s: cannot be read: %s", name, strerror(errno));
        if (n == 0) return HEFT_OK;
        buffer_append(into, chunk, (size_t)n);
        if (into->failed)
            return error_set(error, HEFT_BAD_FILE, "%s: longer than %zu bytes", name, max_bytes);
    }
}

/* A new file with the mode of the one that it will replace, or else that of any new file, or a
 * private one. Negative if there is none. */
static int create_beside(const char *path, bool private, struct buffer *name)
{
    enum { TRIES = 100 };
    struct stat old;
    int fd = -1;
    for (int i = 0; fd < 0 && i < TRIES && (i == 0 || errno == EEXIST); i++) {
        buffer_clear(name);
        buffer_format(name, "%s.%llx", path, (unsigned long long)(clock_ns() ^ (uint64_t)getpid()));
        if (name->failed) return -1;
        fd = open(name->data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, private ? 0600 : 0666);
    }
    if (fd >= 0 && !private && lstat(path, &old) == 0 && S_ISREG(old.st_mode))
        fchmod(fd, old.st_mode & 0777);
    return fd;
}

static bool write_all(int fd, const char *data, size_t n_bytes)
{
    while (n_bytes > 0) {
        ssize_t n = write(fd, data, n_bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        data += n;
        n_bytes -= (size_t)n;
    }
    return true;
}

/* File systems without a drive: tmpfs, ramfs, hugetlbfs. Holes take nothing. */
static size_t held_bytes(int fd, const struct stat *info)
{
#ifdef __linux__
    static const uint32_t kinds[] = {0x01021994, 0x858458f6, 0x958458f6};
    size_t n_bytes = (size_t)info->st_size, n_allocated = (size_t)info->st_blocks * 512;
    struct statfs system;
    if (fstatfs(fd, &system) != 0) return 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if ((uint32_t)system.f_type == kinds[i])
            return n_allocated < n_bytes ? n_allocated : n_bytes;
#else
    (void)fd, (void)info;
#endif
    return 0;
}

static size_t part_end(const struct file_map *map, size_t offset, size_t n_bytes)
{
    size_t left = offset < map->n_bytes ? map->n_bytes - offset : 0;
    return offset + (n_bytes < left ? n_bytes : left);
}
