/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device remembers between two starts, as one file that each change replaces: it has happened or not.
 * Integers are little-endian.
 *
 *    0  magic    4 bytes  "BRGC"
 *    4  version  u16      1
 *    6  flags    u16      bit 0: an update is out, its receipt is awaited; the others are 0
 *    8  32 client id | 65 point of the key holder | 65 point of the root | 32 secret of ties |
 *       u64 round | u32 attempt | u64 settled round | 32 digest of its receipt | u64 size, plan frame
 *       u64 coordinates | f32 each: the residual e, or p while an update is out
 *       u64 0 or coordinates | f32 each: client momentum
 *       u64 0 or coordinates | f32 each: drift
 *       and while an update is out: u32 group | u32 member | u64 size, task frame | u64 votes | u64 words of sign bits
 *    …  digest  32 bytes  SHA-256 of everything before
 *
 * It tells about the client's data: mode 0600.
 */
#pragma once

#include "client/learner.h"

#define BG_DEVICE_STATE_MAGIC "BRGC"
#define BG_TIE_SECRET_BYTES 32

struct bg_device_state {
    struct bg_digest client;
    struct bg_trust trust;
    uint8_t tie_secret[BG_TIE_SECRET_BYTES];
    uint64_t round; /* last one that an update was made for; 0: none */
    uint32_t attempt;
    struct bg_settlement settlement;
    struct bg_learner learner;
    bool out;
    struct bg_seat seat;         /* while an update is out … */
    struct bg_trusted_task task; /* … of this task */
};

/* Of a client that has made no update yet: a fresh secret of ties, and no plan. BG_RANDOM. */
BG_MUST_CHECK enum bg_status bg_device_state_begin(const struct bg_digest *client, const struct bg_trust *trust,
                                                   const struct bg_random *random, struct bg_error *error,
                                                   struct bg_device_state *ret_state);
/* BG_REFUSED: it is of another client, or of one that believes others; BG_WRONG_POPULATION. */
BG_MUST_CHECK enum bg_status bg_device_state_check_owner(const struct bg_device_state *state,
                                                         const struct bg_digest *client, const struct bg_trust *trust,
                                                         struct bg_error *error);
/* Accepts a zeroed state. Wipes the secret. */
void bg_device_state_finish(struct bg_device_state *state);
/* Of a state that has a plan. */
BG_MUST_CHECK enum bg_status bg_device_state_save(const struct bg_device_state *state, const char *path,
                                                  struct bg_error *error);
/* Errors name the file: BG_NOT_FOUND, BG_IO, BG_TRUNCATED, BG_BAD_MAGIC, BG_BAD_VERSION, BG_BAD_DIGEST, BG_DECODE,
 * BG_NOT_FINITE, and what keeps its plan or task from being believed. *ret_state is not written then. */
BG_MUST_CHECK enum bg_status bg_device_state_load(const char *path, struct bg_error *error,
                                                  struct bg_device_state *ret_state);
