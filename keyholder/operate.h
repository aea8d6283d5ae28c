/* SPDX-License-Identifier: Apache-2.0 */
/* How a verb reaches a key holder: in its folder, or through the socket of the program that has the folder. */
#pragma once

#include "base/json.h"
#include "keyholder/config.h"

/* Asks as keyholder/control.h has it, and gives the reply, which is to be destroyed. What the key holder refuses comes
 * back with its own status and sentence. BG_BUSY: a program has the folder, and does not answer. */
BG_MUST_CHECK enum bg_status bg_operate(const char *folder, const struct bg_keyholder_config *config,
                                        const struct bg_json *request, struct bg_error *error,
                                        struct bg_json **ret_reply);
