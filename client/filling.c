/* SPDX-License-Identifier: Apache-2.0 */
#include "client/filling.h"

#include "crypto/mask.h"

#include <assert.h>
#include <string.h>

#define STEP 8 /* masks between two looks at `stop` */

void bg_filling_init(struct bg_filling *filling, struct bg_key_ring *keys, const struct bg_random *random,
                     const struct bg_key_part *part, size_t wanted)
{
    assert(part->encryption == BG_PLAN_PAILLIER);
    *filling = (struct bg_filling){.keys = keys, .random = *random, .part = *part, .wanted = wanted};
    if (part->modulus.size <= sizeof filling->modulus)
        memcpy(filling->modulus, part->modulus.data, part->modulus.size);
    else
        filling->full = true;
    filling->part.modulus.data = filling->modulus;
}

static bool has_room(const struct bg_filling *filling, struct bg_mask_pool *pool)
{
    struct bg_mask_stats stats = bg_mask_pool_stats(pool);
    return stats.level < stats.capacity && stats.level < filling->wanted;
}

void bg_filling_run(struct bg_filling *filling, size_t most)
{
    struct bg_client_key key;
    struct bg_mask_source *source = NULL;
    struct bg_error error = {0};
    if (filling->full || atomic_load(&filling->stop))
        return;
    enum bg_status status = filling->keys->get(filling->keys, &filling->part, &error, &key);
    bool room = status == BG_OK && key.pool && has_room(filling, key.pool);
    if (room)
        status = bg_mask_source_create(key.table, &filling->random, key.pool, &source);
    for (size_t done = 0; room && status == BG_OK && done < most && !atomic_load(&filling->stop); done += STEP) {
        status = bg_mask_source_fill(source, most - done < STEP ? most - done : STEP);
        room = has_room(filling, key.pool);
    }
    filling->full = !room || status != BG_OK;
    bg_mask_source_destroy(&source);
}
