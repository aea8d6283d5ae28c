/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/pad.h"

#include "crypto/big.h"
#include "tests/unit/crypto/hex.h"
#include "tests/vectors/pad_vectors.h"

#include <criterion/criterion.h>

TestSuite(pad);

#define CASES (sizeof pad_vectors / sizeof *pad_vectors)
#define MOST_BYTES 512

/* Everything that one vector's computations need. */
struct fixture {
    struct bg_public_key *key;
    size_t size; /* of a plaintext */
    struct bg_pad_context context;
    struct bg_pad_keys keys[PAD_MEMBERS];
    struct bg_position_key positions[PAD_MEMBERS];
};

static void set_up(size_t i, struct fixture *f)
{
    uint8_t n[MOST_BYTES], seed[BG_SEED_BYTES];
    struct bg_error error;
    cr_assert_eq(bg_public_key_create(from_hex(pad_vectors[i].n, n), pad_vectors[i].bits, pad_vectors[i].s,
                                      true, &error, &f->key), BG_OK, "%s", error.text);
    f->size = bg_public_key_plaintext_bytes(f->key);
    cr_assert(f->size <= MOST_BYTES);
    f->context = (struct bg_pad_context){.population = pad_vectors[i].population,
                                         .round = pad_vectors[i].round, .attempt = pad_vectors[i].attempt};
    from_hex(pad_vectors[i].plan_id, f->context.plan_id.bytes);
    for (size_t member = 0; member < PAD_MEMBERS; member++) {
        from_hex(pad_vectors[i].seeds[member], seed);
        bg_pad_keys_init(&f->keys[member], seed, &f->context);
        bg_pad_key_at(&f->keys[member], pad_vectors[i].t, &f->positions[member]);
    }
}

static void tear_down(struct fixture *f)
{
    for (size_t member = 0; member < PAD_MEMBERS; member++)
        bg_pad_keys_finish(&f->keys[member]);
    bg_public_key_destroy(&f->key);
}

Test(pad, position_keys_match_the_second_implementation)
{
    for (size_t i = 0; i < CASES; i++) {
        struct fixture f;
        set_up(i, &f);
        for (size_t member = 0; member < PAD_MEMBERS; member++)
            expect_hex(f.positions[member].bytes, pad_vectors[i].keys[member]);
        tear_down(&f);
    }
}

Test(pad, add_and_subtract_match_the_second_implementation)
{
    for (size_t i = 0; i < CASES; i++) {
        struct fixture f;
        uint8_t value[MOST_BYTES];
        set_up(i, &f);
        from_hex(pad_vectors[i].plaintext, value);
        cr_assert_eq(bg_pad_add(f.key, &f.positions[0], value), BG_OK);
        expect_hex(value, pad_vectors[i].padded);
        cr_assert_eq(bg_pad_subtract(f.key, &f.positions[0], 1, value), BG_OK);
        expect_hex(value, pad_vectors[i].plaintext);

        from_hex(pad_vectors[i].sum, value);
        cr_assert_eq(bg_pad_subtract(f.key, f.positions, PAD_MEMBERS, value), BG_OK);
        expect_hex(value, pad_vectors[i].unpadded);
        tear_down(&f);
    }
}

Test(pad, sum_of_padded_members_unpads_to_the_sum_of_plaintexts)
{
    for (size_t i = 0; i < CASES; i++) {
        struct fixture f;
        uint8_t value[MOST_BYTES], expected[MOST_BYTES];
        mpz_t sum, plain_sum, number;
        set_up(i, &f);
        mpz_inits(sum, plain_sum, number, NULL);
        for (unsigned member = 0; member < PAD_MEMBERS; member++) {
            memset(value, 0, sizeof value);
            value[0] = (uint8_t)(200 + member);
            value[f.size - 2] = (uint8_t)(255 - member);
            bg_big_from_digits(f.key, value, f.key->s, number);
            mpz_add(plain_sum, plain_sum, number);
            cr_assert_eq(bg_pad_add(f.key, &f.positions[member], value), BG_OK);
            bg_big_from_digits(f.key, value, f.key->s, number);
            mpz_add(sum, sum, number);
        }
        mpz_mod(sum, sum, f.key->power[f.key->s]);
        bg_big_to_digits(f.key, sum, f.key->s, value);
        bg_big_to_digits(f.key, plain_sum, f.key->s, expected);
        cr_assert_eq(bg_pad_subtract(f.key, f.positions, PAD_MEMBERS, value), BG_OK);
        cr_assert_arr_eq(value, expected, f.size);
        mpz_clears(sum, plain_sum, number, NULL);
        tear_down(&f);
    }
}

Test(pad, another_context_gives_other_pads)
{
    struct fixture f;
    uint8_t seed[BG_SEED_BYTES];
    set_up(1, &f);
    from_hex(pad_vectors[1].seeds[0], seed);
    struct bg_pad_context changed[] = {f.context, f.context, f.context, f.context};
    changed[0].population = "office-east";
    changed[1].plan_id.bytes[31] ^= 0x80;
    changed[2].round++;
    changed[3].attempt++;
    for (size_t i = 0; i < 4; i++) {
        struct bg_pad_keys keys;
        struct bg_position_key position;
        bg_pad_keys_init(&keys, seed, &changed[i]);
        bg_pad_key_at(&keys, pad_vectors[1].t, &position);
        cr_assert_neq(memcmp(&position, &f.positions[0], sizeof position), 0);
        bg_pad_keys_finish(&keys);
    }
    struct bg_position_key next;
    bg_pad_key_at(&f.keys[0], pad_vectors[1].t + 1, &next);
    cr_assert_neq(memcmp(&next, &f.positions[0], sizeof next), 0);
    tear_down(&f);
}

/* The largest plaintext is n^s − 1, with every digit n − 1. */
Test(pad, refuses_digits_of_n_or_more)
{
    for (size_t i = 0; i < CASES; i++) {
        struct fixture f;
        uint8_t value[MOST_BYTES], before[MOST_BYTES];
        mpz_t largest;
        set_up(i, &f);
        mpz_init(largest);
        mpz_sub_ui(largest, f.key->power[f.key->s], 1);
        bg_big_to_digits(f.key, largest, f.key->s, value);
        mpz_clear(largest);
        for (size_t digit = 0; digit < f.key->s; digit++) {
            value[digit * f.key->digit_bytes]++; /* n is odd: n − 1 becomes n without a carry */
            memcpy(before, value, f.size);
            cr_assert_eq(bg_pad_add(f.key, &f.positions[0], value), BG_INVALID);
            cr_assert_eq(bg_pad_subtract(f.key, f.positions, PAD_MEMBERS, value), BG_INVALID);
            cr_assert_arr_eq(value, before, f.size);
            value[digit * f.key->digit_bytes]--;
        }
        memcpy(before, value, f.size);
        cr_assert_eq(bg_pad_add(f.key, &f.positions[0], value), BG_OK);
        cr_assert_eq(bg_pad_subtract(f.key, f.positions, 1, value), BG_OK);
        cr_assert_arr_eq(value, before, f.size);
        tear_down(&f);
    }
}

Test(pad, commitments_match_the_second_implementation)
{
    for (size_t i = 0; i < CASES; i++) {
        struct fixture f;
        struct bg_digest commitment, empty;
        set_up(i, &f);
        bg_pad_commit(&f.keys[0], PAD_POSITIONS, &commitment);
        expect_hex(commitment.bytes, pad_vectors[i].commitment);
        bg_pad_commit(&f.keys[0], 0, &empty);
        expect_hex(empty.bytes, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        tear_down(&f);
    }
}

Test(pad, false_seed_or_count_breaks_the_commitment)
{
    struct fixture f;
    struct bg_digest commitment, other;
    set_up(0, &f);
    bg_pad_commit(&f.keys[0], PAD_POSITIONS, &commitment);
    bg_pad_commit(&f.keys[1], PAD_POSITIONS, &other);
    cr_assert_not(bg_digest_equal(&commitment, &other));
    bg_pad_commit(&f.keys[0], PAD_POSITIONS - 1, &other);
    cr_assert_not(bg_digest_equal(&commitment, &other));
    tear_down(&f);
}

Test(pad, audit_accepts_the_committed_key_and_nothing_else)
{
    struct fixture f;
    struct bg_digest commitment;
    struct bg_position_key position;
    uint8_t list[PAD_POSITIONS * BG_DIGEST_BYTES];
    struct bg_span span = {list, sizeof list};
    set_up(0, &f);
    bg_pad_commit(&f.keys[0], PAD_POSITIONS, &commitment);
    bg_pad_list(&f.keys[0], PAD_POSITIONS, list);
    for (uint64_t t = 0; t < PAD_POSITIONS; t++) {
        bg_pad_key_at(&f.keys[0], t, &position);
        cr_assert_eq(bg_pad_check_key(span, &commitment, t, &position), BG_OK);
        uint64_t next = (t + 1) % PAD_POSITIONS;
        cr_assert_eq(bg_pad_check_key(span, &commitment, next, &position), BG_BAD_COMMITMENT);
        position.bytes[t % BG_POSITION_KEY_BYTES] ^= 1;
        cr_assert_eq(bg_pad_check_key(span, &commitment, t, &position), BG_BAD_COMMITMENT);
    }
    bg_pad_key_at(&f.keys[0], 3, &position);
    for (size_t byte = 0; byte < sizeof list; byte += 17) {
        list[byte] ^= 4;
        cr_assert_eq(bg_pad_check_key(span, &commitment, 3, &position), BG_BAD_COMMITMENT);
        list[byte] ^= 4;
    }
    for (span.size = 0; span.size < sizeof list; span.size++)
        cr_assert_eq(bg_pad_check_key(span, &commitment, 3, &position), BG_BAD_COMMITMENT);
    cr_assert_eq(bg_pad_check_key(span, &commitment, PAD_POSITIONS, &position), BG_BAD_COMMITMENT);
    cr_assert_eq(bg_pad_check_key(span, &commitment, UINT64_MAX, &position), BG_BAD_COMMITMENT);
    commitment.bytes[0] ^= 1;
    cr_assert_eq(bg_pad_check_key(span, &commitment, 3, &position), BG_BAD_COMMITMENT);
    tear_down(&f);
}

Test(pad, keys_are_wiped_at_their_end)
{
    static const struct bg_pad_keys zero;
    struct fixture f;
    set_up(0, &f);
    bg_pad_keys_finish(&f.keys[0]);
    cr_assert_eq(memcmp(&f.keys[0], &zero, sizeof zero), 0);
    tear_down(&f);
}
