/* SPDX-License-Identifier: Apache-2.0 */
#include "client/device_data.h"

#include "crypto/digest.h"

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

#define DEEPEST 3 /* folders below data.dir that are looked into */

/* ---- what it is made of ---- */

static void hash_text(struct bg_sha256_state *state, const char *text)
{
    bg_sha256_update(state, (struct bg_span){(const uint8_t *)text, strlen(text) + 1});
}

/* Names, sizes and times of a file or of all files in a folder, in whichever order the folder has them. */
static void hash_files(const char *path, unsigned depth, struct bg_digest *sum)
{
    struct stat about;
    struct bg_sha256_state state;
    struct bg_digest digest;
    if (stat(path, &about) != 0)
        return;
    const int64_t facts[] = {about.st_size, about.st_mtim.tv_sec, about.st_mtim.tv_nsec, (int64_t)about.st_ino};
    bg_sha256_init(&state);
    hash_text(&state, path);
    bg_sha256_update(&state, (struct bg_span){(const uint8_t *)facts, sizeof facts});
    bg_sha256_finish(&state, &digest);
    for (size_t i = 0; i < BG_DIGEST_BYTES; i++)
        sum->bytes[i] ^= digest.bytes[i];
    DIR *folder = S_ISDIR(about.st_mode) && depth < DEEPEST ? opendir(path) : NULL;
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        char inner[PATH_MAX];
        int length = snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.' && length > 0 && (size_t)length < sizeof inner)
            hash_files(inner, depth + 1, sum);
    }
    if (folder)
        closedir(folder);
}

static struct bg_digest ingredients(const struct bg_device_data *data, const struct bg_root_part *plan)
{
    struct bg_sha256_state state;
    struct bg_digest files = {{0}}, digest;
    const char *const *places[] = {&data->settings.path, &data->settings.schema, &data->settings.label_map};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (*places[i] && (*places[i])[0])
            hash_files(*places[i], 0, &files);
    bg_sha256_init(&state);
    bg_sha256_update(&state, (struct bg_span){files.bytes, sizeof files.bytes});
    hash_text(&state, plan->label_map);
    for (size_t i = 0; i < plan->feature_count; i++)
        hash_text(&state, plan->features[i]);
    for (size_t i = 0; i < plan->class_count; i++)
        hash_text(&state, plan->classes[i]);
    bg_sha256_finish(&state, &digest);
    return digest;
}

/* ---- the file ---- */

static bool write_all(int file, const void *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t written = write(file, (const char *)bytes + done, size - done);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        done += (size_t)written;
    }
    return true;
}

static size_t features_bytes(const struct bg_device_data *data)
{
    return data->rows * data->columns * sizeof(float);
}

static size_t file_bytes(const struct bg_device_data *data)
{
    return features_bytes(data) + data->rows * sizeof(uint16_t);
}

static void forget(struct bg_device_data *data)
{
    if (data->file >= 0)
        close(data->file);
    data->file = -1;
}

/* Unlinked at once: it ends with the process. */
static enum bg_status write_file(struct bg_device_data *data, const struct bg_examples *examples,
                                 struct bg_error *error)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/client.data.XXXXXX", data->folder);
    data->rows = examples->count;
    data->columns = examples->columns;
    data->classes = examples->classes;
    data->file = length > 0 && (size_t)length < sizeof path ? mkostemp(path, O_CLOEXEC) : -1;
    if (data->file < 0)
        return bg_fail(error, BG_IO, "%s: cannot make a file for the data: %s", data->folder, strerror(errno));
    unlink(path);
    if (write_all(data->file, examples->features, features_bytes(data)) &&
        write_all(data->file, examples->labels, data->rows * sizeof *examples->labels))
        return BG_OK;
    int number = errno;
    forget(data);
    return bg_fail(error, BG_IO, "%s: cannot write the file for the data: %s", data->folder, strerror(number));
}

static enum bg_status make_file(struct bg_device_data *data, const struct bg_root_part *plan,
                                const struct bg_model_card *card, struct bg_error *error)
{
    struct bg_local_data local;
    enum bg_status status = bg_local_data_open(&data->settings, plan, card, error, &local);
    if (status != BG_OK)
        return status;
    status = write_file(data, &local.examples, error);
    bg_local_data_finish(&local);
    return status;
}

static enum bg_status map_file(struct bg_device_data *data, struct bg_error *error, struct bg_examples *ret_examples)
{
    void *bytes = mmap(NULL, file_bytes(data), PROT_READ, MAP_PRIVATE, data->file, 0);
    if (bytes == MAP_FAILED)
        return bg_fail(error, BG_NO_MEMORY, "%s: cannot map the file for the data: %s", data->folder, strerror(errno));
    data->mapping = bytes;
    *ret_examples = (struct bg_examples){.features = bytes,
                                         .labels = (const uint16_t *)((const char *)bytes + features_bytes(data)),
                                         .count = data->rows,
                                         .columns = data->columns,
                                         .classes = data->classes};
    return BG_OK;
}

static enum bg_status open_data(struct bg_client_data *client_data, const struct bg_root_part *plan,
                                const struct bg_model_card *card, struct bg_error *error,
                                struct bg_examples *ret_examples)
{
    struct bg_device_data *data = (struct bg_device_data *)client_data;
    struct bg_digest wanted = ingredients(data, plan);
    enum bg_status status = bg_local_data_check_model(plan, card, error);
    if (status != BG_OK)
        return status;
    if (data->file < 0 || !bg_digest_equal(&wanted, &data->made_of)) {
        forget(data);
        status = make_file(data, plan, card, error);
        data->made_of = wanted;
    }
    return status == BG_OK ? map_file(data, error, ret_examples) : status;
}

static void close_data(struct bg_client_data *client_data)
{
    struct bg_device_data *data = (struct bg_device_data *)client_data;
    munmap(data->mapping, file_bytes(data));
    data->mapping = NULL;
}

void bg_device_data_init(struct bg_device_data *data, const char *folder, const struct bg_dataset_settings *settings)
{
    *data = (struct bg_device_data){
        .data = {open_data, close_data}, .folder = folder, .settings = *settings, .file = -1};
}

void bg_device_data_finish(struct bg_device_data *data)
{
    forget(data);
}
