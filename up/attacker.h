/* SPDX-License-Identifier: Apache-2.0 */
/* A client that enrolled like any other, and then does to its own updates what the simulator's attackers do. */
#pragma once

#include "base/error.h"

#define BG_UP_ATTACKER "as-client" /* what burgee-up is told when it is to be one */

/* arguments: the client's folder, a name of attack.kind, the seed of its random votes, and k_max, which honest slots
 * sum up to. Runs until it is told to end. */
BG_MUST_CHECK enum bg_status bg_attacker_run(char *const *arguments, struct bg_error *error);
