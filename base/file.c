/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK 4096
#define TEMPORARY ".new-" /* in the name of a temporary file, between that of the file and what is drawn */
#define DRAWN "XXXXXX"

static enum bg_status fail_errno(struct bg_error *error, const char *path, const char *verb)
{
    int number = errno;
    char text[128];
    const char *reason = strerror_r(number, text, sizeof text);
    return bg_fail(error, number == ENOENT || number == ENOTDIR ? BG_NOT_FOUND : BG_IO, "%s: cannot %s: %s", path,
                   verb, reason);
}

static ssize_t read_some(int fd, uint8_t *data, size_t size)
{
    ssize_t got;
    do
        got = read(fd, data, size);
    while (got < 0 && errno == EINTR);
    return got;
}

static enum bg_status read_all(int fd, const char *path, size_t limit, struct bg_error *error,
                               struct bg_writer *w)
{
    struct stat about;
    if (fstat(fd, &about) != 0)
        return fail_errno(error, path, "read");
    if (S_ISREG(about.st_mode) && (uintmax_t)about.st_size > limit)
        return bg_fail(error, BG_TOO_LARGE, "%s: %jd bytes, the limit is %zu", path, (intmax_t)about.st_size, limit);
    size_t step = S_ISREG(about.st_mode) && about.st_size >= BLOCK ? (size_t)about.st_size + 1 : BLOCK;
    for (;;) {
        uint8_t *data = bg_write_reserve(w, step);
        if (!data)
            return bg_fail(error, BG_NO_MEMORY, "%s: out of memory", path);
        ssize_t got = read_some(fd, data, step);
        if (got < 0)
            return fail_errno(error, path, "read");
        w->size -= step - (size_t)got;
        if (w->size > limit)
            return bg_fail(error, BG_TOO_LARGE, "%s: more than %zu bytes", path, limit);
        if (got == 0)
            return BG_OK; /* what was reserved past the end is zero */
        step = BLOCK;
    }
}

enum bg_status bg_file_read(const char *path, size_t limit, struct bg_error *error, uint8_t **ret_data,
                            size_t *ret_size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(error, path, "open");
    struct bg_writer w;
    bg_writer_init(&w);
    enum bg_status status = read_all(fd, path, limit, error, &w);
    close(fd);
    if (status != BG_OK) {
        bg_writer_finish(&w);
        return status;
    }
    *ret_data = w.data;
    *ret_size = w.size;
    return BG_OK;
}

static bool write_all(int fd, struct bg_span content)
{
    while (content.size > 0) {
        ssize_t written = write(fd, content.data, content.size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        content.data += written;
        content.size -= (size_t)written;
    }
    return true;
}

/* A rename is durable once the folder's own entries are. */
static bool sync_folder_of(const char *path)
{
    char copy[PATH_MAX];
    strcpy(copy, path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool good = fsync(fd) == 0 || errno == EINVAL; /* some filesystems cannot sync a folder */
    int number = errno;
    close(fd);
    errno = number;
    return good;
}

enum bg_status bg_file_write(const char *path, struct bg_span content, unsigned mode, struct bg_error *error)
{
    char temporary[PATH_MAX];
    int length = snprintf(temporary, sizeof temporary, "%s" TEMPORARY DRAWN, path);
    if (length < 0 || (size_t)length >= sizeof temporary)
        return bg_fail(error, BG_INVALID, "path of %zu bytes is too long", strlen(path));
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return fail_errno(error, path, "write");
    bool good = fchmod(fd, mode) == 0 && write_all(fd, content) && fsync(fd) == 0;
    int number = errno;
    if (close(fd) != 0 && good) {
        number = errno;
        good = false;
    }
    if (good && rename(temporary, path) == 0) {
        if (sync_folder_of(path))
            return BG_OK;
        return fail_errno(error, path, "make durable");
    }
    number = good ? errno : number;
    unlink(temporary);
    errno = number;
    return fail_errno(error, path, "write");
}

void bg_file_sweep(const char *path)
{
    char copy[PATH_MAX];
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t size = strlen(name), added = strlen(TEMPORARY), drawn = strlen(DRAWN);
    if (strlen(path) >= sizeof copy)
        return;
    strcpy(copy, path);
    DIR *folder = opendir(dirname(copy));
    if (!folder)
        return;
    for (const struct dirent *entry; (entry = readdir(folder));)
        if (strlen(entry->d_name) == size + added + drawn && strncmp(entry->d_name, name, size) == 0 &&
            strncmp(entry->d_name + size, TEMPORARY, added) == 0)
            unlinkat(dirfd(folder), entry->d_name, 0);
    closedir(folder);
}

enum bg_status bg_file_check_place(const char *path, struct bg_error *error)
{
    char copy[PATH_MAX];
    struct stat about;
    int length = snprintf(copy, sizeof copy, "%s", path);
    if (length < 0 || (size_t)length >= sizeof copy)
        return bg_fail(error, BG_INVALID, "path of %zu bytes is too long", strlen(path));
    if (stat(path, &about) == 0 && S_ISDIR(about.st_mode)) {
        errno = EISDIR;
        return fail_errno(error, path, "write");
    }
    return access(dirname(copy), W_OK | X_OK) == 0 ? BG_OK : fail_errno(error, path, "write");
}
