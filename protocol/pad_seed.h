/* SPDX-License-Identifier: Apache-2.0 */
/* How pad seeds travel: sealed to the root, bound to client and plan; and which pads they make in a round. */
#pragma once

#include "crypto/pad.h"
#include "crypto/seal.h"
#include "wire/manifest.h"
#include "wire/plan.h"
#include "wire/task.h"

/* HPKE info "burgee pad seed", aad = client id ‖ plan id. Writes BG_SEALED_SEED_BYTES. */
BG_MUST_CHECK enum bg_status bg_pad_seed_seal(const uint8_t seed[static BG_SEED_BYTES],
                                              const uint8_t sealing_key[static BG_PUBLIC_POINT_BYTES],
                                              const struct bg_digest *client, const struct bg_digest *plan_id,
                                              const struct bg_random *random, uint8_t *ret_sealed);
/* Opens a manifest's seed and checks its pads, as many as it has positions, against its commitment: BG_TRUNCATED (a
 * sealed seed of another size), BG_BAD_SEAL, BG_BAD_COMMITMENT. The caller wipes the seed. */
BG_MUST_CHECK enum bg_status bg_pad_seed_open(const struct bg_sealing_key *key, const struct bg_manifest *manifest,
                                              const char *population, const struct bg_digest *plan_id,
                                              uint8_t ret_seed[static BG_SEED_BYTES]);

/* Pads of one upload. */
void bg_pad_keys_of_task(struct bg_pad_keys *keys, const uint8_t seed[static BG_SEED_BYTES],
                         const struct bg_plan *plan, const struct bg_digest *plan_id, const struct bg_task *task);
