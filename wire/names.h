/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to wire/: lists of names (features, classes) as they travel: u64 count, then text each. */
#pragma once

#include "wire/decoder.h"

/* At most `limit` names of 1 to BG_NAME_BYTES − 1 bytes, no two equal. NULL after a failure, else *ret_count names
 * from the arena. */
const char *const *bg_decode_names(struct bg_decoder *d, struct bg_arena *arena, size_t limit, const char *rule,
                                   size_t *ret_count);
