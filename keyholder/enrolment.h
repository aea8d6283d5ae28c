/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is enrolled, in which role: clients with their cells make the roster that counts, all others have certificates
 * only. Nobody is ever taken out; who was revoked stays, and is not on the roster.
 */
#pragma once

#include "base/digest_table.h"
#include "crypto/certificate.h"
#include "protocol/enrolment.h"
#include "protocol/partition.h"

#define BG_OWNER_BYTES 128 /* a person's words, with the NUL */

/* Times in seconds since 1970; 0: not known, or not yet. */
struct bg_device {
    struct bg_digest id;
    uint8_t point[BG_PUBLIC_POINT_BYTES];
    enum bg_certificate_role role;
    struct bg_cell cell;    /* of a client */
    const char *label;      /* owned; "" */
    const char *owner;      /* owned; "" */
    uint64_t enrolled;      /* 0: by hand, without a certificate */
    uint64_t not_after;     /* of its newest certificate */
    uint64_t revoked;
};

struct bg_enrolment {
    struct bg_device *devices; /* in order of enrolment, which never changes */
    size_t count;
    size_t capacity;
    struct bg_digest_table indices;  /* id → index */
    struct bg_roster_entry *entries; /* (capacity): the roster, unless it is stale */
    size_t entry_count;
    bool stale;
    uint64_t version; /* of what others may know of it: grows with every change */
};

/* As bg_digest_table_init. */
void bg_enrolment_init(struct bg_enrolment *enrolment, uint64_t seed);
void bg_enrolment_finish(struct bg_enrolment *enrolment);

/* Copies a device, with its texts; its id is made here, and `cell` is that of a client. BG_BAD_KEY: not a point of the
 * curve; BG_INVALID: not a cell label, or texts that are too long or not plain; BG_DUPLICATE: enrolled in another cell
 * or role; BG_REFUSED: revoked. The same once more: BG_OK, and *ret_news is false. */
BG_MUST_CHECK enum bg_status bg_enrolment_add(struct bg_enrolment *enrolment, const struct bg_device *device,
                                              const char *cell, struct bg_error *error, bool *ret_news);
/* NULL if absent; borrowed until the next addition. */
struct bg_device *bg_enrolment_find(const struct bg_enrolment *enrolment, const struct bg_digest *id);
/* Marks one that is there. */
void bg_enrolment_revoke(struct bg_enrolment *enrolment, struct bg_device *device, uint64_t when);
/* Clients that are not revoked, sorted by id; borrowed until the next change. */
struct bg_roster bg_enrolment_roster(struct bg_enrolment *enrolment);
