/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/pad.h"

#include "crypto/digits.h"
#include "crypto/wipe.h"

#include <assert.h>
#include <mbedtls/chacha20.h>
#include <string.h>

#define LABEL "burgee pad"
#define POPULATION_BYTES 32
#define MOST_PLAINTEXT_BYTES (BG_KEY_MOST_S * BG_KEY_MOST_BYTES)

static void put_little_endian(uint64_t value, uint8_t *ret_bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        ret_bytes[i] = (uint8_t)(value >> 8 * i);
}

#define OF_ARRAY(bytes) ((struct bg_span){(bytes), sizeof(bytes)})

void bg_pad_keys_init(struct bg_pad_keys *keys, const uint8_t seed[static BG_SEED_BYTES],
                      const struct bg_pad_context *context)
{
    uint8_t population[POPULATION_BYTES] = {0}, round[8], attempt[4];
    size_t size = strlen(context->population);
    assert(size <= sizeof population);
    memcpy(population, context->population, size);
    put_little_endian(context->round, round, sizeof round);
    put_little_endian(context->attempt, attempt, sizeof attempt);
    bg_hmac_init(&keys->prefix, (struct bg_span){seed, BG_SEED_BYTES});
    bg_hmac_update(&keys->prefix, (struct bg_span){(const uint8_t *)LABEL, strlen(LABEL)});
    bg_hmac_update(&keys->prefix, OF_ARRAY(population));
    bg_hmac_update(&keys->prefix, OF_ARRAY(context->plan_id.bytes));
    bg_hmac_update(&keys->prefix, OF_ARRAY(round));
    bg_hmac_update(&keys->prefix, OF_ARRAY(attempt));
}

void bg_pad_keys_finish(struct bg_pad_keys *keys)
{
    bg_wipe(keys, sizeof *keys);
}

/* 32 bytes are HKDF-Expand's first block: HMAC(seed, info ‖ 01). */
void bg_pad_key_at(const struct bg_pad_keys *keys, uint64_t t, struct bg_position_key *ret_key)
{
    struct bg_hmac_state state = keys->prefix;
    struct bg_digest block;
    uint8_t rest[9];
    put_little_endian(t, rest, 8);
    rest[8] = 1;
    bg_hmac_update(&state, OF_ARRAY(rest));
    bg_hmac_finish(&state, &block);
    memcpy(ret_key->bytes, block.bytes, sizeof ret_key->bytes);
    bg_wipe(&block, sizeof block);
}

/* The caller wipes the pad. */
static void pad_at(const struct bg_public_key *key, const struct bg_position_key *position,
                   uint8_t ret_pad[static MOST_PLAINTEXT_BYTES])
{
    static const uint8_t nonce[12];
    uint8_t stream[MOST_PLAINTEXT_BYTES + BG_DIGITS_EXCESS_BYTES];
    size_t size = bg_public_key_plaintext_bytes(key) + BG_DIGITS_EXCESS_BYTES;
    memset(stream, 0, size);
    int failed = mbedtls_chacha20_crypt(position->bytes, nonce, 0, size, stream, stream);
    assert(!failed);
    bg_digits_reduce(key, (struct bg_span){stream, size}, ret_pad);
    bg_wipe(stream, size);
}

enum bg_status bg_pad_add(const struct bg_public_key *key, const struct bg_position_key *position,
                          uint8_t *plaintext)
{
    uint8_t pad[MOST_PLAINTEXT_BYTES];
    if (!bg_digits_are_valid(key, plaintext, bg_public_key_s(key)))
        return BG_INVALID;
    pad_at(key, position, pad);
    bg_digits_add(key, pad, plaintext);
    bg_wipe(pad, sizeof pad);
    return BG_OK;
}

enum bg_status bg_pad_subtract(const struct bg_public_key *key, const struct bg_position_key *positions,
                               size_t members, uint8_t *sum)
{
    uint8_t pad[MOST_PLAINTEXT_BYTES];
    if (!bg_digits_are_valid(key, sum, bg_public_key_s(key)))
        return BG_INVALID;
    for (size_t i = 0; i < members; i++) {
        pad_at(key, &positions[i], pad);
        bg_digits_subtract(key, pad, sum);
    }
    bg_wipe(pad, sizeof pad);
    return BG_OK;
}

static void digest_of_key_at(const struct bg_pad_keys *keys, uint64_t t, struct bg_digest *ret_digest)
{
    struct bg_position_key position;
    bg_pad_key_at(keys, t, &position);
    bg_sha256(OF_ARRAY(position.bytes), ret_digest);
    bg_wipe(&position, sizeof position);
}

void bg_pad_commit(const struct bg_pad_keys *keys, uint64_t positions, struct bg_digest *ret_commitment)
{
    struct bg_sha256_state list;
    struct bg_digest digest;
    bg_sha256_init(&list);
    for (uint64_t t = 0; t < positions; t++) {
        digest_of_key_at(keys, t, &digest);
        bg_sha256_update(&list, OF_ARRAY(digest.bytes));
    }
    bg_sha256_finish(&list, ret_commitment);
}

void bg_pad_list(const struct bg_pad_keys *keys, uint64_t positions, uint8_t *ret_list)
{
    struct bg_digest digest;
    for (uint64_t t = 0; t < positions; t++) {
        digest_of_key_at(keys, t, &digest);
        memcpy(ret_list + t * BG_DIGEST_BYTES, digest.bytes, BG_DIGEST_BYTES);
    }
}

enum bg_status bg_pad_check_key(struct bg_span list, const struct bg_digest *commitment, uint64_t t,
                                const struct bg_position_key *position)
{
    struct bg_digest digest;
    if (list.size % BG_DIGEST_BYTES || t >= list.size / BG_DIGEST_BYTES)
        return BG_BAD_COMMITMENT;
    bg_sha256(list, &digest);
    if (!bg_digest_equal(&digest, commitment))
        return BG_BAD_COMMITMENT;
    bg_sha256(OF_ARRAY(position->bytes), &digest);
    const uint8_t *listed = list.data + (size_t)t * BG_DIGEST_BYTES;
    return memcmp(digest.bytes, listed, BG_DIGEST_BYTES) ? BG_BAD_COMMITMENT : BG_OK;
}
