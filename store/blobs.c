/* SPDX-License-Identifier: Apache-2.0 */
#include "store/blobs.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_BYTES (2 * BG_DIGEST_BYTES + 1)

struct bg_blobs {
    bg_blob_digest *digest;
    char path[PATH_MAX - 256];
    bool unsynced;
};

struct blob_path {
    char text[PATH_MAX];
};

static enum bg_status fail_errno(struct bg_error *error, const char *path, const char *verb)
{
    int number = errno;
    char text[128];
    if (number == ENOSPC || number == EDQUOT || number == EFBIG)
        return bg_fail(error, BG_IO, "%s: no space left: make room on its disk; nothing was acknowledged", path);
    return bg_fail(error, number == ENOENT ? BG_NOT_FOUND : number == ENOMEM ? BG_NO_MEMORY : BG_IO,
                   "%s: cannot %s: %s", path, verb, strerror_r(number, text, sizeof text));
}

static struct blob_path path_of(const struct bg_blobs *blobs, const char *name)
{
    struct blob_path path;
    snprintf(path.text, sizeof path.text, "%s/%s", blobs->path, name);
    return path;
}

static struct blob_path blob_path(const struct bg_blobs *blobs, const struct bg_digest *name)
{
    char hex[NAME_BYTES];
    bg_digest_to_hex(name, hex);
    return path_of(blobs, hex);
}

/* BG_OK where it is there. */
static enum bg_status make_folder(const char *path, bool *made, struct bg_error *error)
{
    if (mkdir(path, 0700) == 0)
        *made = true;
    else if (errno != EEXIST)
        return fail_errno(error, path, "make the folder");
    return BG_OK;
}

static enum bg_status sync_folder(const char *path, struct bg_error *error)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(error, path, "make durable");
    bool good = fsync(fd) == 0 || errno == EINVAL; /* some file systems cannot sync a folder */
    int number = errno;
    close(fd);
    errno = number;
    return good ? BG_OK : fail_errno(error, path, "make durable");
}

enum bg_status bg_blobs_open(const char *folder, const char *name, bg_blob_digest *digest, struct bg_error *error,
                             struct bg_blobs **ret_blobs)
{
    struct bg_blobs *blobs = calloc(1, sizeof *blobs);
    bool made = false;
    if (!blobs)
        return bg_fail(error, BG_NO_MEMORY, "%s: out of memory", folder);
    blobs->digest = digest;
    int length = snprintf(blobs->path, sizeof blobs->path, "%s/%s", folder, name);
    enum bg_status status = length < (int)sizeof blobs->path
                                ? make_folder(blobs->path, &made, error)
                                : bg_fail(error, BG_INVALID, "path of %zu bytes is too long", strlen(folder));
    if (status == BG_OK && made)
        status = sync_folder(folder, error);
    if (status != BG_OK) {
        free(blobs);
        return status;
    }
    *ret_blobs = blobs;
    return BG_OK;
}

void bg_blobs_close(struct bg_blobs **blobs)
{
    free(*blobs);
    *blobs = NULL;
}

/* ---- writing ---- */

enum bg_status bg_blobs_write(struct bg_blobs *blobs, const struct bg_digest *name, struct bg_span content,
                              struct bg_error *error)
{
    struct blob_path path = blob_path(blobs, name);
    return bg_file_write(path.text, content, 0600, error);
}

enum bg_status bg_blobs_put(struct bg_blobs *blobs, struct bg_span content, struct bg_error *error,
                            struct bg_digest *ret_digest)
{
    struct bg_digest name;
    blobs->digest(content, &name);
    struct blob_path path = blob_path(blobs, &name);
    enum bg_status status = access(path.text, F_OK) == 0 ? BG_OK : bg_blobs_write(blobs, &name, content, error);
    if (status == BG_OK)
        *ret_digest = name;
    return status;
}

/* A link never replaces, so what is there is replaced by a rename. */
enum bg_status bg_blobs_adopt(struct bg_blobs *blobs, const struct bg_digest *name, const char *file,
                              struct bg_error *error)
{
    struct blob_path path = blob_path(blobs, name), temporary = path_of(blobs, "adopted");
    blobs->unsynced = true;
    if (link(file, path.text) == 0)
        return BG_OK;
    if (errno == EEXIST) {
        unlink(temporary.text);
        if (link(file, temporary.text) == 0 && rename(temporary.text, path.text) == 0) {
            unlink(temporary.text); /* a rename between two names of one file leaves both */
            return BG_OK;
        }
    }
    return fail_errno(error, path.text, "take over the file");
}

enum bg_status bg_blobs_sync(struct bg_blobs *blobs, struct bg_error *error)
{
    enum bg_status status = blobs->unsynced ? sync_folder(blobs->path, error) : BG_OK;
    blobs->unsynced = status != BG_OK;
    return status;
}

/* ---- reading ---- */

bool bg_blobs_set_aside(struct bg_blobs *blobs, const struct bg_digest *name)
{
    char there[sizeof "damaged/" + NAME_BYTES] = "damaged/";
    struct blob_path from = blob_path(blobs, name), folder = path_of(blobs, "damaged");
    bool made = false;
    bg_digest_to_hex(name, there + strlen(there));
    struct blob_path to = path_of(blobs, there);
    return make_folder(folder.text, &made, NULL) == BG_OK && rename(from.text, to.text) == 0;
}

static enum bg_status map_file(const char *path, struct bg_error *error, struct bg_mapping *ret_mapping)
{
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(error, path, "open");
    void *bytes = MAP_FAILED;
    bool empty = false;
    if (fstat(fd, &about) == 0) {
        empty = about.st_size == 0;
        if (!empty)
            bytes = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    }
    enum bg_status status = empty || bytes != MAP_FAILED ? BG_OK : fail_errno(error, path, "map");
    close(fd);
    if (status == BG_OK)
        *ret_mapping = empty ? (struct bg_mapping){{NULL, 0}} : (struct bg_mapping){{bytes, (size_t)about.st_size}};
    return status;
}

enum bg_status bg_blobs_map(struct bg_blobs *blobs, const struct bg_digest *name, bool whole, struct bg_error *error,
                            struct bg_mapping *ret_mapping)
{
    struct blob_path path = blob_path(blobs, name);
    struct bg_mapping mapping;
    struct bg_digest digest;
    enum bg_status status = map_file(path.text, error, &mapping);
    if (status != BG_OK)
        return status;
    if (whole)
        blobs->digest(mapping.bytes, &digest);
    if (whole && !bg_digest_equal(&digest, name)) {
        bg_mapping_finish(&mapping);
        bool aside = bg_blobs_set_aside(blobs, name);
        return bg_fail(error, BG_BAD_DIGEST, "%s: damaged, its content is not what it is named after%s: restore it "
                                             "from a backup", path.text,
                       aside ? "; it is in the folder \"damaged\" now" : "");
    }
    *ret_mapping = mapping;
    return BG_OK;
}

void bg_mapping_finish(struct bg_mapping *mapping)
{
    if (mapping->bytes.size)
        munmap((void *)mapping->bytes.data, mapping->bytes.size);
    *mapping = (struct bg_mapping){{NULL, 0}};
}

/* ---- removing ---- */

void bg_blobs_remove(struct bg_blobs *blobs, const struct bg_digest *name)
{
    struct blob_path path = blob_path(blobs, name);
    unlink(path.text);
}

enum bg_status bg_blobs_sweep(struct bg_blobs *blobs, bool (*wanted)(void *context, const struct bg_digest *name),
                              void *context, struct bg_error *error, size_t *ret_removed)
{
    size_t removed = 0;
    DIR *folder = opendir(blobs->path);
    if (!folder)
        return fail_errno(error, blobs->path, "read");
    enum bg_status status = BG_OK;
    for (const struct dirent *entry = readdir(folder); status == BG_OK && entry; entry = readdir(folder)) {
        struct bg_digest name;
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, "damaged") == 0)
            continue;
        if (bg_digest_from_hex(entry->d_name, &name) == BG_OK && wanted(context, &name))
            continue;
        if (unlinkat(dirfd(folder), entry->d_name, 0) != 0 && errno != ENOENT)
            status = fail_errno(error, blobs->path, "sweep");
        else
            removed++;
    }
    closedir(folder);
    if (status == BG_OK)
        *ret_removed = removed;
    return status;
}
