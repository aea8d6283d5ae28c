/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/digest.h"

#include "crypto/mbedtls_compat.h"
#include "crypto/wipe.h"

#include <assert.h>
#include <string.h>

#define BLOCK_BYTES 64

_Static_assert(sizeof(struct bg_sha256_state) >= sizeof(mbedtls_sha256_context), "it fits");
_Static_assert(_Alignof(struct bg_sha256_state) >= _Alignof(mbedtls_sha256_context), "it is aligned");

static mbedtls_sha256_context *context_of(struct bg_sha256_state *state)
{
    return (mbedtls_sha256_context *)(void *)state->opaque;
}

void bg_sha256_init(struct bg_sha256_state *state)
{
    mbedtls_sha256_init(context_of(state));
    int failed = BG_MBEDTLS_SHA256(starts)(context_of(state), 0);
    assert(!failed);
}

void bg_sha256_update(struct bg_sha256_state *state, struct bg_span data)
{
    if (!data.size)
        return;
    int failed = BG_MBEDTLS_SHA256(update)(context_of(state), data.data, data.size);
    assert(!failed);
}

void bg_sha256_finish(struct bg_sha256_state *state, struct bg_digest *ret_digest)
{
    int failed = BG_MBEDTLS_SHA256(finish)(context_of(state), ret_digest->bytes);
    assert(!failed);
    bg_wipe(state, sizeof *state);
}

void bg_sha256(struct bg_span data, struct bg_digest *ret_digest)
{
    struct bg_sha256_state state;
    bg_sha256_init(&state);
    bg_sha256_update(&state, data);
    bg_sha256_finish(&state, ret_digest);
}

void bg_hmac_init(struct bg_hmac_state *state, struct bg_span key)
{
    struct bg_digest short_key;
    if (key.size > BLOCK_BYTES) {
        bg_sha256(key, &short_key);
        key = (struct bg_span){short_key.bytes, sizeof short_key.bytes};
    }
    uint8_t inner[BLOCK_BYTES], outer[BLOCK_BYTES];
    for (size_t i = 0; i < BLOCK_BYTES; i++) {
        uint8_t byte = i < key.size ? key.data[i] : 0;
        inner[i] = byte ^ 0x36;
        outer[i] = byte ^ 0x5c;
    }
    bg_sha256_init(&state->inner);
    bg_sha256_update(&state->inner, (struct bg_span){inner, sizeof inner});
    bg_sha256_init(&state->outer);
    bg_sha256_update(&state->outer, (struct bg_span){outer, sizeof outer});
    bg_wipe(&short_key, sizeof short_key);
    bg_wipe(inner, sizeof inner);
    bg_wipe(outer, sizeof outer);
}

void bg_hmac_update(struct bg_hmac_state *state, struct bg_span data)
{
    bg_sha256_update(&state->inner, data);
}

void bg_hmac_finish(struct bg_hmac_state *state, struct bg_digest *ret_tag)
{
    struct bg_digest inner;
    bg_sha256_finish(&state->inner, &inner);
    bg_sha256_update(&state->outer, (struct bg_span){inner.bytes, sizeof inner.bytes});
    bg_sha256_finish(&state->outer, ret_tag);
    bg_wipe(&inner, sizeof inner);
}

void bg_hmac_sha256(struct bg_span key, struct bg_span message, struct bg_digest *ret_tag)
{
    struct bg_hmac_state state;
    bg_hmac_init(&state, key);
    bg_hmac_update(&state, message);
    bg_hmac_finish(&state, ret_tag);
}

void bg_hkdf_extract(struct bg_span salt, struct bg_span input_key, struct bg_digest *ret_key)
{
    bg_hmac_sha256(salt, input_key, ret_key);
}

void bg_hkdf_expand(const struct bg_digest *key, struct bg_span info, uint8_t *ret_output, size_t size)
{
    assert(size <= BG_HKDF_MAX_BYTES);
    struct bg_hmac_state keyed;
    bg_hmac_init(&keyed, (struct bg_span){key->bytes, sizeof key->bytes});
    struct bg_digest block;
    uint8_t counter = 0;
    for (size_t done = 0; done < size; done += sizeof block.bytes) {
        struct bg_hmac_state state = keyed;
        if (counter)
            bg_hmac_update(&state, (struct bg_span){block.bytes, sizeof block.bytes});
        counter++;
        bg_hmac_update(&state, info);
        bg_hmac_update(&state, (struct bg_span){&counter, 1});
        bg_hmac_finish(&state, &block);
        size_t left = size - done;
        memcpy(ret_output + done, block.bytes, left < sizeof block.bytes ? left : sizeof block.bytes);
    }
    bg_wipe(&keyed, sizeof keyed);
    bg_wipe(&block, sizeof block);
}
