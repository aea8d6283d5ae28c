/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where keys, seeds and masks take their bytes. The source is injected, so that simulations and tests can be
 * repeated; everything that leaves the machine for real uses bg_random_system. base/prng.h is another thing.
 */
#pragma once

#include "base/status.h"

#include <stddef.h>

struct bg_random {
    /* Fills all `size` bytes or fails with BG_RANDOM. */
    enum bg_status (*fill)(void *context, void *data, size_t size);
    void *context;
};

/* `data` is zeroed on failure, so that half-filled secrets are never used by accident. */
BG_MUST_CHECK enum bg_status bg_random_fill(const struct bg_random *random, void *data, size_t size);
/* getrandom(2) and nothing else: no user-space state that a fork could repeat. Safe from any thread. */
struct bg_random bg_random_system(void);
