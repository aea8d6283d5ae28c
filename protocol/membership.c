/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/membership.h"

#include "base/file.h"
#include "crypto/identity_file.h"
#include "crypto/wipe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum bg_status bg_device_path(const char *folder, const char *name, struct bg_error *error,
                              char ret_path[static BG_DEVICE_PATH_BYTES])
{
    int length = snprintf(ret_path, BG_DEVICE_PATH_BYTES, "%s/%s", folder, name);
    return length > 0 && length < BG_DEVICE_PATH_BYTES
               ? BG_OK
               : bg_fail(error, BG_INVALID, "the path of the device's folder is too long");
}

/* ---- reading ---- */

static enum bg_status load_identity(const char *folder, struct bg_error *error, struct bg_membership *m)
{
    char path[BG_DEVICE_PATH_BYTES];
    enum bg_status status = bg_device_path(folder, "identity.secret", error, path);
    if (status == BG_OK)
        status = bg_identity_load(path, error, &m->identity);
    if (status == BG_OK && bg_identity_pem(m->identity, &m->key) != BG_OK)
        status = bg_fail(error, BG_NO_MEMORY, "%s: out of memory", path);
    return status;
}

static enum bg_status load_point(const char *folder, const char *name, struct bg_error *error,
                                 uint8_t ret_point[static BG_PUBLIC_POINT_BYTES])
{
    char path[BG_DEVICE_PATH_BYTES];
    enum bg_status status = bg_device_path(folder, name, error, path);
    return status == BG_OK ? bg_point_load(BG_POINT_IDENTITY, path, error, ret_point) : status;
}

static enum bg_status load_certificate(const char *folder, struct bg_error *error, struct bg_membership *m)
{
    char path[BG_DEVICE_PATH_BYTES];
    enum bg_status status = bg_device_path(folder, "authority.pem", error, path);
    if (status == BG_OK)
        status = bg_pem_load(path, error, &m->authority);
    if (status == BG_OK)
        status = bg_device_path(folder, "certificate.pem", error, path);
    if (status == BG_OK)
        status = bg_pem_load(path, error, &m->certificate);
    if (status == BG_OK)
        status = bg_certificate_read(&m->certificate, path, &m->authority, error, &m->about);
    if (status == BG_OK && !bg_digest_equal(&m->about.id, bg_identity_digest(m->identity)))
        status = bg_fail(error, BG_REFUSED, "%s: it is of another key than identity.secret beside it", path);
    return status;
}

static enum bg_status load_root(const char *folder, struct bg_error *error, struct bg_membership *m)
{
    enum bg_status status = load_point(folder, "root.point", error, m->root);
    m->has_root = status == BG_OK;
    return status == BG_NOT_FOUND ? BG_OK : status;
}

enum bg_status bg_membership_load(const char *folder, const char *cure, struct bg_error *error,
                                  struct bg_membership *ret_membership)
{
    struct bg_membership m = {.identity = NULL};
    enum bg_status status = load_identity(folder, error, &m);
    if (status == BG_OK)
        status = load_certificate(folder, error, &m);
    if (status == BG_OK)
        status = load_point(folder, "keyholder.point", error, m.key_holder);
    if (status == BG_NOT_FOUND)
        status = bg_fail_in(error, status, "%s", cure);
    if (status == BG_OK)
        status = load_root(folder, error, &m);
    if (status != BG_OK) {
        bg_membership_finish(&m);
        return status;
    }
    *ret_membership = m;
    bg_wipe(&m, sizeof m);
    return BG_OK;
}

void bg_membership_finish(struct bg_membership *membership)
{
    bg_identity_destroy(&membership->identity);
    bg_wipe(membership, sizeof *membership);
}

bool bg_membership_renewal_due(const struct bg_membership *membership, uint64_t now)
{
    uint64_t begin = membership->about.not_before, end = membership->about.not_after;
    return now >= end || end - now < (end - begin) / 3;
}

/* ---- enrolling ---- */

enum bg_status bg_membership_begin(const char *folder, const struct bg_random *random, struct bg_error *error,
                                   struct bg_identity **ret_identity)
{
    char secret[BG_DEVICE_PATH_BYTES], point[BG_DEVICE_PATH_BYTES], certificate[BG_DEVICE_PATH_BYTES];
    enum bg_status status = bg_device_path(folder, "identity.secret", error, secret);
    if (status == BG_OK)
        status = bg_device_path(folder, "identity.point", error, point);
    if (status == BG_OK)
        status = bg_device_path(folder, "certificate.pem", error, certificate);
    if (status != BG_OK)
        return status;
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return bg_fail(error, BG_IO, "%s: cannot make the folder: %s", folder, strerror(errno));
    if (access(certificate, F_OK) == 0)
        return bg_fail(error, BG_INVALID, "%s: enrolled already: use another folder, or renew", certificate);
    return bg_identity_provide(secret, point, random, error, ret_identity);
}

static enum bg_status check_certificate(const struct bg_grant *grant, const struct bg_identity *identity,
                                        struct bg_error *error)
{
    struct bg_certificate about;
    enum bg_status status =
        bg_certificate_read(grant->certificate, "certificate from the key holder", grant->authority, error, &about);
    if (status == BG_OK && !bg_digest_equal(&about.id, bg_identity_digest(identity)))
        status = bg_fail(error, BG_BAD_KEY, "certificate from the key holder: it is of another device's key");
    return status;
}

enum bg_status bg_grant_check(const struct bg_grant *grant, const struct bg_identity *identity,
                              const struct bg_digest *authority_fingerprint, const struct bg_digest *key_holder_pin,
                              struct bg_error *error)
{
    struct bg_certificate authority;
    struct bg_digest pin;
    enum bg_status status =
        bg_certificate_read(grant->authority, "authority from the key holder", grant->authority, error, &authority);
    if (status != BG_OK)
        return status;
    if (!bg_digest_equal(&authority.fingerprint, authority_fingerprint))
        return bg_fail(error, BG_BAD_DIGEST, "authority from the key holder: not the one of the token");
    bg_point_pin(grant->key_holder, &pin);
    if (!bg_digest_equal(&pin, key_holder_pin))
        return bg_fail(error, BG_BAD_KEY, "key holder: its point is not that of the token");
    return check_certificate(grant, identity, error);
}

enum bg_status bg_grant_check_renewal(const struct bg_grant *grant, const struct bg_membership *membership,
                                      struct bg_error *error)
{
    const char *changed = NULL;
    if (strcmp(grant->authority->text, membership->authority.text) != 0)
        changed = "authority";
    else if (memcmp(grant->key_holder, membership->key_holder, BG_PUBLIC_POINT_BYTES) != 0)
        changed = "key holder";
    else if (membership->has_root && grant->root && memcmp(grant->root, membership->root, BG_PUBLIC_POINT_BYTES) != 0)
        changed = "root";
    if (changed)
        return bg_fail(error, BG_REFUSED, "renewal: it names another %s than before: enrol in a new folder", changed);
    return check_certificate(grant, membership->identity, error);
}

static enum bg_status save_point(const char *folder, const char *name, const uint8_t *point, struct bg_error *error)
{
    char path[BG_DEVICE_PATH_BYTES];
    enum bg_status status = bg_device_path(folder, name, error, path);
    return status == BG_OK ? bg_point_save(BG_POINT_IDENTITY, point, path, error) : status;
}

static enum bg_status save_pem(const char *folder, const char *name, const struct bg_pem *pem, struct bg_error *error)
{
    char path[BG_DEVICE_PATH_BYTES];
    enum bg_status status = bg_device_path(folder, name, error, path);
    if (status != BG_OK)
        return status;
    return bg_file_write(path, (struct bg_span){(const uint8_t *)pem->text, strlen(pem->text)}, 0644, error);
}

enum bg_status bg_grant_save(const struct bg_grant *grant, const char *folder, struct bg_error *error)
{
    enum bg_status status = save_point(folder, "keyholder.point", grant->key_holder, error);
    if (status == BG_OK && grant->root)
        status = save_point(folder, "root.point", grant->root, error);
    if (status == BG_OK)
        status = save_pem(folder, "authority.pem", grant->authority, error);
    return status == BG_OK ? save_pem(folder, "certificate.pem", grant->certificate, error) : status;
}
