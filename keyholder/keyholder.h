/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key holder's role, free of I/O. It enrols clients, cuts each epoch's roster into groups, vouches for them and
 * for the key in the key part of the plan, and opens products of whole groups under a policy of its own
 * (keyholder/policy.h). It sees padded sums, never a vector. One thread drives it.
 *
 * Whom it trusts: nobody. It answers the root, and releases of the edges in its settings, and takes nothing from them
 * on trust but the root's part of the plan: manifests are checked against the enrolled points, products against the
 * members' own blocks.
 *
 *   EPOCH        epoch request frame → reveal frame ‖ groups frame ‖ u64 size, key part ‖ 64 bytes signature.
 *                Epochs are 1, 2, 3, …; the first reveals what bg_keyholder_commitment gave when it was created.
 *   SIGNED PLAN  plan frame over that key part → nothing. The last one accepted in an epoch is in force.
 *   RELEASE      release frame ‖ the members' block frames, all of them, member-major, ascending → sums frame.
 *                Of a large update `release_blocks` block indices, drawn afresh per request, are checked. An edge is
 *                answered with the record alone; the sums wait for the root, the last of each group until the next
 *                epoch or restart.
 *   SUMS         record of an edge's release → the sums frame that the root would have been given. BG_NOT_FOUND: no
 *                sums of this record wait (any more).
 *   AUDIT        audit frame ‖ the block of each member that has the position → verdict frame (keyholder/audit.h). Of
 *                each group one per epoch; the root alone asks.
 *   ROSTER       u64 version that root or edge has → the roster frame, once there is another; BG_BUSY after a while.
 *
 * An identical request gets an identical answer, also after a restart. BG_BUSY: the same group is being opened, or
 * openings run while an epoch is asked for; ask again. Whatever must not be forgotten is in the journal before the
 * answer leaves.
 *
 * Where the plan asks for knowledge tags (crypto/knowledge.h), every member must have known what it encrypted: of the
 * challenged blocks a weighed product per member is opened with the group's and compared. A member that did not know is
 * named, the release answered with BG_BAD_KNOWLEDGE, and nobody of the members is opened in that round, with or without
 * it.
 */
#pragma once

#include "base/work.h"
#include "crypto/certificate.h"
#include "crypto/identity.h"
#include "crypto/public_key.h"
#include "crypto/random.h"
#include "crypto/seal.h"
#include "net/transport.h"
#include "protocol/partition.h"
#include "store/journal.h"
#include "wire/plan.h"

struct bg_keyholder;
struct bg_secret_key;

enum bg_keyholder_notice_kind {
    BG_KEYHOLDER_NOTICE_EPOCH = 0, /* epoch */
    BG_KEYHOLDER_NOTICE_PLAN,      /* epoch */
    BG_KEYHOLDER_NOTICE_OPENED,    /* epoch, round, group */
    BG_KEYHOLDER_NOTICE_REPEATED,  /* the same numbers once more; epoch, round, group */
    BG_KEYHOLDER_NOTICE_REFUSED,   /* error; epoch, round, group where they are known */
    BG_KEYHOLDER_NOTICE_REJECTED,  /* a member's knowledge tags are false: error names it; they sit the round out */
    BG_KEYHOLDER_NOTICE_AUDITED,   /* error names who spoilt the sum of a group */
    BG_KEYHOLDER_NOTICE_REVOKED,   /* device: from now on in no sum and on no roster */
    BG_KEYHOLDER_NOTICE_LOCKED,    /* error: why nothing is opened until bg_keyholder_clear */
    BG_KEYHOLDER_NOTICE_BARRED,    /* error: why this edge releases nothing until bg_keyholder_clear */
};

struct bg_keyholder_notice {
    enum bg_keyholder_notice_kind kind;
    uint64_t epoch;
    uint64_t round;
    uint32_t group;
    const struct bg_digest *device; /* NULL unless REVOKED */
    const struct bg_error *error; /* NULL unless REFUSED, REJECTED, AUDITED, LOCKED or BARRED */
};

struct bg_keyholder_settings {
    struct bg_population population;
    uint32_t group_size;    /* k */
    uint32_t group_least;   /* k_min; at least 2 unless encryption is off */
    uint32_t full_rounds;   /* first opened rounds of an epoch in which only full groups open; 3 */
    uint32_t partitions;    /* epochs under this key; 0: k − 1, at least 1 */
    enum bg_plan_encryption encryption;
    bool mixed_radix;
    const struct bg_public_key *public_key; /* kept; has the plan's s; NULL with encryption off */
    const struct bg_secret_key *secret_key; /* kept; its other half; NULL unless paillier */
    const struct bg_identity *identity;     /* kept: signs key parts, reveals and records */
    const struct bg_sealing_key *sealing_key; /* kept: opens knowledge tags; NULL: none in any epoch */
    bool knowledge_tags;                    /* plans of new epochs ask for them */
    uint8_t root[BG_PUBLIC_POINT_BYTES];    /* zero: not known yet, and nobody is answered */
    const struct bg_digest *edges;          /* kept: (edge_count) identities that may release, beside enrolled edges */
    size_t edge_count;
    const struct bg_identity *authority;    /* kept: issues certificates; NULL: enrolment is by hand alone */
    const struct bg_pem *authority_certificate; /* kept: its own */
    uint32_t certificate_days;              /* that certificates are good for */
    struct bg_random random;                /* nonces and challenges; used on the driver's thread */
    struct bg_random blinding;              /* of openings; used by running work, several at once */
    struct bg_workers *workers;             /* kept; NULL unless their owner is who runs the work */
    uint32_t release_blocks;                /* block indices challenged per release; 0: all */
    struct bg_journal *journal;             /* kept; NULL: nothing survives */
    void (*observe)(void *context, const struct bg_keyholder_notice *notice); /* may be NULL */
    void *observe_context;
};

/* Copies settings and replays the journal. BG_CONFIG for settings that contradict each other or the journal; what the
 * journal or the random source give. */
BG_MUST_CHECK enum bg_status bg_keyholder_create(const struct bg_keyholder_settings *settings, uint64_t now,
                                                 struct bg_error *error, struct bg_keyholder **ret_keyholder);
/* No work may be running; what is queued is dropped, its calls stay unanswered. */
void bg_keyholder_destroy(struct bg_keyholder **keyholder);

/* Puts a client on the roster by hand, from the next epoch on (by token: keyholder/admission.h). BG_BAD_KEY: not a
 * point of the curve; BG_INVALID: not a cell label; BG_DUPLICATE: enrolled in another cell or role (in the same cell:
 * BG_OK, nothing changes); BG_REFUSED: revoked. */
BG_MUST_CHECK enum bg_status bg_keyholder_enrol(struct bg_keyholder *keyholder,
                                                const uint8_t point[static BG_PUBLIC_POINT_BYTES],
                                                const char *cell, struct bg_error *error);
/* Sorted by client id; borrowed until the next enrolment. */
struct bg_roster bg_keyholder_roster(struct bg_keyholder *keyholder);

/* SHA-256 of the nonce that the next epoch will reveal: the root pins it before it draws its own. */
struct bg_digest bg_keyholder_commitment(const struct bg_keyholder *keyholder);
/* SHA-256 of the newest record with its signature; zero before the first. */
struct bg_digest bg_keyholder_head(const struct bg_keyholder *keyholder);
/* 0 before the first. */
uint64_t bg_keyholder_epoch(const struct bg_keyholder *keyholder);

/* Answers EPOCH, SIGNED PLAN, RELEASE, SUMS, AUDIT and ROSTER, BG_NOT_FOUND for another route; `context` is the struct
 * bg_keyholder. */
void bg_keyholder_serve(void *context, const struct bg_request *request, struct bg_call *call);

/* A product was not what the members sent: nothing is opened until an operator has looked and clears it. */
bool bg_keyholder_locked(const struct bg_keyholder *keyholder);
/* Edges are barred one by one for the same reason: their releases are refused, all else goes on. */
size_t bg_keyholder_barred(const struct bg_keyholder *keyholder);
/* BG_INVALID unless locked, or an edge is barred. */
BG_MUST_CHECK enum bg_status bg_keyholder_clear(struct bg_keyholder *keyholder);

/* Sets the clock, and ends waits for a roster that does not change. */
void bg_keyholder_tick(struct bg_keyholder *keyholder, uint64_t now);
uint64_t bg_keyholder_next_wake(const struct bg_keyholder *keyholder);
/* Work to run; NULL if none. Several may run at once. */
struct bg_work *bg_keyholder_work(struct bg_keyholder *keyholder);
