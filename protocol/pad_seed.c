/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/pad_seed.h"

#include "crypto/wipe.h"

#include <string.h>

static const uint8_t seed_info[] = {'b', 'u', 'r', 'g', 'e', 'e', ' ', 'p', 'a', 'd', ' ', 's', 'e', 'e', 'd'};

static void make_aad(const struct bg_digest *client, const struct bg_digest *plan_id,
                     uint8_t aad[static 2 * BG_DIGEST_BYTES])
{
    memcpy(aad, client->bytes, BG_DIGEST_BYTES);
    memcpy(aad + BG_DIGEST_BYTES, plan_id->bytes, BG_DIGEST_BYTES);
}

enum bg_status bg_pad_seed_seal(const uint8_t seed[static BG_SEED_BYTES],
                                const uint8_t sealing_key[static BG_PUBLIC_POINT_BYTES],
                                const struct bg_digest *client, const struct bg_digest *plan_id,
                                const struct bg_random *random, uint8_t *ret_sealed)
{
    uint8_t aad[2 * BG_DIGEST_BYTES];
    make_aad(client, plan_id, aad);
    return bg_seal(sealing_key, (struct bg_span){seed_info, sizeof seed_info}, (struct bg_span){aad, sizeof aad},
                   (struct bg_span){seed, BG_SEED_BYTES}, random, ret_sealed);
}

enum bg_status bg_pad_seed_open(const struct bg_sealing_key *key, const struct bg_manifest *manifest,
                                const char *population, const struct bg_digest *plan_id,
                                uint8_t ret_seed[static BG_SEED_BYTES])
{
    uint8_t aad[2 * BG_DIGEST_BYTES];
    uint8_t seed[BG_SEED_BYTES];
    struct bg_pad_keys pads;
    struct bg_digest commitment;
    if (manifest->sealed_seed.size != BG_SEALED_SEED_BYTES)
        return BG_TRUNCATED;
    make_aad(&manifest->client, plan_id, aad);
    enum bg_status status = bg_seal_open(key, (struct bg_span){seed_info, sizeof seed_info},
                                         (struct bg_span){aad, sizeof aad}, manifest->sealed_seed, seed);
    if (status != BG_OK)
        return status;
    struct bg_pad_context context = {.population = population,
                                     .plan_id = *plan_id,
                                     .round = manifest->round,
                                     .attempt = manifest->attempt};
    bg_pad_keys_init(&pads, seed, &context);
    bg_pad_commit(&pads, manifest->positions, &commitment);
    bg_pad_keys_finish(&pads);
    if (bg_digest_equal(&commitment, &manifest->pad_commitment))
        memcpy(ret_seed, seed, sizeof seed);
    else
        status = BG_BAD_COMMITMENT;
    bg_wipe(seed, sizeof seed);
    return status;
}

void bg_pad_keys_of_task(struct bg_pad_keys *keys, const uint8_t seed[static BG_SEED_BYTES],
                         const struct bg_plan *plan, const struct bg_digest *plan_id, const struct bg_task *task)
{
    struct bg_pad_context context = {.population = plan->key.population.name,
                                     .plan_id = *plan_id,
                                     .round = task->round,
                                     .attempt = task->attempt};
    bg_pad_keys_init(keys, seed, &context);
}
