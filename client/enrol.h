/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a device becomes a member: with a one-time token it asks the key holder for a certificate of a key that is made
 * on the device and stays there. Whom it will believe comes out of the token: the server by the key that it shows, the
 * authority by its fingerprint. A renewal asks for a fresh certificate of the same key, as the member it is.
 *
 * Both fill the folder (protocol/membership.h) and write its config.json, with population.name, root.url and
 * key_holder.url as they are told them. The certificate is written last: what was interrupted can be repeated.
 */
#pragma once

#include "client/config.h"
#include "protocol/enrolment.h"
#include "protocol/membership.h"

#define BG_CLIENT_ENROL_FIRST "not enrolled: run burgee-client enrol DIR URL TOKEN" /* cure of bg_membership_load */

/* The folder is made if it does not exist. The same token works again with the same folder, as its key is kept. For
 * tokens of any role; `label` "": the token's own. `config` has the folder's other settings. BG_INVALID: a member lives
 * there already, or no https URL; BG_BAD_DIGEST: another authority than the token's; BG_BAD_KEY: another key holder;
 * those of bg_token_decode; and what the network or the key holder refuses. */
BG_MUST_CHECK enum bg_status bg_client_enrol(const char *folder, const char *url, const char *token, const char *label,
                                             const struct bg_client_config *config, struct bg_error *error,
                                             struct bg_enrolment_reply *ret_reply);
/* Over mutual TLS, from the key holder that the folder names; other settings stay. BG_REFUSED: it names another root
 * than before. */
BG_MUST_CHECK enum bg_status bg_client_renew(const char *folder, struct bg_error *error,
                                             struct bg_enrolment_reply *ret_reply);

/* The same in two steps, for who has a loop: a POST to make, and what to do with its reply. */
struct bg_renewal {
    char url[BG_URL_BYTES], path[64];
    struct bg_digest pin;
    char root_url[BG_URL_BYTES]; /* where the folder has its root until now; "": nowhere */
    char *json; /* owned */
};
BG_MUST_CHECK enum bg_status bg_renewal_begin(const char *folder, const struct bg_membership *member,
                                              struct bg_error *error, struct bg_renewal *ret_renewal);
BG_MUST_CHECK enum bg_status bg_renewal_accept(const char *folder, const struct bg_membership *member,
                                               const struct bg_renewal *renewal, struct bg_span body,
                                               struct bg_error *error, struct bg_enrolment_reply *ret_reply);
/* Accepts a zeroed one. */
void bg_renewal_finish(struct bg_renewal *renewal);
