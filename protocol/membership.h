/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device is since it enrolled, as files of its folder, whatever its role:
 *
 *   identity.secret identity.point  crypto/identity_file.h; made there, the secret never leaves it
 *   authority.pem                   the certificate of the key holder's authority
 *   certificate.pem                 its own, written last: with it the device is a member; renewed under the same key
 *   keyholder.point root.point      whose signatures count, and whose servers are believed by their keys; the root's
 *                                   comes with the first certificate that is issued after it has enrolled
 */
#pragma once

#include "crypto/certificate.h"

#include <stdbool.h>

#define BG_DEVICE_PATH_BYTES 4096

struct bg_membership {
    struct bg_identity *identity;
    struct bg_pem certificate, authority;
    struct bg_pem key;           /* the identity's */
    struct bg_certificate about; /* what `certificate` says */
    uint8_t key_holder[BG_PUBLIC_POINT_BYTES];
    uint8_t root[BG_PUBLIC_POINT_BYTES];
    bool has_root;
};

/* What a key holder has granted. Borrowed. */
struct bg_grant {
    const struct bg_pem *certificate, *authority;
    const uint8_t *key_holder; /* point */
    const uint8_t *root;       /* point; NULL: none is known, or it is the device itself */
};

/* BG_NOT_FOUND: no member yet, and then the sentence begins with `cure`; BG_REFUSED: the certificate is of another key;
 * and what keeps a file from being read or believed. Whether the certificate is valid now is not asked. */
BG_MUST_CHECK enum bg_status bg_membership_load(const char *folder, const char *cure, struct bg_error *error,
                                                struct bg_membership *ret_membership);
/* Wipes. Accepts a zeroed one. */
void bg_membership_finish(struct bg_membership *membership);
/* Whether less than a third of the certificate's life is left at `now` (seconds since 1970). */
bool bg_membership_renewal_due(const struct bg_membership *membership, uint64_t now);

/* The identity of a device that is to enrol, made with the folder where there is none: an interrupted call can be
 * repeated. BG_INVALID: a member lives there already. */
BG_MUST_CHECK enum bg_status bg_membership_begin(const char *folder, const struct bg_random *random,
                                                 struct bg_error *error, struct bg_identity **ret_identity);
/* That a grant is for this identity and from whom its token names. BG_BAD_DIGEST: another authority; BG_BAD_KEY:
 * another key holder, or the certificate is of another key; and those of bg_certificate_read. */
BG_MUST_CHECK enum bg_status bg_grant_check(const struct bg_grant *grant, const struct bg_identity *identity,
                                            const struct bg_digest *authority_fingerprint,
                                            const struct bg_digest *key_holder_pin, struct bg_error *error);
/* That it renews the membership. BG_REFUSED: authority, key holder or root are not those of before; BG_BAD_KEY. */
BG_MUST_CHECK enum bg_status bg_grant_check_renewal(const struct bg_grant *grant,
                                                    const struct bg_membership *membership, struct bg_error *error);
/* Into the folder: a checked grant. */
BG_MUST_CHECK enum bg_status bg_grant_save(const struct bg_grant *grant, const char *folder, struct bg_error *error);

/* DIR/name. BG_INVALID: too long. */
BG_MUST_CHECK enum bg_status bg_device_path(const char *folder, const char *name, struct bg_error *error,
                                            char ret_path[static BG_DEVICE_PATH_BYTES]);
