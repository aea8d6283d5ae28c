/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/secret_file.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum bg_status check_rights(int fd, const char *path, struct bg_error *error)
{
    struct stat about;
    if (fstat(fd, &about) != 0)
        return bg_fail(error, BG_IO, "%s: %s", path, strerror(errno));
    if (!S_ISREG(about.st_mode))
        return bg_fail(error, BG_IO, "%s: not a regular file", path);
    if (about.st_mode & (S_IRWXG | S_IRWXO))
        return bg_fail(error, BG_PERMISSION, "%s: others may use this secret (mode %03o); run: chmod 600 %s",
                       path, (unsigned)about.st_mode & 0777u, path);
    return BG_OK;
}

static enum bg_status read_all(int fd, const char *path, struct bg_error *error, uint8_t *ret_bytes,
                               size_t capacity, size_t *ret_size)
{
    size_t size = 0;
    while (size < capacity) {
        ssize_t got = read(fd, ret_bytes + size, capacity - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return bg_fail(error, BG_IO, "%s: %s", path, strerror(errno));
        if (got == 0)
            break;
        size += (size_t)got;
    }
    *ret_size = size;
    return BG_OK;
}

enum bg_status bg_secret_file_read(const char *path, struct bg_error *error, uint8_t *ret_bytes,
                                   size_t capacity, size_t *ret_size)
{
    /* O_NONBLOCK: a FIFO must not hang the program before check_rights refuses it. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return bg_fail(error, errno == ENOENT ? BG_NOT_FOUND : BG_IO, "%s: %s", path, strerror(errno));
    enum bg_status status = check_rights(fd, path, error);
    if (!status)
        status = read_all(fd, path, error, ret_bytes, capacity, ret_size);
    close(fd);
    return status;
}

enum bg_status bg_secret_file_write(const char *path, struct bg_span content, struct bg_error *error)
{
    struct stat about;
    if (lstat(path, &about) == 0)
        return bg_fail(error, BG_INVALID, "%s: exists already; a secret is never overwritten, "
                       "move it away first", path);
    return bg_file_write(path, content, 0600, error);
}
