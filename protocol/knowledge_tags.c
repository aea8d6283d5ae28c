/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/knowledge_tags.h"

#include <string.h>

static const char info[] = "burgee knowledge tags";

static struct bg_span info_span(void)
{
    return (struct bg_span){(const uint8_t *)info, sizeof info - 1};
}

static void make_aad(const struct bg_digest *client, const struct bg_digest *plan_id,
                     uint8_t aad[static 2 * BG_DIGEST_BYTES])
{
    memcpy(aad, client->bytes, BG_DIGEST_BYTES);
    memcpy(aad + BG_DIGEST_BYTES, plan_id->bytes, BG_DIGEST_BYTES);
}

enum bg_status bg_knowledge_of_block(struct bg_knowledge *knowledge, const struct bg_population *population,
                                     const struct bg_digest *plan_id, const struct bg_manifest *manifest,
                                     uint32_t block, const struct bg_digest *digest)
{
    struct bg_writer w;
    bg_writer_init(&w);
    bg_write_bytes(&w, population->name, sizeof population->name);
    bg_write_digest(&w, plan_id);
    bg_manifest_encode_head(&w, manifest);
    bg_write_u32(&w, block);
    bg_write_digest(&w, digest);
    enum bg_status status = w.status;
    if (status == BG_OK)
        bg_knowledge_init(knowledge, bg_writer_span(&w));
    bg_writer_finish(&w);
    return status;
}

enum bg_status bg_knowledge_tags_seal(struct bg_span tags, const uint8_t sealing_key[static BG_PUBLIC_POINT_BYTES],
                                      const struct bg_digest *client, const struct bg_digest *plan_id,
                                      const struct bg_random *random, uint8_t *ret_sealed)
{
    uint8_t aad[2 * BG_DIGEST_BYTES];
    make_aad(client, plan_id, aad);
    return bg_seal(sealing_key, info_span(), (struct bg_span){aad, sizeof aad}, tags, random, ret_sealed);
}

enum bg_status bg_knowledge_tags_open(const struct bg_sealing_key *key, const struct bg_manifest *manifest,
                                      const struct bg_digest *plan_id, uint8_t *ret_tags)
{
    uint8_t aad[2 * BG_DIGEST_BYTES];
    if (manifest->sealed_tags.size != bg_manifest_tags_bytes(bg_manifest_blocks(manifest->positions)))
        return BG_TRUNCATED;
    make_aad(&manifest->client, plan_id, aad);
    return bg_seal_open(key, info_span(), (struct bg_span){aad, sizeof aad}, manifest->sealed_tags, ret_tags);
}
