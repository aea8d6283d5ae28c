/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/packing.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "base/prng.h"
#include "crypto/packing_digit.h"
#include "tests/vectors/packing_vectors.h"

#include "dj_fixture.h"

static struct bg_packing make_packing(const struct bg_public_key *key, uint32_t k_max, enum bg_radix radix,
                                      const struct bg_packing_field *fields, size_t field_count)
{
    struct bg_packing packing;
    struct bg_error error = {0};
    struct bg_packing_spec spec = {
        .bits = bg_public_key_bits(key),
        .s = bg_public_key_s(key),
        .k_max = k_max,
        .radix = radix,
        .fields = fields,
        .field_count = field_count,
    };
    cr_assert_eq(bg_packing_init(&packing, &spec, &error), BG_OK, "%s", error.text);
    return packing;
}

/* Every value in one array of uint64_t. Until the next call. */
static const struct bg_slots *flat(const struct bg_packing *packing, uint64_t *slots)
{
    static struct bg_slots fields[8];
    cr_assert_leq(packing->field_count, COUNT_OF(fields));
    for (size_t f = 0; f < packing->field_count; f++)
        fields[f] = (struct bg_slots){BG_SLOTS_U64, slots + packing->fields[f].first};
    return fields;
}

static uint8_t *plaintexts_for(const struct bg_packing *packing, const struct bg_public_key *key)
{
    uint8_t *plaintexts = malloc(packing->positions * bg_public_key_plaintext_bytes(key));
    cr_assert(plaintexts);
    return plaintexts;
}

/* Digits of `per_digit` slots each; the last position has as many as are left. */
Test(packing, gives_the_tail_the_digits_that_it_needs)
{
    for (uint32_t s = 1; s <= BG_KEY_MOST_S; s++) {
        struct bg_public_key *key = make_key(0, s);
        const size_t per_digit = 149; /* 448 bits of 3 */
        for (size_t digits = 1; digits <= 4 * s + 1; digits++)
            for (size_t spare = 0; spare < per_digit; spare += per_digit - 1) {
                struct bg_packing_field votes = {digits * per_digit - spare, 1, false};
                struct bg_packing packing = make_packing(key, 4, BG_RADIX_BITS, &votes, 1);
                cr_assert_eq(packing.positions, (digits + s - 1) / s);
                cr_assert_eq((packing.positions - 1) * s + packing.tail, digits);
                cr_assert(packing.tail >= 1 && packing.tail <= s);
                cr_assert_eq(bg_packing_first_slot(&packing, packing.positions), packing.slots);
                bg_packing_finish(&packing);
            }
        bg_public_key_destroy(&key);
    }
}

Test(packing, matches_known_answers)
{
    for (size_t v = 0; v < COUNT_OF(packing_vectors); v++) {
        const struct packing_vector *vector = &packing_vectors[v];
        struct bg_public_key *key;
        uint8_t *n = bytes_of(vector->n);
        struct bg_span modulus = {n, vector->bits / 8};
        cr_assert_eq(bg_public_key_create(modulus, vector->bits, vector->s, true, NULL, &key), BG_OK);
        struct bg_packing packing = make_packing(key, vector->k_max, vector->radix, vector->fields,
                                                 vector->field_count);
        uint8_t *plaintexts = plaintexts_for(&packing, key);
        uint64_t *slots = malloc(packing.slots * sizeof *slots), *back = calloc(packing.slots, sizeof *back);
        size_t size = packing.positions * bg_public_key_plaintext_bytes(key);
        for (size_t f = 0, i = 0; f < vector->field_count; f++)
            for (size_t stop = i + vector->fields[f].count; i < stop; i++) {
                uint64_t most = vector->fields[f].max;
                slots[i] = i % 5 == 0 ? most : (uint64_t)i * i * 0x9e3779b97f4a7c15u % (most + 1);
            }
        cr_assert_eq(2 * size, strlen(vector->plaintexts));
        cr_assert_eq(bg_pack(&packing, key, flat(&packing, slots), 0, packing.positions, plaintexts), BG_OK);
        expect_bytes(plaintexts, vector->plaintexts);
        cr_assert_eq(
            bg_unpack(&packing, key, (struct bg_span){plaintexts, size}, 0, packing.positions,
                      flat(&packing, back), NULL),
            BG_OK);
        cr_assert_arr_eq(back, slots, packing.slots * sizeof *slots);
        bg_packing_finish(&packing);
        bg_public_key_destroy(&key);
        free(plaintexts);
        free(slots);
        free(back);
        free(n);
    }
}

/* Σ += M of each position, as integers that stay below n^s. */
static void add_plaintexts(const struct bg_public_key *key, size_t positions, const uint8_t *plaintexts, uint8_t *sums)
{
    size_t width = bg_public_key_plaintext_bytes(key);
    mpz_t sum, m;
    mpz_inits(sum, m, NULL);
    for (size_t t = 0; t < positions; t++) {
        bg_big_from_digits(key, plaintexts + t * width, key->s, m);
        bg_big_from_digits(key, sums + t * width, key->s, sum);
        mpz_add(sum, sum, m);
        cr_assert_lt(mpz_cmp(sum, key->power[key->s]), 0);
        bg_big_to_digits(key, sum, key->s, sums + t * width);
    }
    mpz_clears(sum, m, NULL);
}

/* k_max members that send `largest ? max : random` add up, through the integers mod n^s, to the sums of
 * slots. */
static void expect_sums(const struct bg_public_key *key, const struct bg_packing *packing,
                        const struct bg_packing_field *fields, struct bg_prng *prng, bool largest)
{
    size_t width = bg_public_key_plaintext_bytes(key), positions = packing->positions, bad = 0;
    uint8_t *plaintexts = plaintexts_for(packing, key), *sums = calloc(positions, width);
    uint64_t *slots = malloc(packing->slots * sizeof *slots),
             *expected = calloc(packing->slots, sizeof *expected);
    for (uint32_t member = 0; member < packing->k_max; member++) {
        for (size_t f = 0, i = 0; i < packing->slots; f++)
            for (size_t stop = i + fields[f].count; i < stop; i++) {
                uint64_t most = fields[f].max;
                slots[i] = largest || most == UINT64_MAX ? most : bg_prng_below(prng, most + 1);
                expected[i] += slots[i];
            }
        cr_assert_eq(bg_pack(packing, key, flat(packing, slots), 0, positions, plaintexts), BG_OK);
        add_plaintexts(key, positions, plaintexts, sums);
    }
    memset(slots, 0xee, packing->slots * sizeof *slots);
    /* Position by position, from the last: ranges are independent. */
    for (size_t t = positions; t-- > 0;)
        cr_assert_eq(
            bg_unpack(packing, key, (struct bg_span){sums + t * width, width}, t, t + 1, flat(packing, slots), NULL),
            BG_OK);
    cr_assert_arr_eq(slots, expected, packing->slots * sizeof *slots);
    cr_assert_eq(bg_packing_check_sums(packing, flat(packing, slots), 0, positions, packing->k_max, NULL), BG_OK);
    if (largest && packing->k_max > 1) {
        cr_assert_eq(bg_packing_check_sums(packing, flat(packing, slots), 0, positions, packing->k_max - 1, &bad),
                     BG_OUT_OF_RANGE);
        cr_assert_eq(bad, 0);
    }
    free(plaintexts);
    free(sums);
    free(slots);
    free(expected);
}

Test(packing, random_field_lists_survive_addition)
{
    static const uint64_t largest[] = {1, 1, 1, 2, 3, 128, 65535, 1 << 20};
    struct bg_prng prng;
    bg_prng_init(&prng, 11);
    for (int run = 0; run < 60; run++) {
        struct bg_public_key *key =
            make_key((unsigned)bg_prng_below(&prng, 2), (uint32_t)bg_prng_below(&prng, 4) + 1);
        struct bg_packing_field fields[6];
        size_t count = (size_t)bg_prng_below(&prng, COUNT_OF(fields)) + 1;
        uint32_t k_max = (uint32_t)bg_prng_below(&prng, 12) + 1;
        for (size_t f = 0; f < count; f++) {
            fields[f] = (struct bg_packing_field){
                .count = (size_t)bg_prng_below(&prng, run % 3 ? 40 : 900) + 1,
                .max = largest[bg_prng_below(&prng, COUNT_OF(largest))],
                .wide = bg_prng_below(&prng, 4) == 0,
            };
            if (fields[f].wide)
                fields[f].max = UINT64_MAX / k_max;
        }
        for (int radix = BG_RADIX_BITS; radix <= BG_RADIX_MIXED; radix++) {
            struct bg_packing packing = make_packing(key, k_max, (enum bg_radix)radix, fields, count);
            expect_sums(key, &packing, fields, &prng, false);
            expect_sums(key, &packing, fields, &prng, true);
            bg_packing_finish(&packing);
        }
        bg_public_key_destroy(&key);
    }
}

/* The narrowest array for each field: bits for what one member sends, u16 for sums, where they can hold it. */
struct narrow {
    struct bg_slots fields[8];
    uint64_t *words;  /* (slots): more than all arrays take */
    size_t used;
};

static void narrow_init(struct narrow *narrow, const struct bg_packing *packing, bool sums, const uint64_t *slots)
{
    *narrow = (struct narrow){.words = calloc(packing->slots + 8, sizeof *narrow->words)};
    cr_assert_leq(packing->field_count, COUNT_OF(narrow->fields));
    for (size_t f = 0; f < packing->field_count; f++) {
        const struct bg_packing_run *run = &packing->fields[f];
        size_t count = run->end - run->first;
        struct bg_slots *field = &narrow->fields[f];
        field->values = narrow->words + narrow->used;
        field->type = !sums && run->max == 1 ? BG_SLOTS_BITS
                      : run->width != 64 && run->radix <= UINT16_MAX + 1 ? BG_SLOTS_U16 : BG_SLOTS_U64;
        narrow->used += field->type == BG_SLOTS_BITS ? (count + 63) / 64
                        : field->type == BG_SLOTS_U16 ? (count + 3) / 4 : count;
        for (size_t i = 0; i < count; i++) {
            uint64_t value = slots[run->first + i];
            if (field->type == BG_SLOTS_BITS)
                ((uint64_t *)field->values)[i / 64] |= value << i % 64;
            else if (field->type == BG_SLOTS_U16)
                ((uint16_t *)field->values)[i] = (uint16_t)value;
            else
                ((uint64_t *)field->values)[i] = value;
        }
    }
}

/* As many positions at a time as `stride`, from the last. */
static void expect_narrow(const struct bg_public_key *key, const struct bg_packing *packing, uint64_t *slots,
                          size_t stride)
{
    size_t width = bg_public_key_plaintext_bytes(key), size = packing->positions * width;
    uint8_t *flat_bytes = plaintexts_for(packing, key), *bytes = plaintexts_for(packing, key);
    uint64_t *none = calloc(packing->slots, sizeof *none);
    struct narrow sent, opened, expected;
    narrow_init(&sent, packing, false, slots);
    narrow_init(&opened, packing, true, none);
    narrow_init(&expected, packing, true, slots);
    cr_assert_eq(bg_pack(packing, key, flat(packing, slots), 0, packing->positions, flat_bytes), BG_OK);
    for (size_t end = packing->positions, begin; end > 0; end = begin) {
        begin = end < stride ? 0 : end - stride;
        cr_assert_eq(bg_pack(packing, key, sent.fields, begin, end, bytes + begin * width), BG_OK);
        struct bg_span sums = {bytes + begin * width, (end - begin) * width};
        cr_assert_eq(bg_unpack(packing, key, sums, begin, end, opened.fields, NULL), BG_OK);
    }
    cr_assert_arr_eq(bytes, flat_bytes, size, "kernel %s", packing->kernel->name);
    cr_assert_arr_eq(opened.words, expected.words, expected.used * 8, "kernel %s", packing->kernel->name);
    cr_assert_eq(bg_packing_check_sums(packing, opened.fields, 0, packing->positions, 1, NULL), BG_OK);
    free(sent.words);
    free(opened.words);
    free(expected.words);
    free(none);
    free(flat_bytes);
    free(bytes);
}

Test(packing, narrow_arrays_hold_the_same_as_wide_ones_with_every_kernel, .timeout = 60)
{
    static const uint64_t largest[] = {1, 1, 1, 128, 65535};
    const struct bg_slots_kernel *kernel;
    for (size_t k = 0; (kernel = bg_slots_kernel_at(k)); k++) {
        struct bg_prng prng;
        bg_prng_init(&prng, 13);
        bg_cpu_limit(kernel->needs);
        for (int run = 0; run < 120 && bg_cpu_has(kernel->needs); run++) {
            struct bg_public_key *key =
                make_key((unsigned)bg_prng_below(&prng, 2), (uint32_t)bg_prng_below(&prng, 3) + 1);
            struct bg_packing_field fields[5];
            size_t count = (size_t)bg_prng_below(&prng, COUNT_OF(fields)) + 1;
            uint32_t k_max = run % 4 ? (uint32_t)bg_prng_below(&prng, 64) + 1 : 1u << bg_prng_below(&prng, 15);
            for (size_t f = 0; f < count; f++)
                fields[f] = (struct bg_packing_field){.count = (size_t)bg_prng_below(&prng, run % 3 ? 70 : 2000) + 1,
                                                      .max = largest[bg_prng_below(&prng, COUNT_OF(largest))],
                                                      .wide = bg_prng_below(&prng, 6) == 0};
            struct bg_packing packing = make_packing(key, k_max, run % 2 ? BG_RADIX_MIXED : BG_RADIX_BITS, fields,
                                                     count);
            uint64_t *slots = malloc(packing.slots * sizeof *slots);
            for (size_t f = 0, i = 0; f < count; f++)
                for (size_t stop = i + fields[f].count; i < stop; i++)
                    slots[i] = run % 5 == 0 ? fields[f].max : bg_prng_below(&prng, fields[f].max + 1);
            expect_narrow(key, &packing, slots, 1 + (size_t)bg_prng_below(&prng, 4));
            free(slots);
            bg_packing_finish(&packing);
            bg_public_key_destroy(&key);
        }
    }
    bg_cpu_limit(BG_CPU_ALL);
}

Test(packing, up_to_k_max_votes_add_up_and_one_more_is_refused)
{
    enum { VOTES = 500, MOST = 9 };
    struct bg_prng prng;
    bg_prng_init(&prng, 14);
    for (uint32_t k_max = 1; k_max <= MOST; k_max++)
        for (int radix = BG_RADIX_BITS; radix <= BG_RADIX_MIXED; radix++) {
            struct bg_public_key *key = make_key(0, 2);
            struct bg_packing_field field = {VOTES, 1, false};
            struct bg_packing packing = make_packing(key, k_max, (enum bg_radix)radix, &field, 1);
            uint8_t *plaintexts = plaintexts_for(&packing, key);
            size_t size = packing.positions * bg_public_key_plaintext_bytes(key), bad;
            uint8_t *sums = calloc(1, size);
            uint16_t counts[VOTES], expected[VOTES] = {0};
            struct bg_slots opened = {BG_SLOTS_U16, counts};
            for (uint32_t k = 1; k <= k_max + 1; k++) {
                uint64_t votes[VOTES / 64 + 1];
                for (size_t i = 0; i < COUNT_OF(votes); i++)
                    votes[i] = bg_prng_next(&prng);
                votes[3] |= (uint64_t)1 << 17; /* all are for this one */
                for (size_t i = 0; i < VOTES; i++)
                    expected[i] = (uint16_t)(expected[i] + (votes[i / 64] >> i % 64 & 1));
                struct bg_slots sent = {BG_SLOTS_BITS, votes};
                cr_assert_eq(bg_pack(&packing, key, &sent, 0, packing.positions, plaintexts), BG_OK);
                add_plaintexts(key, packing.positions, plaintexts, sums);
                cr_assert_eq(bg_unpack(&packing, key, (struct bg_span){sums, size}, 0, packing.positions, &opened,
                                       NULL),
                             BG_OK);
                cr_assert_arr_eq(counts, expected, sizeof counts);
                if (k <= k_max)
                    cr_assert_eq(bg_packing_check_sums(&packing, &opened, 0, packing.positions, k, NULL), BG_OK);
                else
                    cr_assert_eq(bg_packing_check_sums(&packing, &opened, 0, packing.positions, k, NULL), BG_INVALID);
                if (k > 1) {
                    cr_assert_eq(bg_packing_check_sums(&packing, &opened, 0, packing.positions, k - 1, &bad),
                                 BG_OUT_OF_RANGE);
                    cr_assert_leq(bad, bg_packing_position(&packing, 3 * 64 + 17));
                }
            }
            bg_packing_finish(&packing);
            bg_public_key_destroy(&key);
            free(plaintexts);
            free(sums);
        }
}

Test(packing, extreme_radices_fit)
{
    struct bg_prng prng;
    bg_prng_init(&prng, 12);
    struct bg_public_key *key = make_key(0, 2);
    for (int radix = BG_RADIX_BITS; radix <= BG_RADIX_MIXED; radix++) {
        struct bg_packing_field fields[] = {
            {30, UINT32_MAX - 2, false}, {30, UINT64_MAX, true}, {1, 1, false}};
        struct bg_packing packing = make_packing(key, 1, (enum bg_radix)radix, fields, 3);
        expect_sums(key, &packing, fields, &prng, true);
        expect_sums(key, &packing, fields, &prng, false);
        bg_packing_finish(&packing);
    }
    bg_public_key_destroy(&key);
}

Test(packing, fills_digits_as_stated)
{
    struct bg_public_key *key = make_key(0, 2); /* 448 bits a digit */
    struct bg_packing_field fields[] = {{300, 1, false}, {1, 1, true}, {2, 128, false}};
    struct bg_packing packing = make_packing(key, 4, BG_RADIX_BITS, fields, 3); /* 3, 64 and 10 bits */
    cr_assert_eq(packing.slots, 303);
    cr_assert_eq(packing.positions, 2);
    cr_assert_eq(packing.digit_slot[0], 0);
    cr_assert_eq(packing.digit_slot[1], 149); /* floor(448/3) */
    cr_assert_eq(packing.digit_slot[2], 298);
    cr_assert_eq(packing.digit_slot[3], 303); /* 2·3 + 64 + 2·10 bits */
    cr_assert_eq(packing.digit_slot[4], 303);
    cr_assert_eq(bg_packing_first_slot(&packing, 1), 298);
    cr_assert_eq(bg_packing_first_slot(&packing, 2), 303);
    cr_assert_eq(bg_packing_position(&packing, 0), 0);
    cr_assert_eq(bg_packing_position(&packing, 297), 0);
    cr_assert_eq(bg_packing_position(&packing, 298), 1);
    cr_assert_eq(bg_packing_position(&packing, 302), 1);
    bg_packing_finish(&packing);

    struct bg_packing_field votes = {300, 1, false};
    packing = make_packing(key, 4, BG_RADIX_MIXED, &votes, 1);
    cr_assert_eq(packing.digit_slot[1], 173); /* floor(448/log2(6)) */
    bg_packing_finish(&packing);
    bg_public_key_destroy(&key);
}

Test(packing, digits_that_fit_exactly_are_filled)
{
    struct bg_public_key *key = make_key(0, 1);
    /* 448 = 7·64 = 56·8: k_max·max + 2 = 2^8. */
    struct bg_packing_field wide = {14, 1000, true}, narrow = {112, 254, false};
    struct bg_packing packing = make_packing(key, 1, BG_RADIX_MIXED, &wide, 1);
    cr_assert_eq(packing.positions, 2);
    bg_packing_finish(&packing);
    packing = make_packing(key, 1, BG_RADIX_MIXED, &narrow, 1);
    cr_assert_eq(packing.positions, 2);
    bg_packing_finish(&packing);
    packing = make_packing(key, 1, BG_RADIX_BITS, &narrow, 1);
    cr_assert_eq(packing.positions, 2);
    bg_packing_finish(&packing);
    bg_public_key_destroy(&key);
}

Test(packing, names_the_position_whose_zero_bits_are_set)
{
    struct bg_public_key *key = make_key(0, 2);
    size_t width = bg_public_key_plaintext_bytes(key);
    for (int radix = BG_RADIX_BITS; radix <= BG_RADIX_MIXED; radix++) {
        struct bg_packing_field fields[] = {{700, 1, false}};
        struct bg_packing packing = make_packing(key, 4, (enum bg_radix)radix, fields, 1);
        uint8_t *plaintexts = plaintexts_for(&packing, key), *changed = plaintexts_for(&packing, key);
        uint64_t slots[700];
        size_t size = packing.positions * width, bad;
        for (size_t i = 0; i < 700; i++)
            slots[i] = i & 1;
        cr_assert_eq(bg_pack(&packing, key, flat(&packing, slots), 0, packing.positions, plaintexts), BG_OK);
        for (size_t t = 0; t < packing.positions; t++)
            for (size_t b = 448; b < 512 + 512; b++) { /* of digit 0, then of digit 1 */
                if (b % 512 < 448)
                    continue;
                memcpy(changed, plaintexts, size);
                changed[t * width + b / 8] |= (uint8_t)(1u << b % 8);
                bad = SIZE_MAX;
                cr_assert_eq(bg_unpack(&packing, key, (struct bg_span){changed, size}, 0, packing.positions,
                                       flat(&packing, slots), &bad),
                             BG_OUT_OF_RANGE);
                cr_assert_eq(bad, t);
            }
        bg_packing_finish(&packing);
        free(plaintexts);
        free(changed);
    }
    bg_public_key_destroy(&key);
}

Test(packing, checks_the_bits_after_the_last_slot)
{
    struct bg_public_key *key = make_key(0, 3);
    size_t width = bg_public_key_plaintext_bytes(key), bad = SIZE_MAX;
    struct bg_packing_field fields[] = {{3, 1, false}};
    struct bg_packing packing = make_packing(key, 4, BG_RADIX_BITS, fields, 1);
    uint8_t *plaintext = plaintexts_for(&packing, key);
    uint64_t slots[3] = {1, 0, 1};
    cr_assert_eq(packing.positions, 1);
    cr_assert_eq(bg_pack(&packing, key, flat(&packing, slots), 0, 1, plaintext), BG_OK);
    plaintext[1] |= 2; /* bit 9 */
    cr_assert_eq(bg_unpack(&packing, key, (struct bg_span){plaintext, width}, 0, 1, flat(&packing, slots), &bad),
                 BG_OUT_OF_RANGE);
    cr_assert_eq(bad, 0);

    /* Digits after the last slot. */
    plaintext[1] &= 1;
    for (size_t digit = 1; digit < 3; digit++) {
        plaintext[digit * 64] = 1;
        cr_assert_eq(bg_unpack(&packing, key, (struct bg_span){plaintext, width}, 0, 1, flat(&packing, slots), &bad),
                     BG_OUT_OF_RANGE);
        plaintext[digit * 64] = 0;
    }
    cr_assert_eq(bg_unpack(&packing, key, (struct bg_span){plaintext, width}, 0, 1, flat(&packing, slots), NULL),
                 BG_OK);
    bg_packing_finish(&packing);
    bg_public_key_destroy(&key);
    free(plaintext);
}

Test(packing, names_the_position_of_an_impossible_sum)
{
    struct bg_public_key *key = make_key(0, 1);
    struct bg_packing_field fields[] = {{200, 1, false}, {3, 128, false}, {2, 1000, true}};
    struct bg_packing packing = make_packing(key, 4, BG_RADIX_BITS, fields, 3);
    uint64_t slots[205] = {0};
    size_t bad, positions = packing.positions;
    slots[0] = 3;
    slots[199] = 3;
    slots[200] = 3 * 128;
    slots[204] = 3000;
    cr_assert_eq(bg_packing_check_sums(&packing, flat(&packing, slots), 0, positions, 3, NULL), BG_OK);
    static const size_t touched[] = {0, 199, 200, 204};
    for (size_t i = 0; i < COUNT_OF(touched); i++) {
        slots[touched[i]]++;
        bad = SIZE_MAX;
        cr_assert_eq(bg_packing_check_sums(&packing, flat(&packing, slots), 0, positions, 3, &bad), BG_OUT_OF_RANGE);
        cr_assert_eq(bad, bg_packing_position(&packing, touched[i]));
        cr_assert_eq(bg_packing_check_sums(&packing, flat(&packing, slots), bad, bad + 1, 3, NULL), BG_OUT_OF_RANGE);
        cr_assert_eq(bg_packing_check_sums(&packing, flat(&packing, slots), 0, bad, 3, NULL), BG_OK);
        cr_assert_eq(bg_packing_check_sums(&packing, flat(&packing, slots), bad + 1, positions, 3, NULL), BG_OK);
        slots[touched[i]]--;
    }
    cr_assert_eq(bg_packing_check_sums(&packing, flat(&packing, slots), 0, positions, 0, NULL), BG_INVALID);
    cr_assert_eq(bg_packing_check_sums(&packing, flat(&packing, slots), 0, positions, 5, NULL), BG_INVALID);
    cr_assert_eq(bg_packing_check_sums(&packing, flat(&packing, slots), 0, positions + 1, 3, NULL), BG_INVALID);
    bg_packing_finish(&packing);
    bg_public_key_destroy(&key);
}

Test(packing, refuses_values_its_radix_cannot_hold)
{
    struct bg_public_key *key = make_key(0, 1);
    struct bg_packing_field field = {3, 1, false};
    uint8_t plaintext[64];
    uint64_t slots[3] = {1, 7, 1}; /* 3 bits; radix 6 when mixed */
    struct bg_packing packing = make_packing(key, 4, BG_RADIX_BITS, &field, 1);
    cr_assert_eq(bg_pack(&packing, key, flat(&packing, slots), 0, 1, plaintext), BG_OK);
    slots[1] = 8;
    cr_assert_eq(bg_pack(&packing, key, flat(&packing, slots), 0, 1, plaintext), BG_INVALID);
    bg_packing_finish(&packing);
    packing = make_packing(key, 4, BG_RADIX_MIXED, &field, 1);
    slots[1] = 5;
    cr_assert_eq(bg_pack(&packing, key, flat(&packing, slots), 0, 1, plaintext), BG_OK);
    slots[1] = 6;
    cr_assert_eq(bg_pack(&packing, key, flat(&packing, slots), 0, 1, plaintext), BG_INVALID);
    cr_assert_eq(bg_pack(&packing, key, flat(&packing, slots), 0, 2, plaintext), BG_INVALID);
    cr_assert_eq(bg_pack(&packing, key, flat(&packing, slots), 1, 0, plaintext), BG_INVALID);
    cr_assert_eq(bg_unpack(&packing, key, (struct bg_span){plaintext, 63}, 0, 1, flat(&packing, slots), NULL),
                 BG_INVALID);
    bg_packing_finish(&packing);
    bg_public_key_destroy(&key);
}

Test(packing, refuses_specs_out_of_range)
{
    static const struct bg_packing_field votes = {10, 1, false};
    static const struct bg_packing_field bad_fields[] = {
        {0, 1, false},          {1, 0, false}, {1, 1 << 30, false}, {1, UINT64_MAX / 4 + 1, true},
        {1, UINT64_MAX, false},
    };
    struct bg_packing packing;
    struct bg_error error;
    const struct bg_packing_spec good = {512, 1, 4, BG_RADIX_BITS, &votes, 1};
    struct bg_packing_spec specs[] = {good, good, good, good, good, good, good, good};
    specs[0].bits = 504;
    specs[1].bits = 8200;
    specs[2].bits = 1000;
    specs[3].s = 0;
    specs[4].s = 5;
    specs[5].k_max = 0;
    specs[6].radix = (enum bg_radix)2;
    specs[7].field_count = 0;
    for (size_t i = 0; i < COUNT_OF(specs); i++)
        cr_assert_eq(bg_packing_init(&packing, &specs[i], &error), BG_INVALID, "spec %zu", i);
    for (size_t i = 0; i < COUNT_OF(bad_fields); i++) {
        struct bg_packing_spec spec = good;
        struct bg_packing_field fields[] = {votes, bad_fields[i]};
        spec.fields = fields;
        spec.field_count = 2;
        cr_assert_eq(bg_packing_init(&packing, &spec, &error), BG_INVALID, "field %zu", i);
        cr_assert(strstr(error.text, "field 1"), "%s", error.text);
    }
    struct bg_packing_field many[] = {votes, {BG_PACKING_MOST_SLOTS, 1, false}};
    struct bg_packing_spec spec = good;
    spec.fields = many;
    spec.field_count = 2;
    cr_assert_eq(bg_packing_init(&packing, &spec, &error), BG_TOO_LARGE);
    many[1].count = SIZE_MAX;
    cr_assert_eq(bg_packing_init(&packing, &spec, NULL), BG_TOO_LARGE);
}

Test(packing, packs_twenty_thousand_votes_fast)
{
    struct bg_public_key *key = make_key(2, 2);
    struct bg_packing_field votes = {20000, 1, false};
    struct bg_packing packing = make_packing(key, 4, BG_RADIX_BITS, &votes, 1);
    uint8_t *plaintexts = plaintexts_for(&packing, key);
    uint64_t *slots = calloc(packing.slots, sizeof *slots), best = UINT64_MAX;
    for (size_t i = 0; i < packing.slots; i++)
        slots[i] = i * 7 % 3 & 1;
    for (int i = 0; i < 20; i++) {
        uint64_t begin = bg_clock_thread_cpu_ns();
        cr_assert_eq(bg_pack(&packing, key, flat(&packing, slots), 0, packing.positions, plaintexts), BG_OK);
        uint64_t spent = bg_clock_thread_cpu_ns() - begin;
        best = spent < best ? spent : best;
    }
    cr_assert_lt(best, 5 * BG_MILLISECOND, "%llu ns", (unsigned long long)best);
    bg_packing_finish(&packing);
    bg_public_key_destroy(&key);
    free(plaintexts);
    free(slots);
}
