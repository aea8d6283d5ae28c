/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/seal.h"

#include "crypto/digest.h"
#include "crypto/p256.h"
#include "crypto/wipe.h"

#include <assert.h>
#include <mbedtls/chachapoly.h>
#include <mbedtls/ecdh.h>
#include <stdlib.h>

#define KEY_BYTES 32
#define NONCE_BYTES 12
#define TAG_BYTES 16
#define MOST_INFO_BYTES 256 /* of LabeledExpand: both contexts below fit */

struct bg_sealing_key {
    struct bg_p256_pair pair;
};

static enum bg_status create(struct bg_p256_pair *pair, struct bg_sealing_key **ret_key)
{
    struct bg_sealing_key *key = malloc(sizeof *key);
    if (!key) {
        bg_p256_pair_finish(pair);
        return BG_NO_MEMORY;
    }
    key->pair = *pair;
    *ret_key = key;
    return BG_OK;
}

enum bg_status bg_sealing_key_create(const struct bg_random *random, struct bg_sealing_key **ret_key)
{
    struct bg_p256_pair pair;
    enum bg_status status = bg_p256_pair_random(random, &pair);
    return status ? status : create(&pair, ret_key);
}

enum bg_status bg_sealing_key_from_secret(const uint8_t secret[static BG_SCALAR_BYTES],
                                          struct bg_sealing_key **ret_key)
{
    struct bg_p256_pair pair;
    enum bg_status status = bg_p256_pair_from_secret(secret, &pair);
    return status ? status : create(&pair, ret_key);
}

void bg_sealing_key_destroy(struct bg_sealing_key **key)
{
    if (!*key)
        return;
    bg_p256_pair_finish(&(*key)->pair);
    free(*key);
    *key = NULL;
}

const uint8_t *bg_sealing_key_point(const struct bg_sealing_key *key)
{
    return key->pair.point;
}

void bg_sealing_key_secret(const struct bg_sealing_key *key, uint8_t ret_secret[static BG_SCALAR_BYTES])
{
    bg_p256_pair_secret(&key->pair, ret_secret);
}

/* RFC 9180, sections 4.1 and 5.1: "KEM" ‖ kem id, and "HPKE" ‖ kem id ‖ kdf id ‖ aead id. */
static const uint8_t kem_suite[] = {'K', 'E', 'M', 0, 0x10};
static const uint8_t hpke_suite[] = {'H', 'P', 'K', 'E', 0, 0x10, 0, 0x01, 0, 0x03};

static const struct bg_span nothing;

#define OF_ARRAY(bytes) ((struct bg_span){(bytes), sizeof(bytes)})

static struct bg_span of_text(const char *text)
{
    return (struct bg_span){(const uint8_t *)text, strlen(text)};
}

static struct bg_span of_digest(const struct bg_digest *digest)
{
    return (struct bg_span){digest->bytes, sizeof digest->bytes};
}

static void labeled_extract(struct bg_span suite, struct bg_span salt, const char *label,
                            struct bg_span input_key, struct bg_digest *ret_key)
{
    struct bg_hmac_state state;
    bg_hmac_init(&state, salt);
    bg_hmac_update(&state, of_text("HPKE-v1"));
    bg_hmac_update(&state, suite);
    bg_hmac_update(&state, of_text(label));
    bg_hmac_update(&state, input_key);
    bg_hmac_finish(&state, ret_key);
}

static void labeled_expand(struct bg_span suite, const struct bg_digest *key, const char *label,
                           struct bg_span context, uint8_t *ret_output, uint8_t size)
{
    const uint8_t length[] = {0, size};
    const struct bg_span parts[] = {OF_ARRAY(length), of_text("HPKE-v1"), suite, of_text(label), context};
    uint8_t info[MOST_INFO_BYTES];
    size_t used = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        assert(parts[i].size <= sizeof info - used);
        memcpy(info + used, parts[i].data, parts[i].size);
        used += parts[i].size;
    }
    bg_hkdf_expand(key, (struct bg_span){info, used}, ret_output, size);
}

/* The part of section 4.1 that both sides share: the Diffie–Hellman value of `secret` and `peer`, bound to
 * both public points. BG_BAD_KEY for the all-zero value. */
static enum bg_status agree(const mbedtls_mpi *secret, const mbedtls_ecp_point *peer,
                            const uint8_t ephemeral[static BG_PUBLIC_POINT_BYTES],
                            const uint8_t recipient[static BG_PUBLIC_POINT_BYTES],
                            struct bg_digest *ret_shared)
{
    static const uint8_t zeros[BG_SCALAR_BYTES];
    uint8_t x[BG_SCALAR_BYTES] = {0}, context[2 * BG_PUBLIC_POINT_BYTES];
    mbedtls_mpi z;
    mbedtls_mpi_init(&z);
    int failed = mbedtls_ecdh_compute_shared(bg_p256_group(), &z, peer, secret, bg_p256_blind, NULL);
    if (!failed)
        failed = mbedtls_mpi_write_binary(&z, x, sizeof x);
    mbedtls_mpi_free(&z);
    enum bg_status status = bg_p256_status(failed, BG_BAD_KEY);
    if (!status && bg_constant_time_equal(x, zeros, sizeof x))
        status = BG_BAD_KEY;
    if (!status) {
        struct bg_digest extracted;
        memcpy(context, ephemeral, BG_PUBLIC_POINT_BYTES);
        memcpy(context + BG_PUBLIC_POINT_BYTES, recipient, BG_PUBLIC_POINT_BYTES);
        labeled_extract(OF_ARRAY(kem_suite), nothing, "eae_prk", OF_ARRAY(x), &extracted);
        labeled_expand(OF_ARRAY(kem_suite), &extracted, "shared_secret", OF_ARRAY(context), ret_shared->bytes,
                       sizeof ret_shared->bytes);
        bg_wipe(&extracted, sizeof extracted);
    }
    bg_wipe(x, sizeof x);
    return status;
}

struct cipher_key {
    uint8_t key[KEY_BYTES];
    uint8_t nonce[NONCE_BYTES];
};

/* Section 5.1 in base mode; the nonce is that of the first and only message. */
static void schedule(const struct bg_digest *shared, struct bg_span info, struct cipher_key *ret)
{
    struct bg_digest psk_id_hash, info_hash, secret;
    uint8_t context[1 + 2 * BG_DIGEST_BYTES] = {0};
    labeled_extract(OF_ARRAY(hpke_suite), nothing, "psk_id_hash", nothing, &psk_id_hash);
    labeled_extract(OF_ARRAY(hpke_suite), nothing, "info_hash", info, &info_hash);
    memcpy(context + 1, psk_id_hash.bytes, BG_DIGEST_BYTES);
    memcpy(context + 1 + BG_DIGEST_BYTES, info_hash.bytes, BG_DIGEST_BYTES);
    labeled_extract(OF_ARRAY(hpke_suite), of_digest(shared), "secret", nothing, &secret);
    labeled_expand(OF_ARRAY(hpke_suite), &secret, "key", OF_ARRAY(context), ret->key, sizeof ret->key);
    labeled_expand(OF_ARRAY(hpke_suite), &secret, "base_nonce", OF_ARRAY(context), ret->nonce,
                   sizeof ret->nonce);
    bg_wipe(&secret, sizeof secret);
}

static void set_key(mbedtls_chachapoly_context *cipher, const struct cipher_key *key)
{
    mbedtls_chachapoly_init(cipher);
    int failed = mbedtls_chachapoly_setkey(cipher, key->key);
    assert(!failed);
}

enum bg_status bg_seal(const uint8_t recipient[static BG_PUBLIC_POINT_BYTES], struct bg_span info,
                       struct bg_span aad, struct bg_span plaintext, const struct bg_random *random,
                       uint8_t *ret_sealed)
{
    struct bg_p256_pair ephemeral;
    struct bg_digest shared;
    mbedtls_ecp_point peer;
    mbedtls_ecp_point_init(&peer);
    enum bg_status status = bg_p256_read_point(recipient, &peer);
    if (status)
        goto out;
    status = bg_p256_pair_random(random, &ephemeral);
    if (status)
        goto out;
    status = agree(&ephemeral.secret, &peer, ephemeral.point, recipient, &shared);
    if (!status) {
        struct cipher_key key;
        mbedtls_chachapoly_context cipher;
        uint8_t *ciphertext = ret_sealed + BG_PUBLIC_POINT_BYTES;
        schedule(&shared, info, &key);
        set_key(&cipher, &key);
        memcpy(ret_sealed, ephemeral.point, BG_PUBLIC_POINT_BYTES);
        int failed = mbedtls_chachapoly_encrypt_and_tag(&cipher, plaintext.size, key.nonce, aad.data,
                                                        aad.size, plaintext.data, ciphertext,
                                                        ciphertext + plaintext.size);
        assert(!failed);
        mbedtls_chachapoly_free(&cipher);
        bg_wipe(&key, sizeof key);
        bg_wipe(&shared, sizeof shared);
    }
    bg_p256_pair_finish(&ephemeral);
out:
    mbedtls_ecp_point_free(&peer);
    return status;
}

static enum bg_status open_with(const struct cipher_key *key, struct bg_span aad, struct bg_span sealed,
                                uint8_t *ret_plaintext)
{
    const uint8_t *ciphertext = sealed.data + BG_PUBLIC_POINT_BYTES;
    size_t size = sealed.size - BG_SEAL_OVERHEAD;
    mbedtls_chachapoly_context cipher;
    set_key(&cipher, key);
    int failed = mbedtls_chachapoly_auth_decrypt(&cipher, size, key->nonce, aad.data, aad.size,
                                                 ciphertext + size, ciphertext, ret_plaintext);
    mbedtls_chachapoly_free(&cipher);
    if (failed)
        bg_wipe(ret_plaintext, size);
    return failed ? BG_BAD_SEAL : BG_OK;
}

enum bg_status bg_seal_open(const struct bg_sealing_key *key, struct bg_span info, struct bg_span aad,
                            struct bg_span sealed, uint8_t *ret_plaintext)
{
    if (sealed.size < BG_SEAL_OVERHEAD)
        return BG_TRUNCATED;
    struct bg_digest shared;
    struct cipher_key derived;
    mbedtls_ecp_point ephemeral;
    mbedtls_ecp_point_init(&ephemeral);
    enum bg_status status = bg_p256_read_point(sealed.data, &ephemeral);
    if (!status)
        status = agree(&key->pair.secret, &ephemeral, sealed.data, key->pair.point, &shared);
    mbedtls_ecp_point_free(&ephemeral);
    if (status)
        return status == BG_BAD_KEY ? BG_BAD_SEAL : status;
    schedule(&shared, info, &derived);
    status = open_with(&derived, aad, sealed, ret_plaintext);
    bg_wipe(&derived, sizeof derived);
    bg_wipe(&shared, sizeof shared);
    return status;
}
