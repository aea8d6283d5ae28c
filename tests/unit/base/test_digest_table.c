/* SPDX-License-Identifier: Apache-2.0 */
#include "base/digest_table.h"

#include "base/prng.h"

#include "tests/unit/no_leaks.h"

TestSuite(digest_table);

static struct bg_digest digest_of(uint64_t number)
{
    struct bg_prng prng;
    struct bg_digest digest;
    bg_prng_init(&prng, number);
    for (size_t i = 0; i < BG_DIGEST_BYTES; i++)
        digest.bytes[i] = (uint8_t)bg_prng_next(&prng);
    return digest;
}

Test(digest_table, finds_what_was_put_and_nothing_else)
{
    struct bg_digest_table table;
    bg_digest_table_init(&table, 12345);
    struct bg_digest digest = digest_of(0);
    uint32_t index = 77;
    cr_assert_not(bg_digest_table_find(&table, &digest, &index));
    for (uint32_t i = 0; i < 5000; i++) {
        digest = digest_of(i);
        cr_assert_eq(bg_digest_table_put(&table, &digest, i ^ UINT32_MAX), BG_OK);
        cr_assert_eq(bg_digest_table_count(&table), i + 1);
    }
    for (uint32_t i = 0; i < 10000; i++) {
        digest = digest_of(i);
        index = 77;
        cr_assert_eq(bg_digest_table_find(&table, &digest, &index), i < 5000);
        cr_assert_eq(index, i < 5000 ? i ^ UINT32_MAX : 77);
    }
    bg_digest_table_finish(&table);
    cr_assert_eq(bg_digest_table_count(&table), 0);
    cr_assert_not(bg_digest_table_find(&table, &digest, &index));
    NO_LEAKS();
}

Test(digest_table, refuses_a_digest_that_is_there)
{
    struct bg_digest_table table;
    bg_digest_table_init(&table, 0);
    struct bg_digest digest = digest_of(1);
    uint32_t index;
    cr_assert_eq(bg_digest_table_put(&table, &digest, 1), BG_OK);
    cr_assert_eq(bg_digest_table_put(&table, &digest, 2), BG_DUPLICATE);
    cr_assert(bg_digest_table_find(&table, &digest, &index) && index == 1);
    cr_assert_eq(bg_digest_table_count(&table), 1);
    bg_digest_table_finish(&table);
    NO_LEAKS();
}

/* Digests that differ in one byte only, each byte in turn. */
Test(digest_table, tells_near_digests_apart)
{
    for (size_t place = 0; place < BG_DIGEST_BYTES; place++) {
        struct bg_digest_table table;
        struct bg_digest digest = digest_of(9);
        bg_digest_table_init(&table, place);
        for (uint32_t i = 0; i < 256; i++) {
            digest.bytes[place] = (uint8_t)i;
            cr_assert_eq(bg_digest_table_put(&table, &digest, i), BG_OK);
        }
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t index;
            digest.bytes[place] = (uint8_t)i;
            cr_assert(bg_digest_table_find(&table, &digest, &index) && index == i);
        }
        bg_digest_table_finish(&table);
    }
    NO_LEAKS();
}
