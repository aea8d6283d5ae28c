/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of partitions. An epoch is proposed from the root's request, then adopted from the bytes that the journal
 * keeps: a restart goes the same way as the first time, and answers with the same bytes.
 *
 * Journal entry: 32 SHA-256 of the request frame | 32 the nonce to be revealed next, secret until then | the answer:
 *                reveal frame | groups frame | u64 size, key part | 64 signature
 */
#pragma once

#include "keyholder/enrolment.h"
#include "keyholder/keyholder.h"
#include "wire/epoch.h"

struct bg_epochs {
    uint64_t epoch;          /* 0 before the first; then the rest describes it */
    struct bg_digest nonce;  /* the next reveal */
    struct bg_digest request;
    struct bg_writer entry;  /* everything below points into it */
    struct bg_span answer;
    struct bg_span key_bytes;
    struct bg_key_part key_part;
    struct bg_groups groups;
    struct bg_arena arena;
};

/* Before the first epoch. */
void bg_epochs_init(struct bg_epochs *epochs, const struct bg_digest *nonce);
/* Wipes the nonce. */
void bg_epochs_finish(struct bg_epochs *epochs);
/* SHA-256 of the nonce to be revealed next. */
struct bg_digest bg_epochs_commitment(const struct bg_epochs *epochs);

/* Whether `frame` is the request that made the epoch. */
bool bg_epochs_is_repeat(const struct bg_epochs *epochs, const struct bg_frame *frame);

/* Writes the entry of the epoch that the request asks for; nothing changes. BG_WRONG_POPULATION; BG_REFUSED: another
 * roster; what bg_partition gives; BG_RANDOM. The caller finishes ret_entry, also after a failure. */
BG_MUST_CHECK enum bg_status bg_epochs_propose(const struct bg_epochs *epochs,
                                               const struct bg_keyholder_settings *settings,
                                               const struct bg_frame *frame, const struct bg_epoch_request *request,
                                               const struct bg_roster *roster, struct bg_error *error,
                                               struct bg_writer *ret_entry);
/* Takes the entry on success: its epoch becomes `ret`, which is to be finished. BG_CONFIG: made with another population
 * than settings have; what decoding gives. */
BG_MUST_CHECK enum bg_status bg_epochs_adopt(struct bg_writer *entry, const struct bg_keyholder_settings *settings,
                                             struct bg_error *error, struct bg_epochs *ret);

/* Whether the epoch is under the settings' key: BG_CONFIG. */
BG_MUST_CHECK enum bg_status bg_epochs_check_key(const struct bg_epochs *epochs,
                                                 const struct bg_keyholder_settings *settings, struct bg_error *error);
