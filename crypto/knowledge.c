/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/knowledge.h"

#include "crypto/digest.h"
#include "crypto/wipe.h"

#include <assert.h>
#include <string.h>

static struct bg_span text_span(const char *text)
{
    return (struct bg_span){(const uint8_t *)text, strlen(text)};
}

void bg_knowledge_init(struct bg_knowledge *knowledge, struct bg_span header)
{
    struct bg_sha256_state state;
    bg_sha256_init(&state);
    bg_sha256_update(&state, text_span("burgee knowledge"));
    bg_sha256_update(&state, header);
    bg_sha256_finish(&state, &knowledge->challenge);
    bg_hkdf_expand(&knowledge->challenge, text_span("burgee knowledge weights"), knowledge->weights,
                   sizeof knowledge->weights);
}

void bg_knowledge_tag(const struct bg_knowledge *knowledge, struct bg_span z, struct bg_span tail,
                      uint8_t ret_tag[static BG_KNOWLEDGE_TAG_BYTES])
{
    struct bg_sha256_state state;
    struct bg_digest digest;
    bg_sha256_init(&state);
    bg_sha256_update(&state, text_span("burgee knowledge tag"));
    bg_sha256_update(&state, (struct bg_span){knowledge->challenge.bytes, BG_DIGEST_BYTES});
    bg_sha256_update(&state, z);
    bg_sha256_update(&state, tail);
    bg_sha256_finish(&state, &digest);
    memcpy(ret_tag, digest.bytes, BG_KNOWLEDGE_TAG_BYTES);
    bg_wipe(&digest, sizeof digest);
}

void bg_knowledge_prove(const struct bg_knowledge *knowledge, const struct bg_public_key *key,
                        const uint8_t *plaintexts, size_t count, size_t lacking,
                        uint8_t ret_tag[static BG_KNOWLEDGE_TAG_BYTES])
{
    uint8_t z[BG_KEY_MOST_S * BG_KEY_MOST_BYTES];
    size_t size = bg_public_key_plaintext_bytes(key), whole = count - (lacking > 0);
    assert(count && count <= BG_KNOWLEDGE_MOST_POSITIONS && lacking < size);
    struct bg_span tail = {plaintexts + whole * size, lacking ? size - lacking : 0};
    bg_digits_weigh(key, plaintexts, size, knowledge->weights, whole, z);
    bg_knowledge_tag(knowledge, (struct bg_span){z, size}, tail, ret_tag);
    bg_wipe(z, size);
}
