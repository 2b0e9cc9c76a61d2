#include "hub/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"

enum {
    OPEN_FOLDERS = 16,   /* descriptors that removing a tree may use */
    STALE_S = 24 * 3600, /* an unfinished folder this old was left by a process that died */
};

static const char unfinished[] = ".new-";

static void remove_stale(const char *parent);

bool cache_default(struct buffer *path)
{
    struct utsname system;
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (cache && cache[0] == '/')
        buffer_format(path, "%s/heft", cache);
    else if (!home || home[0] != '/')
        return false;
    else if (uname(&system) == 0 && strcmp(system.sysname, "Darwin") == 0)
        buffer_format(path, "%s/Library/Caches/heft", home);
    else
        buffer_format(path, "%s/.cache/heft", home);
    return !path->failed;
}

heft_status cache_make_folder(const char *path, heft_error *error)
{
    char *copy = strdup(path);
    if (!copy) return error_set(error, HEFT_INTERNAL, "%s: no memory to make it", path);
    bool made = true;
    for (char *c = copy + 1; made; c++) {
        if (*c != '/' && *c) continue;
        char end = *c;
        *c = 0;
        made = mkdir(copy, 0777) == 0 || errno == EEXIST || errno == EISDIR;
        *c = end;
        if (!end) break;
    }
    int reason = errno;
    free(copy);
    if (made) return HEFT_OK;
    return error_set(error, HEFT_USAGE, "%s: the folder cannot be made: %s", path,
                     strerror(reason));
}

heft_status cache_begin(const char *parent, struct buffer *out, heft_error *error)
{
    heft_status status = cache_make_folder(parent, error);
    if (status != HEFT_OK) return status;
    remove_stale(parent);
    buffer_clear(out);
    buffer_format(out, "%s/%sXXXXXX", parent, unfinished);
    if (out->failed) return error_set(error, HEFT_INTERNAL, "%s: no memory", parent);
    if (mkdtemp(out->data)) return HEFT_OK;
    status = error_set(error, HEFT_USAGE, "%s: no folder can be made in it: %s", parent,
                       strerror(errno));
    buffer_clear(out);
    return status;
}

heft_status cache_finish(const char *folder, const char *final, bool *taken, heft_error *error)
{
    bool finished = rename(folder, final) == 0;
    *taken = !finished && (errno == EEXIST || errno == ENOTEMPTY);
    if (finished || *taken) return HEFT_OK;
    return error_set(error, HEFT_USAGE, "%s: cannot be written: %s", final, strerror(errno));
}

void cache_retire(const char *final)
{
    struct buffer away = {0};
    int n_parent = (int)(strrchr(final, '/') - final);
    buffer_format(&away, "%.*s/%sXXXXXX", n_parent, final, unfinished);
    if (!away.failed && mkdtemp(away.data)) {
        rename(final, away.data); /* over a folder that is empty */
        cache_abandon(away.data);
    }
    buffer_free(&away);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info, (void)kind, (void)place;
    remove(path);
    return 0;
}

void cache_abandon(const char *folder)
{
    nftw(folder, remove_one, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS);
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

static heft_status write_file(const char *path, const void *data, size_t n_bytes, uint64_t length,
                              heft_error *error)
{
    if (length > INT64_MAX)
        return error_set(error, HEFT_BAD_FILE, "%s: %llu bytes are more than a file can have", path,
                         (unsigned long long)length);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    bool good = fd >= 0 && write_all(fd, data, n_bytes) && ftruncate(fd, (off_t)length) == 0;
    int reason = errno;
    if (fd >= 0 && close(fd) != 0 && good) {
        good = false;
        reason = errno;
    }
    return good ? HEFT_OK
                : error_set(error, HEFT_USAGE, "%s: cannot be written: %s", path, strerror(reason));
}

heft_status cache_write(const char *folder, const char *path, const void *data, size_t n_bytes,
                        uint64_t length, heft_error *error)
{
    struct buffer full = {0};
    buffer_format(&full, "%s/%s", folder, path);
    if (full.failed) return error_set(error, HEFT_INTERNAL, "%s: no memory to write it", path);
    char *slash = strrchr(full.data, '/');
    *slash = 0;
    heft_status status = cache_make_folder(full.data, error);
    *slash = '/';
    if (status == HEFT_OK) status = write_file(full.data, data, n_bytes, length, error);
    buffer_free(&full);
    return status;
}

/* ---- what processes left that died ---- */

static void remove_stale(const char *parent)
{
    DIR *folder = opendir(parent);
    if (!folder) return;
    for (const struct dirent *entry; (entry = readdir(folder));) {
        struct buffer path = {0};
        struct stat info;
        buffer_format(&path, "%s/%s", parent, entry->d_name);
        bool ours = strncmp(entry->d_name, unfinished, sizeof unfinished - 1) == 0;
        if (ours && !path.failed && lstat(path.data, &info) == 0 &&
            time(NULL) - info.st_mtime > STALE_S)
            cache_abandon(path.data);
        buffer_free(&path);
    }
    closedir(folder);
}
