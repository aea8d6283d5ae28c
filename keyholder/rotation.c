/* SPDX-License-Identifier: Apache-2.0 */
#include "keyholder/rotation.h"

#include "crypto/key_file.h"
#include "crypto/key_generation.h"
#include "crypto/public_key_file.h"
#include "keyholder/folder.h"
#include "keyholder/state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct paths {
    char fresh[BG_FOLDER_PATH_BYTES], secret[BG_FOLDER_PATH_BYTES], public[BG_FOLDER_PATH_BYTES];
};

static enum bg_status find_paths(const char *folder, struct bg_error *error, struct paths *ret)
{
    enum bg_status status = bg_folder_path(folder, "secret.key.new", error, ret->fresh);
    if (status == BG_OK)
        status = bg_folder_path(folder, "secret.key", error, ret->secret);
    return status == BG_OK ? bg_folder_path(folder, "public.key", error, ret->public) : status;
}

struct last_rotation {
    bool any;
    struct bg_digest key_id;
};

static enum bg_status note_rotation(void *context, uint32_t kind, struct bg_span entry, struct bg_error *error)
{
    struct last_rotation *last = context;
    (void)error;
    if (kind != BG_KEYHOLDER_ENTRY_ROTATION || entry.size != BG_DIGEST_BYTES)
        return BG_OK;
    last->any = true;
    memcpy(last->key_id.bytes, entry.data, BG_DIGEST_BYTES);
    return BG_OK;
}

/* The public half first: while there is a fresh secret one, all of it can be done again. */
static enum bg_status replace(const struct paths *paths, const struct bg_secret_key *key, struct bg_error *error)
{
    enum bg_status status = bg_public_key_save(bg_secret_key_public(key), paths->public, error);
    if (status == BG_OK && rename(paths->fresh, paths->secret) != 0)
        status = bg_fail(error, BG_IO, "%s: cannot take the place of secret.key: %s", paths->fresh, strerror(errno));
    return status;
}

enum bg_status bg_rotation_finish(const char *folder, const struct bg_keyholder_config *config,
                                  struct bg_journal *journal, struct bg_error *error)
{
    struct paths paths;
    struct bg_secret_key *key = NULL;
    struct last_rotation last = {0};
    enum bg_status status = find_paths(folder, error, &paths);
    if (status != BG_OK || access(paths.fresh, F_OK) != 0)
        return status;
    status = journal->replay(journal->context, note_rotation, &last, error);
    if (status == BG_OK)
        status = bg_secret_key_load(paths.fresh, (uint32_t)config->key_s, config->insecure_test_key, error, &key);
    if (status == BG_OK && last.any && bg_digest_equal(&last.key_id, bg_public_key_id(bg_secret_key_public(key))))
        status = replace(&paths, key, error);
    bg_secret_key_destroy(&key);
    return status;
}

static enum bg_status keep(const char *folder, const struct bg_keyholder_config *config,
                           const struct bg_digest *key_id, struct bg_error *error)
{
    struct bg_folder *opened = NULL;
    enum bg_status status = bg_folder_open(folder, config, error, &opened);
    if (status == BG_OK)
        status = bg_keyholder_rotate(bg_folder_keyholder(opened), key_id, error);
    bg_folder_close(&opened);
    return status;
}

enum bg_status bg_rotate(const char *folder, const struct bg_keyholder_config *config, struct bg_error *error,
                         struct bg_digest *ret_key_id)
{
    struct paths paths;
    struct bg_secret_key *key = NULL;
    struct bg_random random = bg_random_system();
    struct bg_folder *opened = NULL;
    enum bg_status status = find_paths(folder, error, &paths);
    if (status == BG_OK) /* ends an interrupted one, and finds a program that has the folder, before a key is made */
        status = bg_folder_open(folder, config, error, &opened);
    bool off = status == BG_OK && bg_folder_settings(opened)->encryption == BG_PLAN_OFF;
    bg_folder_close(&opened);
    if (status == BG_OK && off)
        status = bg_fail(error, BG_INVALID, "%s: with encryption off there is no key", folder);
    if (status == BG_OK && unlink(paths.fresh) != 0 && errno != ENOENT)
        status = bg_fail(error, BG_IO, "%s: cannot be removed: %s", paths.fresh, strerror(errno));
    if (status == BG_OK)
        status = bg_secret_key_generate((uint32_t)config->key_bits, (uint32_t)config->key_s,
                                        config->insecure_test_key, &random, error, &key);
    if (status == BG_OK)
        status = bg_secret_key_save(key, paths.fresh, error);
    if (status == BG_OK)
        status = keep(folder, config, bg_public_key_id(bg_secret_key_public(key)), error);
    if (status == BG_OK)
        status = replace(&paths, key, error);
    if (status == BG_OK)
        *ret_key_id = *bg_public_key_id(bg_secret_key_public(key));
    bg_secret_key_destroy(&key);
    return status;
}
