/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new key of the scheme for a key holder that goes on: the count of partitions starts again with the next epoch, and
 * nothing of an epoch before is opened any more.
 *
 *   secret.key.new   made first; then the journal says which key it is; then it takes the place of secret.key
 *
 * A call that was interrupted before the journal said so has changed nothing. After it, whoever opens the folder next
 * puts the key in its place. The old key is removed: nothing is left that it may open, and what is gone cannot leak.
 */
#pragma once

#include "keyholder/config.h"
#include "store/journal.h"

/* Of a folder that no program has. BG_BUSY: one does; BG_INVALID: with encryption off there is no key. */
BG_MUST_CHECK enum bg_status bg_rotate(const char *folder, const struct bg_keyholder_config *config,
                                       struct bg_error *error, struct bg_digest *ret_key_id);
/* With the folder's journal, before its keys are read: ends what was interrupted. */
BG_MUST_CHECK enum bg_status bg_rotation_finish(const char *folder, const struct bg_keyholder_config *config,
                                                struct bg_journal *journal, struct bg_error *error);
