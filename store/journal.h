/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a role must not forget, as a sequence of entries: each is durable before the answer that depends on it
 * leaves, and all of them rebuild the role's state when it starts again. What an entry means is the role's affair.
 */
#pragma once

#include "base/error.h"
#include "base/span.h"

#include <stdint.h>

/* Called with each entry in the order they were appended; `entry` is borrowed until return. Anything but BG_OK ends
 * the replay with that status; the visitor writes the sentence, the journal puts the place in front. */
typedef enum bg_status bg_journal_visit(void *context, uint32_t kind, struct bg_span entry, struct bg_error *error);

struct bg_journal {
    /* Borrows the entry. After BG_OK it survives a crash; after an error it may or may not, and the role must stop
     * until the journal was opened again. */
    enum bg_status (*append)(void *context, uint32_t kind, struct bg_span entry);
    enum bg_status (*replay)(void *context, bg_journal_visit *visit, void *visitor, struct bg_error *error);
    void *context;
};
