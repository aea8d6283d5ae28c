/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keyholder.c (service) and state.c (memory) share: the role's state and what rebuilds it. For no other file but
 * main.c, which lists a journal's records.
 *
 * Journal entries, by kind:
 *   SETUP       32 population | 32 first nonce
 *   ENROLMENT   65 point | 32 cell label
 *   EPOCH       keyholder/epochs.h
 *   PLAN        32 plan id
 *   RECORD      record of BG_RECORD_BYTES | 32 digest of the request
 *   LOCK        the sentence
 *   CLEAR       nothing
 *   BAR         32 identity of an edge | the sentence
 *   REJECTION   u64 epoch | u64 round | u32 group | u64 member mask | the sentence
 *   TOKEN       u8 role | u64 expiry | text label | text owner | text cell | u64 count, 32 digest of each secret
 *   REDEEMED    32 digest of the secret | 65 point | text label | text url | u64 when | u64 end of the certificate
 *   REVOKED     32 identity | u64 when
 *   RENEWED     32 identity | u64 when | u64 end of the certificate | text url
 *   AUDIT       32 digest of the request | verdict frame
 *   ROTATION    32 id of the key from the next epoch on
 * Times are seconds since 1970.
 */
#pragma once

#include "keyholder/announce.h"
#include "keyholder/edges.h"
#include "keyholder/enrolment.h"
#include "keyholder/epochs.h"
#include "keyholder/guesses.h"
#include "keyholder/policy.h"
#include "keyholder/records.h"
#include "keyholder/tokens.h"
#include "wire/audit.h"

enum bg_keyholder_entry {
    BG_KEYHOLDER_ENTRY_SETUP = 1,
    BG_KEYHOLDER_ENTRY_ENROLMENT,
    BG_KEYHOLDER_ENTRY_EPOCH,
    BG_KEYHOLDER_ENTRY_PLAN,
    BG_KEYHOLDER_ENTRY_RECORD,
    BG_KEYHOLDER_ENTRY_LOCK,
    BG_KEYHOLDER_ENTRY_CLEAR,
    BG_KEYHOLDER_ENTRY_BAR,
    BG_KEYHOLDER_ENTRY_REJECTION,
    BG_KEYHOLDER_ENTRY_TOKEN,
    BG_KEYHOLDER_ENTRY_REDEEMED,
    BG_KEYHOLDER_ENTRY_REVOKED,
    BG_KEYHOLDER_ENTRY_RENEWED,
    BG_KEYHOLDER_ENTRY_AUDIT,
    BG_KEYHOLDER_ENTRY_ROTATION,
};

struct bg_keyholder_task;
struct bg_keyholder_audit;

/* What was said of a group, and to which request. */
struct bg_verdict_kept {
    bool given;
    struct bg_digest request;
    uint8_t frame[BG_AUDIT_VERDICT_BYTES];
};

struct bg_keyholder {
    struct bg_keyholder_settings settings;
    uint64_t now;
    struct bg_work_queue queue;
    struct bg_keyholder_task *tasks; /* releases under way */
    struct bg_keyholder_audit *audits; /* audits under way */
    struct bg_enrolment enrolment;
    struct bg_tokens tokens;
    struct bg_guesses guesses;
    char root_url[BG_URL_BYTES];     /* where the root says it is; "": not known */
    struct bg_roster_wait *waits;    /* for another roster */
    uint64_t *next_rounds;           /* (enrolment.capacity), in order of enrolment */
    size_t next_capacity;
    bool rotated;                    /* the key is not the first one, but … */
    struct bg_digest rotated_to;     /* … this, … */
    uint64_t rotated_after;          /* … since after this epoch */
    bool set_up;                     /* the first nonce was drawn or replayed */
    struct bg_epochs epochs;
    struct bg_policy policy;
    struct bg_record_chain chain;
    struct bg_record *records;       /* per group of the epoch, its last; lives with the epoch */
    struct bg_verdict_kept *verdicts; /* as these */
    struct bg_edges edges;
    bool failed;                     /* the journal may differ from this state: nothing is answered any more */
};

/* Makes an entry durable, once the state has changed. BG_IO, and nothing is answered from then on. */
BG_MUST_CHECK enum bg_status bg_keyholder_keep(struct bg_keyholder *keyholder, enum bg_keyholder_entry kind,
                                               struct bg_span entry, struct bg_error *error);
/* Enrols, in the state alone; as bg_enrolment_add. */
BG_MUST_CHECK enum bg_status bg_keyholder_add_device(struct bg_keyholder *keyholder, const struct bg_device *device,
                                                     const char *cell, struct bg_error *error, bool *ret_news);
/* An entry of the kinds TOKEN to RENEWED, replayed (keyholder/admission.c). */
BG_MUST_CHECK enum bg_status bg_keyholder_restore_admission(struct bg_keyholder *keyholder,
                                                            enum bg_keyholder_entry kind, struct bg_span entry,
                                                            struct bg_error *error);
/* Makes the adopted epoch the current one, if the policy lets it; takes *fresh on success. */
BG_MUST_CHECK enum bg_status bg_keyholder_install(struct bg_keyholder *keyholder, struct bg_epochs *fresh,
                                                  struct bg_error *error);
/* Completes and signs the record of what was just opened, keeps it and moves the chain. */
BG_MUST_CHECK enum bg_status bg_keyholder_record(struct bg_keyholder *keyholder,
                                                 const struct bg_policy_request *request, struct bg_record *record,
                                                 struct bg_error *error);
/* Keeps that the request's members are not opened for its round, and why. */
BG_MUST_CHECK enum bg_status bg_keyholder_keep_rejection(struct bg_keyholder *keyholder,
                                                         const struct bg_policy_request *request,
                                                         const struct bg_error *why, struct bg_error *error);

/* After a rotation, before the next epoch: nothing can be opened. */
bool bg_keyholder_between_keys(const struct bg_keyholder *keyholder);
/* Keeps that the next epoch is under the key with this id. Nothing more may be asked of this key holder: it has the old
 * one. */
BG_MUST_CHECK enum bg_status bg_keyholder_rotate(struct bg_keyholder *keyholder, const struct bg_digest *key_id,
                                                 struct bg_error *error);

/* keyholder.c */
void bg_keyholder_notify(struct bg_keyholder *keyholder, struct bg_keyholder_notice notice);
/* Ends a call without an answer; `error` has the status and the sentence. */
void bg_keyholder_refuse(struct bg_keyholder *keyholder, struct bg_call *call, const struct bg_error *error,
                         uint64_t round, uint32_t group);

/* auditing.c */
void bg_keyholder_serve_audit(struct bg_keyholder *keyholder, struct bg_span body, struct bg_call *call);
void bg_keyholder_drop_audits(struct bg_keyholder *keyholder);
BG_MUST_CHECK enum bg_status bg_keyholder_restore_audit(struct bg_keyholder *keyholder, struct bg_span entry,
                                                        struct bg_error *error);
