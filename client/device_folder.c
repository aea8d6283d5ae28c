/* SPDX-License-Identifier: Apache-2.0 */
#include "client/device_folder.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct mapping {
    struct bg_held_bytes held;
    void *bytes;
    size_t size;
};

static void unmap(struct bg_held_bytes *held)
{
    struct mapping *mapping = (struct mapping *)((char *)held - offsetof(struct mapping, held));
    munmap(mapping->bytes, mapping->size);
    free(mapping);
}

/* Closes the file. */
static enum bg_status map_file(int file, struct mapping *mapping)
{
    struct stat about;
    void *bytes = MAP_FAILED;
    if (fstat(file, &about) == 0 && about.st_size > 0)
        bytes = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_SHARED, file, 0);
    int number = errno;
    close(file);
    errno = number;
    if (bytes == MAP_FAILED)
        return BG_IO;
    *mapping = (struct mapping){{.holders = 1, .finish = unmap}, bytes, (size_t)about.st_size};
    return BG_OK;
}

enum bg_status bg_device_folder_map(const struct bg_device_folder *folder, struct bg_error *error,
                                    struct bg_spooled *ret_update)
{
    int file = open(folder->update, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return bg_fail(error, errno == ENOENT ? BG_NOT_FOUND : BG_IO, "%s: cannot open: %s", folder->update,
                       strerror(errno));
    struct mapping *mapping = malloc(sizeof *mapping);
    if (!mapping) {
        close(file);
        return bg_fail(error, BG_NO_MEMORY, "%s: out of memory", folder->update);
    }
    if (map_file(file, mapping) != BG_OK) {
        free(mapping);
        return bg_fail(error, BG_IO, "%s: cannot map: %s", folder->update, strerror(errno));
    }
    *ret_update = (struct bg_spooled){{mapping->bytes, mapping->size}, &mapping->held};
    return BG_OK;
}

static struct bg_device_folder *of_memory(struct bg_client_memory *memory)
{
    return (struct bg_device_folder *)((char *)memory - offsetof(struct bg_device_folder, memory));
}

static enum bg_status keep_update(struct bg_client_memory *memory, const struct bg_device_state *state,
                                  struct bg_span frames, struct bg_error *error, struct bg_spooled *ret_spooled)
{
    struct bg_device_folder *folder = of_memory(memory);
    struct bg_spooled spooled;
    if (frames.size > folder->most_bytes)
        return bg_fail(error, BG_TOO_LARGE, "%s: the update of %zu bytes is larger than spool.most_bytes %llu",
                       folder->update, frames.size, (unsigned long long)folder->most_bytes);
    enum bg_status status = bg_file_write(folder->update, frames, 0600, error);
    if (status == BG_OK)
        status = bg_device_folder_map(folder, error, &spooled);
    if (status != BG_OK)
        return status;
    status = bg_device_state_save(state, folder->state, error);
    if (status == BG_OK)
        *ret_spooled = spooled;
    else
        bg_held_release(spooled.held);
    return status;
}

static void release_update(struct bg_client_memory *memory)
{
    unlink(of_memory(memory)->update);
}

static enum bg_status keep_settlement(struct bg_client_memory *memory, const struct bg_device_state *state,
                                      struct bg_error *error)
{
    struct bg_device_folder *folder = of_memory(memory);
    enum bg_status status = bg_device_state_save(state, folder->state, error);
    if (status != BG_OK)
        return status;
    unlink(folder->update);
    return BG_OK;
}

enum bg_status bg_device_folder_open(const char *path, bool make, struct bg_error *error,
                                     struct bg_device_folder *ret_folder)
{
    struct bg_device_folder folder = {.memory = {keep_update, release_update, keep_settlement},
                                      .most_bytes = UINT64_MAX};
    int a = snprintf(folder.state, sizeof folder.state, "%s/client.state", path);
    int b = snprintf(folder.update, sizeof folder.update, "%s/client.update", path);
    if (a < 0 || b < 0 || (size_t)a >= sizeof folder.state || (size_t)b >= sizeof folder.update)
        return bg_fail(error, BG_INVALID, "the path of the state folder is too long");
    if (make && mkdir(path, 0700) != 0 && errno != EEXIST)
        return bg_fail(error, BG_IO, "%s: cannot make the state folder: %s", path, strerror(errno));
    folder.lock = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder.lock < 0)
        return bg_fail(error, errno == ENOENT ? BG_NOT_FOUND : BG_IO, "%s: cannot open the state folder: %s", path,
                       strerror(errno));
    if (flock(folder.lock, LOCK_EX | LOCK_NB) != 0) {
        close(folder.lock);
        return bg_fail(error, BG_BUSY, "%s: another burgee-client works in this folder", path);
    }
    bg_file_sweep(folder.state);
    bg_file_sweep(folder.update);
    *ret_folder = folder;
    return BG_OK;
}

void bg_device_folder_close(struct bg_device_folder *folder)
{
    close(folder->lock);
}

enum bg_status bg_device_folder_load(const struct bg_device_folder *folder, const struct bg_digest *client,
                                     const struct bg_trust *trust, const struct bg_random *random,
                                     struct bg_error *error, struct bg_device_state *ret_state)
{
    struct bg_device_state state;
    enum bg_status status = bg_device_state_load(folder->state, error, &state);
    if (status == BG_NOT_FOUND)
        return bg_device_state_begin(client, trust, random, error, ret_state);
    if (status != BG_OK)
        return status;
    status = bg_device_state_check_owner(&state, client, trust, error);
    if (status != BG_OK) {
        bg_device_state_finish(&state);
        return bg_fail_in(error, status, "%s", folder->state);
    }
    *ret_state = state;
    return BG_OK;
}
