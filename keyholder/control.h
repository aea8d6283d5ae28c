/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an operator asks of a key holder, whether its program runs or not: one JSON document in, one out, on one line
 * each. While burgee-keyholder serve has the folder, the other verbs send theirs to its socket (keyholder/operate.h).
 *
 *   {"verb": "token", "role": "client", "label": "", "owner": "", "cell": "default", "hours": 24, "count": 1}
 *       → {"status": "OK", "tokens": [text, …]}                  all but verb and role may be absent
 *   {"verb": "clients"}
 *       → {"status": "OK", "clients": [{"id", "label", "owner", "cell", "role", "enrolled", "expires", "revoked"}, …]}
 *         times in seconds since 1970, null where there is none; "cell" of clients alone
 *   {"verb": "revoke", "who": "label, or 8 or more digits of the id"} → {"status": "OK", "id": id}
 *   {"verb": "renew", "who": …}   → {"status": "OK", "id": id, "certificate": PEM, "authority": PEM}
 *   {"verb": "show"}              → {"status": "OK", "population", "identity", "key", "bits", "insecure", "clients",
 *                                    "epoch", "commitment", "head", "locked", "barred_edges", "root"}
 *   {"verb": "clear"}             → the same, once it is unlocked
 *   anything that is refused      → {"status": "REFUSED", "error": sentence}, with the name of the status
 */
#pragma once

#include "base/json.h"
#include "keyholder/keyholder.h"

#define BG_CONTROL_MOST_BYTES ((size_t)4096) /* of a request */
#define BG_CONTROL_MOST_TOKENS 10000

/* `now` is the wall clock in seconds since 1970. Gives text to free(), which may hold secrets of tokens; NULL: out of
 * memory. */
char *bg_control_answer(struct bg_keyholder *keyholder, struct bg_span request, uint64_t now);
