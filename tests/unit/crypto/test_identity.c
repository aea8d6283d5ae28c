/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/identity.h"

#include "tests/unit/crypto/hex.h"

#include <criterion/criterion.h>
#include <pthread.h>

TestSuite(identity);

#define ORDER "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
#define RFC_SECRET "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"
#define RFC_POINT                                                                                            \
    "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"                                     \
    "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
#define RFC_SAMPLE                                                                                           \
    "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"                                       \
    "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
#define RFC_TEST                                                                                             \
    "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367"                                       \
    "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083"

static struct bg_identity *rfc_identity(void)
{
    uint8_t secret[BG_SCALAR_BYTES];
    struct bg_identity *identity;
    from_hex(RFC_SECRET, secret);
    cr_assert_eq(bg_identity_from_secret(secret, &identity), BG_OK);
    return identity;
}

/* Appendix A.2.5 with SHA-256. */
Test(identity, signatures_match_rfc_6979)
{
    struct bg_identity *identity = rfc_identity();
    uint8_t signature[BG_SIGNATURE_BYTES];
    expect_hex(bg_identity_point(identity), RFC_POINT);
    cr_assert_eq(bg_identity_sign(identity, of_text("sample"), signature), BG_OK);
    expect_hex(signature, RFC_SAMPLE);
    cr_assert_eq(bg_identity_sign(identity, of_text("test"), signature), BG_OK);
    expect_hex(signature, RFC_TEST);
    cr_assert_eq(bg_point_verify(bg_identity_point(identity), of_text("test"), signature), BG_OK);
    bg_identity_destroy(&identity);
    cr_assert_null(identity);
    bg_identity_destroy(&identity);
}

Test(identity, is_named_by_the_digest_of_its_point)
{
    struct bg_identity *identity = rfc_identity();
    struct bg_digest digest;
    uint8_t secret[BG_SCALAR_BYTES];
    bg_point_digest(bg_identity_point(identity), &digest);
    cr_assert(bg_digest_equal(&digest, bg_identity_digest(identity)));
    expect_hex(digest.bytes, "b18b86ce1389e46de87aa4a5131ce83c1160fa33c087ab15b863574d31d8ff3c");
    bg_identity_secret(identity, secret);
    expect_hex(secret, RFC_SECRET);
    bg_identity_destroy(&identity);
}

Test(identity, refuses_secrets_outside_the_order)
{
    static const char *const bad[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        ORDER,
        "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632552",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    };
    uint8_t secret[BG_SCALAR_BYTES];
    struct bg_identity *identity = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        from_hex(bad[i], secret);
        cr_assert_eq(bg_identity_from_secret(secret, &identity), BG_BAD_KEY);
        cr_assert_null(identity);
    }
    /* (order − 1)·G = −G: the base point's x, and p − y. */
    from_hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550", secret);
    cr_assert_eq(bg_identity_from_secret(secret, &identity), BG_OK);
    expect_hex(bg_identity_point(identity),
               "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
               "b01cbd1c01e58065711814b583f061e9d431cca994cea1313449bf97c840ae0a");
    bg_identity_destroy(&identity);
}

struct draws {
    const char *const *hex;
    size_t count;
    size_t used;
};

static enum bg_status draw(void *context, void *data, size_t size)
{
    struct draws *draws = context;
    cr_assert_eq(size, BG_SCALAR_BYTES);
    if (draws->used == draws->count)
        return BG_RANDOM;
    from_hex(draws->hex[draws->used++], data);
    return BG_OK;
}

Test(identity, draws_again_until_the_scalar_is_in_range)
{
    static const char *const hex[] = {
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        ORDER,
        "0000000000000000000000000000000000000000000000000000000000000000",
        RFC_SECRET,
    };
    struct draws draws = {.hex = hex, .count = 4};
    struct bg_random random = {draw, &draws};
    struct bg_identity *identity = NULL;
    cr_assert_eq(bg_identity_create(&random, &identity), BG_OK);
    cr_assert_eq(draws.used, 4);
    expect_hex(bg_identity_point(identity), RFC_POINT);
    bg_identity_destroy(&identity);

    draws = (struct draws){.hex = hex, .count = 3};
    cr_assert_eq(bg_identity_create(&random, &identity), BG_RANDOM);
    cr_assert_null(identity);
}

static enum bg_status fill_with_ones(void *context, void *data, size_t size)
{
    (void)context;
    memset(data, 0xff, size);
    return BG_OK;
}

Test(identity, stuck_random_source_is_an_error)
{
    struct bg_random random = {.fill = fill_with_ones};
    struct bg_identity *identity = NULL;
    cr_assert_eq(bg_identity_create(&random, &identity), BG_RANDOM);
    cr_assert_null(identity);
}

Test(identity, verify_refuses_every_flipped_bit)
{
    uint8_t point[BG_PUBLIC_POINT_BYTES], signature[BG_SIGNATURE_BYTES], message[] = "sample";
    struct bg_span span = {message, sizeof message - 1};
    from_hex(RFC_POINT, point);
    from_hex(RFC_SAMPLE, signature);
    cr_assert_eq(bg_point_verify(point, span, signature), BG_OK);
    for (size_t bit = 0; bit < 8 * span.size; bit++) {
        message[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert_eq(bg_point_verify(point, span, signature), BG_BAD_SIGNATURE);
        message[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * sizeof signature; bit++) {
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert_eq(bg_point_verify(point, span, signature), BG_BAD_SIGNATURE);
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * sizeof point; bit++) {
        point[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert_eq(bg_point_check(point), BG_BAD_KEY);
        cr_assert_eq(bg_point_verify(point, span, signature), BG_BAD_KEY);
        point[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    cr_assert_eq(bg_point_verify(point, (struct bg_span){message, 5}, signature), BG_BAD_SIGNATURE);
    cr_assert_eq(bg_point_verify(point, (struct bg_span){0}, signature), BG_BAD_SIGNATURE);
}

Test(identity, verify_refuses_another_valid_key)
{
    struct bg_random random = bg_random_system();
    struct bg_identity *other;
    uint8_t signature[BG_SIGNATURE_BYTES];
    cr_assert_eq(bg_identity_create(&random, &other), BG_OK);
    from_hex(RFC_SAMPLE, signature);
    cr_assert_eq(bg_point_verify(bg_identity_point(other), of_text("sample"), signature), BG_BAD_SIGNATURE);
    bg_identity_destroy(&other);
}

Test(identity, verify_refuses_r_and_s_outside_the_order)
{
    static const char *const bad[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        ORDER,
        "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632552",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    };
    uint8_t point[BG_PUBLIC_POINT_BYTES], signature[BG_SIGNATURE_BYTES];
    from_hex(RFC_POINT, point);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        for (size_t half = 0; half < 2; half++) {
            from_hex(RFC_SAMPLE, signature);
            from_hex(bad[i], signature + half * BG_SCALAR_BYTES);
            cr_assert_eq(bg_point_verify(point, of_text("sample"), signature), BG_BAD_SIGNATURE);
        }
    memset(signature, 0, sizeof signature);
    cr_assert_eq(bg_point_verify(point, of_text("sample"), signature), BG_BAD_SIGNATURE);
}

Test(identity, refuses_points_that_are_not_on_the_curve)
{
    static const char *const bad[] = {
        /* all zero; infinity as 04 ‖ 0 ‖ 0 */
        "000000000000000000000000000000000000000000000000000000000000000000"
        "0000000000000000000000000000000000000000000000000000000000000000",
        "040000000000000000000000000000000000000000000000000000000000000000"
        "0000000000000000000000000000000000000000000000000000000000000000",
        /* x = p, y = sqrt(b): a point only after reduction */
        "04ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"
        "66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4",
        /* hybrid form of a point that is on the curve */
        "0760fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
        "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
    };
    uint8_t point[BG_PUBLIC_POINT_BYTES];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_assert_eq(strlen(bad[i]), 2 * sizeof point);
        from_hex(bad[i], point);
        cr_assert_eq(bg_point_check(point), BG_BAD_KEY);
    }
    from_hex("040000000000000000000000000000000000000000000000000000000000000000"
             "66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4", point);
    cr_assert_eq(bg_point_check(point), BG_OK, "x = 0 is on the curve");
}

static void *sign_and_verify(void *context)
{
    const struct bg_identity *identity = context;
    uint8_t signature[BG_SIGNATURE_BYTES];
    for (int i = 0; i < 10; i++) {
        if (bg_identity_sign(identity, of_text("sample"), signature) != BG_OK ||
            bg_point_verify(bg_identity_point(identity), of_text("sample"), signature) != BG_OK)
            return "failed";
        uint8_t expected[BG_SIGNATURE_BYTES];
        from_hex(RFC_SAMPLE, expected);
        if (memcmp(signature, expected, sizeof expected) != 0)
            return "differs";
    }
    return NULL;
}

Test(identity, one_identity_serves_many_threads)
{
    struct bg_identity *identity = rfc_identity();
    pthread_t threads[8];
    for (size_t i = 0; i < 8; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, sign_and_verify, identity), 0);
    for (size_t i = 0; i < 8; i++) {
        void *why;
        cr_assert_eq(pthread_join(threads[i], &why), 0);
        cr_assert_null(why);
    }
    bg_identity_destroy(&identity);
}
