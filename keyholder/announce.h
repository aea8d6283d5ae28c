/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal to keyholder/: telling root and edges who belongs. Whoever asks with another version than the current one
 * is answered at once; whoever has it waits until it changes, and is told to ask again when it does not for a while.
 */
#pragma once

#include "net/transport.h"

struct bg_keyholder;
struct bg_roster_wait;

#define BG_ROSTER_WAIT_NS ((uint64_t)25 * 1000000000)
#define BG_ROSTER_MOST_WAITS 64 /* more are answered BG_BUSY at once */

/* Takes the call of a peer that may ask. */
void bg_keyholder_serve_roster(struct bg_keyholder *keyholder, const struct bg_request *request,
                               struct bg_call *call);
/* Answers everybody who waits: the roster has changed, and the change is durable. */
void bg_keyholder_announce(struct bg_keyholder *keyholder);
/* Answers who has waited long enough at settings' now. */
void bg_keyholder_end_waits(struct bg_keyholder *keyholder);
/* When the next one will have; UINT64_MAX: nobody waits. */
uint64_t bg_keyholder_next_wait(const struct bg_keyholder *keyholder);
/* Drops those that wait; their calls stay unanswered. */
void bg_keyholder_drop_waits(struct bg_keyholder *keyholder);
