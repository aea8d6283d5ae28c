/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How knowledge tags travel (crypto/knowledge.h): those of all blocks of an update, sealed to the key holder, bound to
 * client and plan.
 *
 * The header of a block's challenge is population, 32 bytes ‖ plan id ‖ the manifest's body up to its positions
 * (wire/manifest.h, 160 bytes) ‖ u32 block ‖ 32 bytes digest of the block.
 */
#pragma once

#include "crypto/knowledge.h"
#include "crypto/seal.h"
#include "wire/manifest.h"
#include "wire/plan.h"

/* The manifest may lack everything behind its positions. BG_NO_MEMORY. */
BG_MUST_CHECK enum bg_status bg_knowledge_of_block(struct bg_knowledge *knowledge,
                                                   const struct bg_population *population,
                                                   const struct bg_digest *plan_id,
                                                   const struct bg_manifest *manifest, uint32_t block,
                                                   const struct bg_digest *digest);

/* HPKE info "burgee knowledge tags", aad = client id ‖ plan id. Writes tags.size + BG_SEAL_OVERHEAD bytes. */
BG_MUST_CHECK enum bg_status bg_knowledge_tags_seal(struct bg_span tags,
                                                    const uint8_t sealing_key[static BG_PUBLIC_POINT_BYTES],
                                                    const struct bg_digest *client, const struct bg_digest *plan_id,
                                                    const struct bg_random *random, uint8_t *ret_sealed);
/* Writes BG_KNOWLEDGE_TAG_BYTES per block of the manifest. BG_TRUNCATED: as many are not there; BG_BAD_SEAL. */
BG_MUST_CHECK enum bg_status bg_knowledge_tags_open(const struct bg_sealing_key *key,
                                                    const struct bg_manifest *manifest,
                                                    const struct bg_digest *plan_id, uint8_t *ret_tags);
