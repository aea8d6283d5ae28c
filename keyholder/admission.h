/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enrolment by one-time tokens: who belongs, with which certificate, until when. Whoever redeems a token proves that it
 * has the secret of the key it asks a certificate for. Clients are on the roster from then on and take part from the
 * next epoch; an edge may release; a root becomes the one that is answered; an operator has a certificate and nothing
 * else.
 *
 * A token is redeemed once. The same key may redeem it again until it expires, because an answer may have been lost,
 * and gets a certificate for the same time. Revocation is for ever: the device needs a new key.
 *
 * `now` is the wall clock in seconds since 1970; what was handed out is durable before it is returned. All of them
 * need the settings' authority (BG_UNSUPPORTED) and a journal that can be written (BG_IO).
 */
#pragma once

#include "keyholder/keyholder.h"
#include "keyholder/tokens.h"

/* `count` fresh tokens (at least 1) on these terms; ret_tokens are to be wiped. BG_INVALID as bg_token_terms_check;
 * BG_RANDOM. */
BG_MUST_CHECK enum bg_status bg_keyholder_token_new(struct bg_keyholder *keyholder, const struct bg_token_terms *terms,
                                                    size_t count, struct bg_error *error,
                                                    struct bg_token *ret_tokens);

/* `address` is the peer's, for the limit of guesses (keyholder/guesses.h); NULL: no limit. BG_BUSY: ask again after
 * *ret_wait_ns; also while a client or edge has no root to go to. BG_REFUSED: no such token, redeemed by another key, a
 * second root, or a revoked key. BG_TOO_LATE: it has expired. BG_DUPLICATE: the key is enrolled in another role or
 * cell. What bg_request_read gives. */
BG_MUST_CHECK enum bg_status bg_keyholder_redeem(struct bg_keyholder *keyholder,
                                                 const struct bg_enrolment_request *request, const char *address,
                                                 uint64_t now, struct bg_error *error,
                                                 struct bg_enrolment_reply *ret_reply, uint64_t *ret_wait_ns);
/* Another certificate for a device that has shown its own: the request must be for the same key. A root that is
 * reached at another place now says so with its url. BG_UNKNOWN_CLIENT: not enrolled by token; BG_REFUSED: revoked, or
 * a request for another key. */
BG_MUST_CHECK enum bg_status bg_keyholder_renew(struct bg_keyholder *keyholder, const struct bg_digest *id,
                                                const struct bg_enrolment_request *request, uint64_t now,
                                                struct bg_error *error, struct bg_enrolment_reply *ret_reply);
/* The same on an operator's word, without a request: for a device whose certificate has run out. */
BG_MUST_CHECK enum bg_status bg_keyholder_renew_by_hand(struct bg_keyholder *keyholder, const struct bg_digest *id,
                                                        uint64_t now, struct bg_error *error,
                                                        struct bg_enrolment_reply *ret_reply);
/* A client leaves the roster of the next epoch, and from now on no sum with an update of it is opened: its group sits
 * the epoch out, unless it has not been opened yet and enough others are left. What was opened is answered again. A
 * root is not answered any more, and another one may enrol. BG_NOT_FOUND; twice is BG_OK. */
BG_MUST_CHECK enum bg_status bg_keyholder_revoke(struct bg_keyholder *keyholder, const struct bg_digest *id,
                                                 uint64_t now, struct bg_error *error);

/* In order of enrolment; NULL past the end. Borrowed until the next change. */
const struct bg_device *bg_keyholder_device(const struct bg_keyholder *keyholder, size_t i);
/* For whoever lets peers in. */
bool bg_keyholder_revoked(const struct bg_keyholder *keyholder, const struct bg_digest *id);
/* The one device with this label, or whose id begins with these 8 or more hex digits. BG_NOT_FOUND; BG_DUPLICATE: more
 * than one. */
BG_MUST_CHECK enum bg_status bg_keyholder_find(const struct bg_keyholder *keyholder, const char *name,
                                               struct bg_error *error, struct bg_digest *ret_id);
