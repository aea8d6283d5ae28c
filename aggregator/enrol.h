/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a root becomes known: with a one-time token of the role root it asks the key holder for a certificate of its key,
 * and for the commitment to the key holder's first nonce. Renewal asks for a fresh certificate of the same key, and
 * tells where the root is reached.
 */
#pragma once

#include "aggregator/config.h"
#include "protocol/enrolment.h"
#include "protocol/membership.h"

#define BG_AGGREGATOR_ENROL_FIRST "run burgee-aggregator enrol DIR URL TOKEN first"

/* A folder that bg_offline_init has made without a key holder; afterwards it is whole, and `config` and config.json
 * have population.name and key_holder.url. Interrupted, it can be repeated with the same token. BG_INVALID: it has a
 * key holder already, or the URL is no https one; BG_NOT_FOUND: no root lives here; and what bg_token_decode,
 * bg_https_ask and bg_grant_check give. */
BG_MUST_CHECK enum bg_status bg_aggregator_enrol(const char *folder, const char *url, const char *token,
                                                 const char *label, struct bg_aggregator_config *config,
                                                 struct bg_error *error);
/* Over mutual TLS, to config->key_holder_url. `url` "": it is reached where it was. Replaces certificate.pem. */
BG_MUST_CHECK enum bg_status bg_aggregator_renew(const char *folder, const struct bg_aggregator_config *config,
                                                 const struct bg_membership *membership, const char *url,
                                                 struct bg_error *error);

/* The same in two steps, for who has a loop: a POST of JSON to key_holder.url and this path, and what to do with its
 * reply. */
struct bg_root_renewal {
    char path[sizeof(struct bg_population) + 32];
    char *json; /* owned */
};
BG_MUST_CHECK enum bg_status bg_root_renewal_begin(const struct bg_aggregator_config *config,
                                                   const struct bg_membership *membership, const char *url,
                                                   struct bg_error *error, struct bg_root_renewal *ret_renewal);
BG_MUST_CHECK enum bg_status bg_root_renewal_accept(const char *folder, const struct bg_membership *membership,
                                                    struct bg_span reply, struct bg_error *error);
/* Accepts a zeroed one. */
void bg_root_renewal_finish(struct bg_root_renewal *renewal);
