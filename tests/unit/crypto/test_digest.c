/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/digest.h"

#include "tests/unit/crypto/hex.h"

#include <criterion/criterion.h>
#include <stdlib.h>

TestSuite(digest);

static void expect_sha256(struct bg_span data, const char *hex)
{
    struct bg_digest digest;
    bg_sha256(data, &digest);
    expect_hex(digest.bytes, hex);
}

Test(digest, sha256_matches_fips_180)
{
    expect_sha256(of_text(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect_sha256(of_text("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect_sha256(of_text("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
                  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

Test(digest, sha256_of_a_million_bytes_in_odd_pieces)
{
    uint8_t piece[997];
    memset(piece, 'a', sizeof piece);
    struct bg_sha256_state state;
    bg_sha256_init(&state);
    size_t left = 1000000;
    for (size_t size = 1; left; size = size % sizeof piece + 1) {
        size_t now = size < left ? size : left;
        bg_sha256_update(&state, (struct bg_span){piece, now});
        left -= now;
    }
    struct bg_digest digest;
    bg_sha256_finish(&state, &digest);
    expect_hex(digest.bytes, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

Test(digest, state_forks_by_assignment_and_is_wiped_at_its_end)
{
    struct bg_sha256_state state, fork;
    bg_sha256_init(&state);
    bg_sha256_update(&state, of_text("ab"));
    fork = state;
    bg_sha256_update(&state, of_text("x"));
    bg_sha256_update(&fork, of_text("c"));
    struct bg_digest digest;
    bg_sha256_finish(&state, &digest);
    bg_sha256_finish(&fork, &digest);
    expect_hex(digest.bytes, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    static const struct bg_sha256_state zero;
    cr_assert_arr_eq(state.opaque, zero.opaque, sizeof zero);
}

/* RFC 4231, test cases 1, 2, 3, 4, 6 and 7. */
Test(digest, hmac_matches_rfc_4231)
{
    static const struct {
        const char *key, *data, *tag;
    } cases[] = {
        {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {"4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         "dddddddddddddddddddddddddddddddddddddddddddddddddd"
         "dddddddddddddddddddddddddddddddddddddddddddddddddd",
         "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
        {"0102030405060708090a0b0c0d0e0f10111213141516171819",
         "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
         "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
         "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t key[64], data[64];
        struct bg_digest tag;
        bg_hmac_sha256(from_hex(cases[i].key, key), from_hex(cases[i].data, data), &tag);
        expect_hex(tag.bytes, cases[i].tag);
    }
}

Test(digest, hmac_hashes_keys_longer_than_a_block)
{
    uint8_t key[131];
    memset(key, 0xaa, sizeof key);
    struct bg_digest tag;
    bg_hmac_sha256((struct bg_span){key, sizeof key},
                   of_text("Test Using Larger Than Block-Size Key - Hash Key First"), &tag);
    expect_hex(tag.bytes, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

/* RFC 5869, appendix A.1, A.2 and A.3. */
Test(digest, hkdf_matches_rfc_5869)
{
    uint8_t key[22], salt[13], info[10], output[82];
    memset(key, 0x0b, sizeof key);
    struct bg_span input_key = {key, sizeof key};
    struct bg_digest extracted;
    bg_hkdf_extract(from_hex("000102030405060708090a0b0c", salt), input_key, &extracted);
    expect_hex(extracted.bytes, "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
    bg_hkdf_expand(&extracted, from_hex("f0f1f2f3f4f5f6f7f8f9", info), output, 42);
    expect_hex(output, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
                       "34007208d5b887185865");

    bg_hkdf_extract((struct bg_span){0}, input_key, &extracted);
    expect_hex(extracted.bytes, "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04");
    bg_hkdf_expand(&extracted, (struct bg_span){0}, output, 42);
    expect_hex(output, "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
                       "9d201395faa4b61a96c8");

    uint8_t long_key[80], long_salt[80], long_info[80];
    for (uint8_t i = 0; i < 80; i++) {
        long_key[i] = i;
        long_salt[i] = (uint8_t)(0x60 + i);
        long_info[i] = (uint8_t)(0xb0 + i);
    }
    bg_hkdf_extract((struct bg_span){long_salt, 80}, (struct bg_span){long_key, 80}, &extracted);
    expect_hex(extracted.bytes, "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244");
    bg_hkdf_expand(&extracted, (struct bg_span){long_info, 80}, output, 82);
    expect_hex(output, "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
                       "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
                       "cc30c58179ec3e87c14c01d5c1f3434f1d87");
}

Test(digest, hkdf_writes_exactly_the_bytes_asked_for)
{
    struct bg_digest key = {{1}};
    uint8_t *whole = malloc(BG_HKDF_MAX_BYTES), part[100];
    cr_assert(whole);
    bg_hkdf_expand(&key, of_text("size"), whole, BG_HKDF_MAX_BYTES);
    for (size_t size = 0; size < sizeof part; size++) {
        memset(part, 0x5a, sizeof part);
        bg_hkdf_expand(&key, of_text("size"), part, size);
        cr_assert_arr_eq(part, whole, size);
        cr_assert_eq(part[size], 0x5a);
    }
    free(whole);
}
