/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/identity_file.h"

#include "base/file.h"
#include "crypto/digest.h"
#include "crypto/secret_file.h"
#include "crypto/wipe.h"

#include <stdlib.h>
#include <unistd.h>

#define VERSION 1
#define MAGIC_BYTES 4
#define HEADER_BYTES 8
#define MOST_BYTES (HEADER_BYTES + BG_PUBLIC_POINT_BYTES + BG_DIGEST_BYTES)

enum kind {
    IDENTITY_SECRET = 1,
    IDENTITY_PUBLIC = BG_POINT_IDENTITY,
    SEALING_SECRET = 3,
    SEALING_PUBLIC = BG_POINT_SEALING,
    KIND_COUNT,
};

static const struct {
    const char *name;
    size_t bytes;
} kinds[KIND_COUNT] = {
    [0] = {"key of an unknown kind", 0},
    [IDENTITY_SECRET] = {"secret identity", BG_SCALAR_BYTES},
    [IDENTITY_PUBLIC] = {"public identity", BG_PUBLIC_POINT_BYTES},
    [SEALING_SECRET] = {"secret sealing key", BG_SCALAR_BYTES},
    [SEALING_PUBLIC] = {"public sealing key", BG_PUBLIC_POINT_BYTES},
};

static size_t file_bytes(enum kind kind)
{
    return HEADER_BYTES + kinds[kind].bytes + BG_DIGEST_BYTES;
}

/* Writes file_bytes(kind). */
static void encode(enum kind kind, const uint8_t *key, uint8_t ret_bytes[static MOST_BYTES])
{
    const uint8_t header[HEADER_BYTES - MAGIC_BYTES] = {VERSION, 0, (uint8_t)kind, 0};
    struct bg_digest digest;
    size_t end = HEADER_BYTES + kinds[kind].bytes;
    memcpy(ret_bytes, BG_POINT_FILE_MAGIC, MAGIC_BYTES);
    memcpy(ret_bytes + MAGIC_BYTES, header, sizeof header);
    memcpy(ret_bytes + HEADER_BYTES, key, kinds[kind].bytes);
    bg_sha256((struct bg_span){ret_bytes, end}, &digest);
    memcpy(ret_bytes + end, digest.bytes, sizeof digest.bytes);
}

/* ret_key is kinds[kind].bytes inside `file`. */
static enum bg_status decode(enum kind kind, struct bg_span file, const char *path, struct bg_error *error,
                             const uint8_t **ret_key)
{
    struct bg_reader r;
    bg_reader_init(&r, file);
    struct bg_span magic = bg_read_span(&r, MAGIC_BYTES);
    unsigned version = bg_read_u16(&r);
    unsigned found = bg_read_u16(&r);
    if (magic.size && memcmp(magic.data, BG_POINT_FILE_MAGIC, MAGIC_BYTES) != 0)
        return bg_fail(error, BG_BAD_MAGIC, "%s: not a burgee identity or sealing key", path);
    if (r.status)
        return bg_fail(error, BG_TRUNCATED, "%s: ends after %zu bytes", path, file.size);
    if (version != VERSION)
        return bg_fail(error, BG_BAD_VERSION, "%s: version %u, only %u is known", path, version, VERSION);
    if (found != kind)
        return bg_fail(error, BG_DECODE, "%s: holds a %s, not a %s", path,
                       kinds[found < KIND_COUNT ? found : 0].name, kinds[kind].name);
    if (file.size != file_bytes(kind))
        return bg_fail(error, file.size < file_bytes(kind) ? BG_TRUNCATED : BG_TOO_LARGE,
                       "%s: a %s has %zu bytes", path, kinds[kind].name, file_bytes(kind));
    struct bg_span key = bg_read_span(&r, kinds[kind].bytes);
    struct bg_digest stored = bg_read_digest(&r), digest;
    bg_sha256((struct bg_span){file.data, HEADER_BYTES + key.size}, &digest);
    if (!bg_digest_equal(&stored, &digest))
        return bg_fail(error, BG_BAD_DIGEST, "%s: damaged, its digest does not match", path);
    *ret_key = key.data;
    return BG_OK;
}

static enum bg_status save_secret(enum kind kind, const uint8_t secret[static BG_SCALAR_BYTES],
                                  const char *path, struct bg_error *error)
{
    uint8_t bytes[MOST_BYTES];
    encode(kind, secret, bytes);
    enum bg_status status = bg_secret_file_write(path, (struct bg_span){bytes, file_bytes(kind)}, error);
    bg_wipe(bytes, sizeof bytes);
    return status;
}

static enum bg_status load_secret(enum kind kind, const char *path, struct bg_error *error,
                                  uint8_t ret_secret[static BG_SCALAR_BYTES])
{
    uint8_t bytes[MOST_BYTES + 1];
    size_t size = 0;
    const uint8_t *secret;
    enum bg_status status = bg_secret_file_read(path, error, bytes, sizeof bytes, &size);
    if (!status)
        status = decode(kind, (struct bg_span){bytes, size}, path, error, &secret);
    if (!status)
        memcpy(ret_secret, secret, BG_SCALAR_BYTES);
    bg_wipe(bytes, sizeof bytes);
    return status;
}

static enum bg_status refuse_key(enum bg_status status, enum kind kind, const char *path,
                                 struct bg_error *error)
{
    return bg_fail(error, status, "%s: %s: %s", path, kinds[kind].name, bg_status_text(status));
}

enum bg_status bg_identity_save(const struct bg_identity *identity, const char *path, struct bg_error *error)
{
    uint8_t secret[BG_SCALAR_BYTES];
    bg_identity_secret(identity, secret);
    enum bg_status status = save_secret(IDENTITY_SECRET, secret, path, error);
    bg_wipe(secret, sizeof secret);
    return status;
}

enum bg_status bg_identity_load(const char *path, struct bg_error *error, struct bg_identity **ret_identity)
{
    uint8_t secret[BG_SCALAR_BYTES];
    enum bg_status status = load_secret(IDENTITY_SECRET, path, error, secret);
    if (status)
        return status;
    status = bg_identity_from_secret(secret, ret_identity);
    bg_wipe(secret, sizeof secret);
    return status ? refuse_key(status, IDENTITY_SECRET, path, error) : BG_OK;
}

enum bg_status bg_sealing_key_save(const struct bg_sealing_key *key, const char *path, struct bg_error *error)
{
    uint8_t secret[BG_SCALAR_BYTES];
    bg_sealing_key_secret(key, secret);
    enum bg_status status = save_secret(SEALING_SECRET, secret, path, error);
    bg_wipe(secret, sizeof secret);
    return status;
}

enum bg_status bg_sealing_key_load(const char *path, struct bg_error *error, struct bg_sealing_key **ret_key)
{
    uint8_t secret[BG_SCALAR_BYTES];
    enum bg_status status = load_secret(SEALING_SECRET, path, error, secret);
    if (status)
        return status;
    status = bg_sealing_key_from_secret(secret, ret_key);
    bg_wipe(secret, sizeof secret);
    return status ? refuse_key(status, SEALING_SECRET, path, error) : BG_OK;
}

enum bg_status bg_point_save(enum bg_point_kind kind, const uint8_t point[static BG_PUBLIC_POINT_BYTES],
                             const char *path, struct bg_error *error)
{
    uint8_t bytes[MOST_BYTES];
    enum bg_status status = bg_point_check(point);
    if (status)
        return refuse_key(status, (enum kind)kind, path, error);
    encode((enum kind)kind, point, bytes);
    return bg_file_write(path, (struct bg_span){bytes, file_bytes((enum kind)kind)}, 0644, error);
}

enum bg_status bg_point_load(enum bg_point_kind kind, const char *path, struct bg_error *error,
                             uint8_t ret_point[static BG_PUBLIC_POINT_BYTES])
{
    uint8_t *bytes;
    size_t size;
    const uint8_t *point;
    enum bg_status status = bg_file_read(path, MOST_BYTES, error, &bytes, &size);
    if (status)
        return status;
    status = decode((enum kind)kind, (struct bg_span){bytes, size}, path, error, &point);
    if (!status) {
        status = bg_point_check(point);
        if (status)
            refuse_key(status, (enum kind)kind, path, error);
        else
            memcpy(ret_point, point, BG_PUBLIC_POINT_BYTES);
    }
    free(bytes);
    return status;
}

static enum bg_status make_identity(const char *secret_path, const struct bg_random *random, struct bg_error *error,
                                    struct bg_identity **ret_identity)
{
    enum bg_status status = bg_identity_create(random, ret_identity);
    if (status)
        return bg_fail(error, status, "%s: cannot make an identity: %s", secret_path, bg_status_text(status));
    status = bg_identity_save(*ret_identity, secret_path, error);
    if (status)
        bg_identity_destroy(ret_identity);
    return status;
}

enum bg_status bg_identity_provide(const char *secret_path, const char *point_path, const struct bg_random *random,
                                   struct bg_error *error, struct bg_identity **ret_identity)
{
    struct bg_identity *identity;
    enum bg_status status = access(secret_path, F_OK) == 0 ? bg_identity_load(secret_path, error, &identity)
                                                           : make_identity(secret_path, random, error, &identity);
    if (status)
        return status;
    status = bg_point_save(BG_POINT_IDENTITY, bg_identity_point(identity), point_path, error);
    if (status)
        bg_identity_destroy(&identity);
    else
        *ret_identity = identity;
    return status;
}
