/* SPDX-License-Identifier: Apache-2.0 */
/* Members that know what they send, and members that send what others know. */
#include "crypto/digits.h"
#include "crypto/product.h"
#include "tests/unit/keyholder/keyholder_fixture.h"
#include "tests/unit/no_leaks.h"

#include <string.h>

TestSuite(knowledge);

static struct bg_cipher cipher_of(const struct fixture *f)
{
    return (struct bg_cipher){f->masks ? BG_ENCRYPTION_PAILLIER : BG_ENCRYPTION_NULL, f->settings.public_key};
}

/* payload = payload · other^times, position by position from `first` on */
static void multiply(const struct fixture *f, uint8_t *payload, const uint8_t *other, int times, size_t first,
                     size_t positions)
{
    struct bg_cipher cipher = cipher_of(f);
    struct bg_product *product = NULL;
    size_t width = bg_public_key_ciphertext_bytes(cipher.key), at = first * width, size = (positions - first) * width;
    cr_assert_eq(bg_product_create(&cipher, positions - first, &product), BG_OK);
    cr_assert_eq(bg_product_multiply(product, 0, positions - first, (struct bg_span){payload + at, size}), BG_OK);
    for (int i = 0; i < times; i++)
        cr_assert_eq(bg_product_multiply(product, 0, positions - first, (struct bg_span){other + at, size}), BG_OK);
    cr_assert_eq(bg_product_write(product, 0, positions - first, payload + at), BG_OK);
    bg_product_destroy(&product);
}

static uint32_t other_than(uint32_t place)
{
    return place == 0 ? 1 : 0;
}

static void copies(const struct fixture *f, const struct update *updates, uint32_t place, uint64_t positions)
{
    memcpy(updates[place].payload, updates[other_than(place)].payload,
           (size_t)positions * bg_public_key_ciphertext_bytes(f->settings.public_key));
}

/* c₁·c₂³ */
static void combines(const struct fixture *f, const struct update *updates, uint32_t place, uint64_t positions)
{
    copies(f, updates, place, positions);
    multiply(f, updates[place].payload, updates[2].payload, 3, 0, (size_t)positions);
}

/* c·(1+n): the other's plaintext and one more. */
static void adds_one(const struct fixture *f, const struct update *updates, uint32_t place, uint64_t positions)
{
    const struct bg_public_key *key = f->settings.public_key;
    uint8_t one[1024] = {1};
    copies(f, updates, place, positions);
    if (f->masks)
        memcpy(one + bg_public_key_digit_bytes(key), (const uint8_t[]){1}, 1);
    for (size_t t = 0; t < positions; t++)
        multiply(f, updates[place].payload + t * bg_public_key_ciphertext_bytes(key), one, 1, 0, 1);
}

/* Its own ciphertexts, but for the last position, which may be a tail: times another's. */
static void spoils_the_last(const struct fixture *f, const struct update *updates, uint32_t place, uint64_t positions)
{
    multiply(f, updates[place].payload, updates[other_than(place)].payload, 1, (size_t)positions - 1,
             (size_t)positions);
}

/* … but for the first. */
static void spoils_the_first(const struct fixture *f, const struct update *updates, uint32_t place, uint64_t positions)
{
    (void)positions;
    multiply(f, updates[place].payload, updates[other_than(place)].payload, 1, 0, 1);
}

/* Each way is found out, named, and costs the group its round, also without the member's lie; the next one opens. */
static void mauls_and_all_is_found(enum bg_plan_encryption encryption, uint32_t s, uint64_t positions, uint32_t lacks)
{
    void (*const ways[])(const struct fixture *, const struct update *, uint32_t, uint64_t) = {
        copies, combines, adds_one, spoils_the_last, spoils_the_first};
    struct fixture f;
    struct answer answer;
    fixture_init_knowing(&f, encryption, s);
    fixture_begin(&f);
    /* With seed 1 no plaintext is 0: times an encryption of that would be no lie. */
    struct wish wish = {.round = 1, .group = 1, .members = ALL, .positions = positions, .seed = 1};
    wish.tail_lacks = lacks * bg_public_key_digit_bytes(f.settings.public_key);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        wish.round++;
        wish.maul = ways[i];
        wish.mauler = 1 + (uint32_t)i % 2;
        cr_expect_eq(ask_release(&f, &wish, &answer), BG_BAD_KNOWLEDGE, "way %zu: %s", i, f.error.text);
        cr_expect_eq(f.notice.kind, BG_KEYHOLDER_NOTICE_REJECTED);
        cr_expect(names_client(&f, client_of(&f, 1, wish.mauler - 1)), "way %zu: %s", i, f.error.text);
        bg_writer_finish(&answer.bytes);
        wish.maul = NULL;
        cr_expect_eq(ask_release(&f, &wish, &answer), BG_REFUSED, "way %zu: %s", i, f.error.text);
        bg_writer_finish(&answer.bytes);
        wish.round++;
        ask_release(&f, &wish, &answer);
        expect_sums(&f, &answer, &wish);
        bg_writer_finish(&answer.bytes);
    }
    cr_expect(!bg_keyholder_locked(f.keyholder));
    fixture_finish(&f);
    NO_LEAKS();
}

Test(knowledge, names_who_sends_what_others_know)
{
    mauls_and_all_is_found(BG_PLAN_PAILLIER, 1, 3, 0);
    mauls_and_all_is_found(BG_PLAN_PAILLIER, 2, POSITIONS, 0);
}

Test(knowledge, names_who_mauls_a_short_tail)
{
    mauls_and_all_is_found(BG_PLAN_PAILLIER, 2, 65, 1);
    mauls_and_all_is_found(BG_PLAN_PAILLIER, 2, 3, 1);
    mauls_and_all_is_found(BG_PLAN_PAILLIER, 3, 1, 2);
}

Test(knowledge, is_checked_alike_without_encryption)
{
    mauls_and_all_is_found(BG_PLAN_NULL, 1, 3, 0);
    mauls_and_all_is_found(BG_PLAN_NULL, 2, 65, 1);
}

Test(knowledge, must_be_shown_where_the_plan_asks_and_nowhere_else)
{
    struct fixture f;
    struct answer answer;
    for (int knowing = 0; knowing < 2; knowing++) {
        if (knowing)
            fixture_init_knowing(&f, BG_PLAN_NULL, 2);
        else
            fixture_init(&f, BG_PLAN_NULL);
        fixture_begin(&f);
        struct wish wish = {.round = 1, .group = 1, .members = ALL, .untagged = 3};
        cr_expect_eq(ask_release(&f, &wish, &answer), BG_REFUSED, "%s", f.error.text);
        cr_expect(names_client(&f, client_of(&f, 1, 2)) && says(&f, "knowledge tags"), "%s", f.error.text);
        bg_writer_finish(&answer.bytes);
        wish.untagged = 0;
        ask_release(&f, &wish, &answer);
        expect_sums(&f, &answer, &wish);
        bg_writer_finish(&answer.bytes);
        fixture_finish(&f);
    }
}

Test(knowledge, that_cannot_be_unsealed_is_none)
{
    struct fixture f;
    struct answer answer;
    struct wish wish = {.round = 1, .group = 1, .members = ALL, .unsealed = 4};
    fixture_init_knowing(&f, BG_PLAN_PAILLIER, 2);
    fixture_begin(&f);
    cr_expect_eq(ask_release(&f, &wish, &answer), BG_BAD_KNOWLEDGE, "%s", f.error.text);
    cr_expect(names_client(&f, client_of(&f, 1, 3)) && says(&f, "sealed"), "%s", f.error.text);
    bg_writer_finish(&answer.bytes);
    fixture_finish(&f);
}

/* Blocks that are not challenged are not looked at, and those that are cost a decryption each. */
Test(knowledge, is_looked_at_where_blocks_are_challenged)
{
    struct fixture f;
    struct answer answer;
    struct wish wish = {.round = 1, .group = 1, .members = ALL, .maul = spoils_the_first, .mauler = 1, .seed = 1};
    unsigned found = 0;
    fixture_init_knowing(&f, BG_PLAN_NULL, 2);
    f.settings.release_blocks = 1;
    fixture_begin(&f);
    for (; wish.round < 60; wish.round++) {
        found += ask_release(&f, &wish, &answer) == BG_BAD_KNOWLEDGE;
        bg_writer_finish(&answer.bytes);
    }
    cr_expect(found > 5 && found < 55, "found %u times", found);
    fixture_finish(&f);
}
