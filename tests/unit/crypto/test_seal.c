/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/seal.h"

#include "tests/unit/crypto/hex.h"
#include "tests/vectors/hpke_vectors.h"

#include <criterion/criterion.h>

TestSuite(seal);

#define A5_RECIPIENT "a4d1c55836aa30f9b3fbb6ac98d338c877c2867dd3a77396d13f68d3ab150d3b"
#define A5_EPHEMERAL "7550253e1147aae48839c1f8af80d2770fb7a4c763afe7d0afa7e0f42a5b3689"
#define A5_SEALED                                                                                            \
    "04c07836a0206e04e31d8ae99bfd549380b072a1b1b82e563c935c095827824fc1"                                     \
    "559eac6fb9e3c70cd3193968994e7fe9781aa103f5b50e934b5b2f387e381291"                                       \
    "6469c41c5c81d3aa85432531ecf6460ec945bde1eb428cb2fedf7a29f5a685b4ccb0d057f03ea2952a27bb458b"
#define A5_INFO of_text("Ode on a Grecian Urn")
#define A5_AAD of_text("Count-0")
#define A5_PLAINTEXT of_text("Beauty is truth, truth beauty")
#define A5_SIZE (29 + BG_SEAL_OVERHEAD)

static const uint8_t secret_one[BG_SCALAR_BYTES] = {[BG_SCALAR_BYTES - 1] = 1};

/* (0, sqrt b): on the curve, and its own Diffie–Hellman value with the secret 1 is zero. */
#define ZERO_X_POINT                                                                                         \
    "040000000000000000000000000000000000000000000000000000000000000000"                                     \
    "66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4"

static struct bg_sealing_key *key_of(const char *hex)
{
    uint8_t secret[BG_SCALAR_BYTES];
    struct bg_sealing_key *key;
    from_hex(hex, secret);
    cr_assert_eq(bg_sealing_key_from_secret(secret, &key), BG_OK);
    return key;
}

static enum bg_status fill_with_context(void *context, void *data, size_t size)
{
    cr_assert_eq(size, BG_SCALAR_BYTES);
    memcpy(data, context, size);
    return BG_OK;
}

static void expect_vector(const char *recipient, const char *ephemeral, struct bg_span info,
                          struct bg_span aad, struct bg_span plaintext, const char *sealed_hex)
{
    uint8_t scalar[BG_SCALAR_BYTES], sealed[512], opened[512];
    struct bg_random random = {fill_with_context, scalar};
    struct bg_sealing_key *key = key_of(recipient);
    from_hex(ephemeral, scalar);
    memset(sealed, 0x5a, sizeof sealed);
    cr_assert_eq(bg_seal(bg_sealing_key_point(key), info, aad, plaintext, &random, sealed), BG_OK);
    expect_hex(sealed, sealed_hex);
    struct bg_span span = {sealed, plaintext.size + BG_SEAL_OVERHEAD};
    cr_assert_eq(strlen(sealed_hex), 2 * span.size);
    cr_assert_eq(sealed[span.size], 0x5a);
    memset(opened, 0x5a, sizeof opened);
    cr_assert_eq(bg_seal_open(key, info, aad, span, opened), BG_OK);
    cr_assert(plaintext.size == 0 || memcmp(opened, plaintext.data, plaintext.size) == 0);
    cr_assert_eq(opened[plaintext.size], 0x5a);
    bg_sealing_key_destroy(&key);
    cr_assert_null(key);
}

/* Appendix A.5.1, sequence number 0. */
Test(seal, matches_rfc_9180)
{
    expect_vector(A5_RECIPIENT, A5_EPHEMERAL, A5_INFO, A5_AAD, A5_PLAINTEXT, A5_SEALED);
}

Test(seal, matches_the_second_implementation)
{
    for (size_t i = 0; i < sizeof hpke_vectors / sizeof *hpke_vectors; i++) {
        uint8_t info[512], aad[512], plaintext[512];
        expect_vector(hpke_vectors[i].recipient_secret, hpke_vectors[i].ephemeral_secret,
                      from_hex(hpke_vectors[i].info, info), from_hex(hpke_vectors[i].aad, aad),
                      from_hex(hpke_vectors[i].plaintext, plaintext), hpke_vectors[i].sealed);
    }
}

Test(seal, is_fresh_every_time)
{
    struct bg_random random = bg_random_system();
    struct bg_sealing_key *key;
    uint8_t first[A5_SIZE], second[A5_SIZE], opened[29];
    cr_assert_eq(bg_sealing_key_create(&random, &key), BG_OK);
    const uint8_t *point = bg_sealing_key_point(key);
    cr_assert_eq(bg_seal(point, A5_INFO, A5_AAD, A5_PLAINTEXT, &random, first), BG_OK);
    cr_assert_eq(bg_seal(point, A5_INFO, A5_AAD, A5_PLAINTEXT, &random, second), BG_OK);
    cr_assert_neq(memcmp(first, second, BG_PUBLIC_POINT_BYTES), 0);
    cr_assert_neq(memcmp(first + BG_PUBLIC_POINT_BYTES, second + BG_PUBLIC_POINT_BYTES, 45), 0);
    cr_assert_eq(bg_seal_open(key, A5_INFO, A5_AAD, (struct bg_span){first, A5_SIZE}, opened), BG_OK);
    cr_assert_eq(bg_seal_open(key, A5_INFO, A5_AAD, (struct bg_span){second, A5_SIZE}, opened), BG_OK);

    uint8_t secret[BG_SCALAR_BYTES];
    struct bg_sealing_key *copy;
    bg_sealing_key_secret(key, secret);
    cr_assert_eq(bg_sealing_key_from_secret(secret, &copy), BG_OK);
    cr_assert_eq(bg_seal_open(copy, A5_INFO, A5_AAD, (struct bg_span){first, A5_SIZE}, opened), BG_OK);
    bg_sealing_key_destroy(&copy);
    bg_sealing_key_destroy(&key);
}

Test(seal, open_refuses_every_shorter_and_longer_message)
{
    struct bg_sealing_key *key = key_of(A5_RECIPIENT);
    uint8_t sealed[A5_SIZE + 1] = {0}, opened[A5_SIZE];
    from_hex(A5_SEALED, sealed);
    for (size_t size = 0; size < A5_SIZE; size++) {
        enum bg_status expected = size < BG_SEAL_OVERHEAD ? BG_TRUNCATED : BG_BAD_SEAL;
        cr_assert_eq(bg_seal_open(key, A5_INFO, A5_AAD, (struct bg_span){sealed, size}, opened), expected);
    }
    struct bg_span longer = {sealed, A5_SIZE + 1};
    cr_assert_eq(bg_seal_open(key, A5_INFO, A5_AAD, longer, opened), BG_BAD_SEAL);
    cr_assert_eq(bg_seal_open(key, A5_INFO, A5_AAD, (struct bg_span){0}, opened), BG_TRUNCATED);
    bg_sealing_key_destroy(&key);
}

Test(seal, open_refuses_every_flipped_bit_and_leaves_zeros)
{
    struct bg_sealing_key *key = key_of(A5_RECIPIENT);
    uint8_t sealed[A5_SIZE], opened[29];
    struct bg_span span = {from_hex(A5_SEALED, sealed).data, A5_SIZE};
    for (size_t bit = 0; bit < 8 * span.size; bit++) {
        memset(opened, 0, sizeof opened);
        sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert_eq(bg_seal_open(key, A5_INFO, A5_AAD, span, opened), BG_BAD_SEAL);
        sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        for (size_t i = 0; i < sizeof opened; i++)
            cr_assert_eq(opened[i], 0);
    }
    cr_assert_eq(bg_seal_open(key, A5_INFO, A5_AAD, span, opened), BG_OK);
    bg_sealing_key_destroy(&key);
}

Test(seal, open_refuses_another_context_or_key)
{
    struct bg_sealing_key *key = key_of(A5_RECIPIENT), *other = key_of(A5_EPHEMERAL);
    uint8_t sealed[A5_SIZE], opened[29];
    struct bg_span span = from_hex(A5_SEALED, sealed);
    cr_assert_eq(bg_seal_open(other, A5_INFO, A5_AAD, span, opened), BG_BAD_SEAL);
    cr_assert_eq(bg_seal_open(key, A5_AAD, A5_INFO, span, opened), BG_BAD_SEAL);
    cr_assert_eq(bg_seal_open(key, (struct bg_span){0}, A5_AAD, span, opened), BG_BAD_SEAL);
    cr_assert_eq(bg_seal_open(key, A5_INFO, (struct bg_span){0}, span, opened), BG_BAD_SEAL);
    cr_assert_eq(bg_seal_open(key, A5_INFO, of_text("Count-1"), span, opened), BG_BAD_SEAL);
    bg_sealing_key_destroy(&other);
    bg_sealing_key_destroy(&key);
}

Test(seal, refuses_recipients_off_the_curve)
{
    struct bg_random random = bg_random_system();
    struct bg_sealing_key *key = key_of(A5_RECIPIENT);
    uint8_t point[BG_PUBLIC_POINT_BYTES], sealed[A5_SIZE];
    memcpy(point, bg_sealing_key_point(key), sizeof point);
    for (size_t i = 0; i < sizeof point; i++) {
        point[i] ^= 0x10;
        cr_assert_eq(bg_seal(point, A5_INFO, A5_AAD, A5_PLAINTEXT, &random, sealed), BG_BAD_KEY);
        point[i] ^= 0x10;
    }
    memset(point, 0, sizeof point);
    cr_assert_eq(bg_seal(point, A5_INFO, A5_AAD, A5_PLAINTEXT, &random, sealed), BG_BAD_KEY);
    bg_sealing_key_destroy(&key);
}

Test(seal, refuses_the_all_zero_shared_secret)
{
    uint8_t point[BG_PUBLIC_POINT_BYTES], scalar[BG_SCALAR_BYTES], sealed[A5_SIZE] = {0}, opened[29];
    struct bg_random random = {fill_with_context, scalar};
    memcpy(scalar, secret_one, sizeof scalar);
    from_hex(ZERO_X_POINT, point);
    cr_assert_eq(bg_seal(point, A5_INFO, A5_AAD, A5_PLAINTEXT, &random, sealed), BG_BAD_KEY);

    struct bg_sealing_key *key;
    cr_assert_eq(bg_sealing_key_from_secret(secret_one, &key), BG_OK);
    memcpy(sealed, point, sizeof point);
    cr_assert_eq(bg_seal_open(key, A5_INFO, A5_AAD, (struct bg_span){sealed, A5_SIZE}, opened), BG_BAD_SEAL);
    bg_sealing_key_destroy(&key);
}

static enum bg_status fail(void *context, void *data, size_t size)
{
    (void)context, (void)data, (void)size;
    return BG_RANDOM;
}

Test(seal, needs_randomness)
{
    struct bg_random random = {.fill = fail};
    struct bg_sealing_key *key = key_of(A5_RECIPIENT), *fresh = NULL;
    uint8_t sealed[A5_SIZE] = {0};
    const uint8_t *point = bg_sealing_key_point(key);
    cr_assert_eq(bg_seal(point, A5_INFO, A5_AAD, A5_PLAINTEXT, &random, sealed), BG_RANDOM);
    for (size_t i = 0; i < sizeof sealed; i++)
        cr_assert_eq(sealed[i], 0);
    cr_assert_eq(bg_sealing_key_create(&random, &fresh), BG_RANDOM);
    cr_assert_null(fresh);
    bg_sealing_key_destroy(&key);
}
