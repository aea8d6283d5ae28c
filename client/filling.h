/* SPDX-License-Identifier: Apache-2.0 */
/* Masks computed ahead into the pool of a key, as a job that begins only where nothing else is to be done. */
#pragma once

#include "client/client.h"

#include <stdatomic.h>

/* A job owns its inputs: the plan may be replaced while it runs. */
struct bg_filling {
    struct bg_key_ring *keys; /* kept */
    struct bg_random random;
    struct bg_key_part part;
    uint8_t modulus[BG_KEY_MOST_BITS / 8];
    size_t wanted;     /* masks that the pool is to have, if it can hold so many */
    atomic_bool stop;  /* set from any thread: run returns after the masks under way */
    bool full;         /* out: the pool has them, or it cannot be filled */
};

/* For the key of a plan that encrypts; copies part. */
void bg_filling_init(struct bg_filling *filling, struct bg_key_ring *keys, const struct bg_random *random,
                     const struct bg_key_part *part, size_t wanted);
/* Up to `most` masks. Makes the key's table if it is not there yet, which may take a second. A failure only ends
 * the filling: whoever needs masks will meet it again and tell. */
void bg_filling_run(struct bg_filling *filling, size_t most);
