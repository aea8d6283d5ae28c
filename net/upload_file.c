/* SPDX-License-Identifier: Apache-2.0 */
#include "net/upload_file.h"

#include "base/clock.h"
#include "net/https_transport.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define OWNER_DIGITS (2 * (size_t)BG_DIGEST_BYTES)
#define PATH_BYTES 4096

struct mapping {
    struct bg_held_bytes held; /* first */
    void *bytes;
    size_t size;
    char path[];
};

bool bg_upload_key_is_good(const char *key)
{
    return strlen(key) == BG_UPLOAD_KEY_DIGITS && strspn(key, "0123456789abcdef") == BG_UPLOAD_KEY_DIGITS;
}

void bg_upload_key_draw(char ret_key[static BG_UPLOAD_KEY_DIGITS + 1])
{
    uint64_t number = 0;
    if (getrandom(&number, sizeof number, 0) != sizeof number)
        number = bg_clock_monotonic_ns();
    snprintf(ret_key, BG_UPLOAD_KEY_DIGITS + 1, "%016" PRIx64, number);
}

void bg_upload_name_write(const struct bg_upload_name *name, char ret_text[static BG_UPLOAD_NAME_BYTES])
{
    char owner[OWNER_DIGITS + 1];
    bg_digest_to_hex(&name->owner, owner);
    snprintf(ret_text, BG_UPLOAD_NAME_BYTES, "%s-%s-%" PRIu64, owner, name->key, name->size);
}

bool bg_upload_name_read(const char *text, struct bg_upload_name *ret_name)
{
    char owner[OWNER_DIGITS + 1], again[BG_UPLOAD_NAME_BYTES];
    const char *size = text + OWNER_DIGITS + 1 + BG_UPLOAD_KEY_DIGITS + 1;
    if (strlen(text) >= BG_UPLOAD_NAME_BYTES || strlen(text) <= (size_t)(size - text))
        return false;
    memcpy(owner, text, OWNER_DIGITS);
    owner[OWNER_DIGITS] = '\0';
    memcpy(ret_name->key, text + OWNER_DIGITS + 1, BG_UPLOAD_KEY_DIGITS);
    ret_name->key[BG_UPLOAD_KEY_DIGITS] = '\0';
    if (bg_digest_from_hex(owner, &ret_name->owner) != BG_OK || !bg_upload_key_is_good(ret_name->key) ||
        !bg_upload_read_number(size, &ret_name->size) || ret_name->size == 0)
        return false;
    bg_upload_name_write(ret_name, again);
    return strcmp(text, again) == 0;
}

/* False: too long. */
static bool write_path(const char *folder, const struct bg_upload_name *name, char ret_path[static PATH_BYTES])
{
    char text[BG_UPLOAD_NAME_BYTES];
    bg_upload_name_write(name, text);
    int size = snprintf(ret_path, PATH_BYTES, "%s/%s", folder, text);
    return size > 0 && size < PATH_BYTES;
}

static enum bg_status fail(struct bg_error *error, const char *folder)
{
    return bg_fail(error, BG_IO, "%s: the folder of uploads cannot be used: %s", folder, strerror(errno));
}

enum bg_status bg_upload_files_each(const char *folder,
                                    enum bg_status (*found)(void *context, const struct bg_upload_name *name,
                                                            uint64_t bytes),
                                    void *context, struct bg_error *error)
{
    enum bg_status status = BG_OK;
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return fail(error, folder);
    if (access(folder, R_OK | W_OK | X_OK) != 0)
        return fail(error, folder);
    DIR *entries = opendir(folder);
    if (!entries)
        return fail(error, folder);
    const struct dirent *entry;
    while (status == BG_OK && (entry = readdir(entries))) {
        struct bg_upload_name name;
        struct stat facts;
        if (bg_upload_name_read(entry->d_name, &name) && fstatat(dirfd(entries), entry->d_name, &facts, 0) == 0 &&
            S_ISREG(facts.st_mode))
            status = found(context, &name, (uint64_t)facts.st_size);
    }
    closedir(entries);
    return status == BG_OK ? BG_OK : bg_fail(error, status, "%s: %s", folder, bg_status_text(status));
}

enum bg_status bg_upload_file_open(const char *folder, const struct bg_upload_name *name, bool anew, int *ret_file)
{
    char path[PATH_BYTES];
    if (!write_path(folder, name, path))
        return BG_IO;
    /* What the old one has may be what a role keeps under another name. */
    if (anew)
        unlink(path);
    int file = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | (anew ? O_CREAT | O_EXCL : 0), 0600);
    if (file < 0)
        return BG_IO;
    *ret_file = file;
    return BG_OK;
}

void bg_upload_file_remove(const char *folder, const struct bg_upload_name *name)
{
    char path[PATH_BYTES];
    if (write_path(folder, name, path))
        unlink(path);
}

static void finish_mapping(struct bg_held_bytes *held)
{
    struct mapping *mapping = (struct mapping *)held;
    munmap(mapping->bytes, mapping->size);
    free(mapping);
}

enum bg_status bg_upload_file_map(const char *folder, const struct bg_upload_name *name, struct bg_span *ret_bytes,
                                  struct bg_held_bytes **ret_held)
{
    char path[PATH_BYTES];
    struct stat facts;
    enum bg_status status = BG_IO;
    void *bytes = MAP_FAILED;
    int file = write_path(folder, name, path) ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (file < 0)
        return BG_IO;
    struct mapping *mapping = malloc(sizeof *mapping + strlen(path) + 1);
    if (fstat(file, &facts) != 0 || (uint64_t)facts.st_size != name->size || name->size > SIZE_MAX)
        goto out;
    status = BG_NO_MEMORY;
    if (!mapping)
        goto out;
    bytes = mmap(NULL, (size_t)name->size, PROT_READ, MAP_PRIVATE, file, 0);
out:
    close(file);
    if (bytes == MAP_FAILED) {
        free(mapping);
        return status;
    }
    *mapping = (struct mapping){
        .held = {.holders = 1, .finish = finish_mapping}, .bytes = bytes, .size = (size_t)name->size};
    memcpy(mapping->path, path, strlen(path) + 1);
    *ret_bytes = (struct bg_span){bytes, mapping->size};
    *ret_held = &mapping->held;
    return BG_OK;
}

const char *bg_https_upload_file(const struct bg_held_bytes *held)
{
    return held && held->finish == finish_mapping ? ((const struct mapping *)held)->path : NULL;
}
