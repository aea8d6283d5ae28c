/* SPDX-License-Identifier: Apache-2.0 */
/* A device's own keys: for each key that a plan names, one table of masks that nobody else has, and one pool of them
 * that lives from round to round. */
#pragma once

#include "client/client.h"

#include <pthread.h>

struct bg_device_key;

struct bg_device_ring_settings {
    struct bg_random random;        /* its context is kept */
    struct bg_mask_settings masks;
    size_t pool_bytes;              /* for masks computed ahead */
    bool allow_insecure;            /* keys shorter than BG_KEY_SECURE_BITS, for tests */
};

/* Any thread may ask it; one waits for a table that another is making. */
struct bg_device_ring {
    struct bg_key_ring keys;
    struct bg_device_ring_settings settings;
    pthread_mutex_t lock; /* guards what follows */
    struct bg_device_key *newest;
};

/* Copies settings, allocates nothing. What `keys.get` may give, besides the statuses of bg_public_key_create and
 * bg_mask_table_create: BG_BAD_KEY where the plan's key id or mark is not its modulus's. */
void bg_device_ring_init(struct bg_device_ring *ring, const struct bg_device_ring_settings *settings);
/* Wipes tables and pools. */
void bg_device_ring_finish(struct bg_device_ring *ring);
/* Frees tables, which the next who asks has to wait for; pools stay. Nobody may use what `get` gave. Whether there was
 * one. */
bool bg_device_ring_rest(struct bg_device_ring *ring);
/* Of all its keys together. */
struct bg_mask_stats bg_device_ring_stats(struct bg_device_ring *ring);
