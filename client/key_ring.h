/* SPDX-License-Identifier: Apache-2.0 */
/* A device's own keys: for each key that a plan names, one table of masks that nobody else has. */
#pragma once

#include "client/client.h"

struct bg_device_key;

/* One thread at a time may ask it. */
struct bg_device_ring {
    struct bg_key_ring keys;
    struct bg_random random;
    size_t table_bytes;
    bool allow_insecure;
    struct bg_device_key *newest;
};

/* Keeps the context of random. A table takes up to table_bytes. Keys shorter than BG_KEY_SECURE_BITS are refused
 * unless allow_insecure, which is for tests. Allocates nothing. What `keys.get` may give, besides the statuses of
 * bg_public_key_create and bg_mask_table_create: BG_BAD_KEY where the plan's key id or mark is not its modulus's. */
void bg_device_ring_init(struct bg_device_ring *ring, const struct bg_random *random, size_t table_bytes,
                         bool allow_insecure);
/* Wipes the tables. */
void bg_device_ring_finish(struct bg_device_ring *ring);
