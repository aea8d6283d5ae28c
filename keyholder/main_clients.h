/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to burgee-keyholder: the verbs `token new DIR` and `clients list|revoke|renew DIR [WHO]`. */
#pragma once

#include "keyholder/config.h"

/* Words and values of the command line; NULL where there is none. */
struct bg_clients_call {
    const char *action, *folder, *who;
    const char *role, *label, *owner, *cell, *hours, *count, *out;
    bool json, quiet;
    const struct bg_keyholder_config *config;
};

/* Prints one token per line. */
BG_MUST_CHECK enum bg_status bg_verb_token(const struct bg_clients_call *call, struct bg_error *error);
BG_MUST_CHECK enum bg_status bg_verb_clients(const struct bg_clients_call *call, struct bg_error *error);
