/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one file of a root's folder that changes and counts: every verb ends by replacing it, so that an interrupted one
 * has either happened or not. Everything else in the folder can be made from it, or is kept under its round.
 *
 *    0  magic    4 bytes  "BRGR"
 *    4  version  u16      1
 *    6  zero     u16
 *    8  u64 clients | per client: 65 point, text cell
 *       u64 epoch | u8 stage | u64 clients of the epoch (the first of the list) | 32 nonce | 32 commitment |
 *       u64 size, key holder's answer
 *       u64 round of the model | 32 digest of its file
 *       u8 round is open | u8 round is closed
 *       u64 size, checkpoint (aggregator/checkpoint.h)
 *    …  digest  32 bytes  SHA-256 of everything before
 */
#pragma once

#include "base/error.h"
#include "protocol/partition.h"

#define BG_STATE_FILE_MAGIC "BRGR"

enum bg_epoch_stage {
    BG_EPOCH_NONE = 0, /* before the first */
    BG_EPOCH_ASKED,    /* the request is out */
    BG_EPOCH_AGREED,
};

struct bg_offline_state {
    struct bg_roster_entry *clients; /* in order of enrolment */
    size_t client_count;
    uint64_t epoch;
    enum bg_epoch_stage stage;
    size_t epoch_clients;
    struct bg_digest nonce;      /* the root's, for this epoch */
    struct bg_digest commitment; /* to the key holder's nonce: for this epoch, or for the first while there is none */
    struct bg_writer answer;
    uint64_t model_round;
    struct bg_digest model;
    bool open, closed;
    struct bg_writer checkpoint; /* from before the open round */
};

void bg_offline_state_init(struct bg_offline_state *state);
void bg_offline_state_finish(struct bg_offline_state *state);
/* Copies; the entry joins the list. */
BG_MUST_CHECK enum bg_status bg_offline_state_enrol(struct bg_offline_state *state,
                                                    const struct bg_roster_entry *entry);
BG_MUST_CHECK enum bg_status bg_offline_state_save(const struct bg_offline_state *state, const char *path,
                                                   struct bg_error *error);
/* Errors name the file: BG_NOT_FOUND, BG_IO, BG_TRUNCATED, BG_BAD_MAGIC, BG_BAD_VERSION, BG_BAD_DIGEST, BG_DECODE. */
BG_MUST_CHECK enum bg_status bg_offline_state_load(const char *path, struct bg_error *error,
                                                   struct bg_offline_state *ret_state);
