/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/key_file.h"

#include "base/file.h"
#include "crypto/key_frame.h"
#include "crypto/secret_parts.h"
#include "crypto/wipe.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The rights are those of the open file, so that nobody can swap it between check and read. */
static enum bg_status check_rights(int fd, const char *path, struct bg_error *error)
{
    struct stat info;

    if (fstat(fd, &info) != 0)
        return bg_fail(error, BG_IO, "%s: %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return bg_fail(error, BG_IO, "%s: not a regular file", path);
    if (info.st_mode & (S_IRWXG | S_IRWXO))
        return bg_fail(error, BG_PERMISSION,
                       "%s: others may use this secret key (mode %03o); run: chmod 600 %s", path,
                       (unsigned)info.st_mode & 0777u, path);
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

enum bg_status bg_secret_key_load(const char *path, uint32_t s, bool allow_insecure, struct bg_error *error,
                                  struct bg_secret_key **ret_key)
{
    uint8_t bytes[BG_KEY_FRAME_MOST_BYTES + 1]; /* a full buffer has bytes left over */
    size_t size = 0;
    struct bg_key_frame frame;

    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return bg_fail(error, errno == ENOENT ? BG_NOT_FOUND : BG_IO, "%s: %s", path, strerror(errno));
    enum bg_status status = check_rights(fd, path, error);
    if (status == BG_OK)
        status = read_all(fd, path, error, bytes, sizeof bytes, &size);
    close(fd);
    if (status == BG_OK)
        status = bg_key_frame_read((struct bg_span){bytes, size}, BG_KEY_FRAME_SECRET, path, error, &frame);
    if (status == BG_OK) {
        size_t half = frame.body.size / 2;
        struct bg_span p = {frame.body.data, half}, q = {frame.body.data + half, half};
        status = bg_secret_key_create(p, q, frame.bits, s, allow_insecure, error, ret_key);
        if (status != BG_OK)
            status = bg_fail_in(error, status, "%s", path);
    }
    bg_wipe(bytes, sizeof bytes);
    return status;
}

enum bg_status bg_secret_key_save(const struct bg_secret_key *key, const char *path, struct bg_error *error)
{
    uint32_t bits = bg_public_key_bits(key->public_key);
    uint8_t body[BG_KEY_MOST_BYTES], bytes[BG_KEY_FRAME_MOST_BYTES];
    struct stat info;

    if (lstat(path, &info) == 0)
        return bg_fail(error, BG_INVALID,
                       "%s: exists already; a secret key is never overwritten, move it away first", path);
    bg_big_to_bytes(key->p.prime, body, bits / 16);
    bg_big_to_bytes(key->q.prime, body + bits / 16, bits / 16);
    size_t size = bg_key_frame_write(BG_KEY_FRAME_SECRET, bits, (struct bg_span){body, bits / 8}, bytes);
    enum bg_status status = bg_file_write(path, (struct bg_span){bytes, size}, 0600, error);
    bg_wipe(body, sizeof body);
    bg_wipe(bytes, sizeof bytes);
    return status;
}
