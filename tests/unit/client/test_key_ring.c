/* SPDX-License-Identifier: Apache-2.0 */
#include "client/key_ring.h"

#include "tests/unit/crypto/secret_fixture.h"
#include "tests/unit/no_leaks.h"

struct fixture {
    struct bg_secret_key *secret;
    struct bg_key_part part;
    struct bg_random random;
    struct bg_device_ring ring;
    struct bg_error error;
    struct bg_client_key got;
};

static void begin(struct fixture *f, size_t vector, enum bg_plan_encryption encryption, bool allow_insecure)
{
    *f = (struct fixture){.secret = vector_key(vector, 1), .random = bg_random_system()};
    const struct bg_public_key *key = bg_secret_key_public(f->secret);
    f->part = (struct bg_key_part){.encryption = encryption,
                                   .key_bits = bg_public_key_bits(key),
                                   .s = 1,
                                   .insecure = bg_public_key_insecure(key),
                                   .key_id = *bg_public_key_id(key),
                                   .modulus = bg_public_key_n(key)};
    bg_device_ring_init(&f->ring, &(struct bg_device_ring_settings){.random = f->random,
                                                                    .masks = {.memory_bytes = 1 << 16},
                                                                    .pool_bytes = 1 << 14,
                                                                    .allow_insecure = allow_insecure});
}

static void finish(struct fixture *f)
{
    bg_device_ring_finish(&f->ring);
    bg_secret_key_destroy(&f->secret);
}

static enum bg_status get(struct fixture *f)
{
    return f->ring.keys.get(&f->ring.keys, &f->part, &f->error, &f->got);
}

Test(key_ring, makes_each_key_and_its_table_once)
{
    struct fixture f;
    begin(&f, 0, BG_PLAN_PAILLIER, true);
    cr_assert_eq(get(&f), BG_OK, "%s", f.error.text);
    const struct bg_public_key *key = f.got.key;
    const struct bg_mask_table *table = f.got.table;
    struct bg_mask_pool *pool = f.got.pool;
    cr_assert(bg_digest_equal(bg_public_key_id(key), &f.part.key_id));
    cr_assert_not_null(table);
    cr_assert_leq(bg_mask_table_bytes(table), 1 << 16);
    cr_assert_eq(get(&f), BG_OK);
    cr_assert_eq(f.got.key, key);
    cr_assert_eq(f.got.table, table);
    cr_assert_eq(f.got.pool, pool);
    f.part.s = 2;
    cr_assert_eq(get(&f), BG_OK);
    cr_assert_neq(f.got.key, key, "another s is another key");
    cr_assert_eq(bg_public_key_s(f.got.key), 2);
    f.part.s = 1;
    cr_assert_eq(get(&f), BG_OK);
    cr_assert_eq(f.got.key, key, "the older one is still there");
    finish(&f);
    NO_LEAKS();
}

Test(key_ring, makes_no_table_before_a_plan_encrypts)
{
    struct fixture f;
    begin(&f, 0, BG_PLAN_NULL, true);
    cr_assert_eq(get(&f), BG_OK, "%s", f.error.text);
    cr_assert_null(f.got.table);
    cr_assert_null(f.got.pool);
    f.part.encryption = BG_PLAN_PAILLIER;
    cr_assert_eq(get(&f), BG_OK);
    cr_assert_not_null(f.got.table);
    finish(&f);
    NO_LEAKS();
}

Test(key_ring, refuses_test_keys_unless_told_otherwise)
{
    struct fixture f;
    begin(&f, 0, BG_PLAN_PAILLIER, false);
    cr_assert_eq(get(&f), BG_BAD_KEY);
    cr_assert_not_null(strstr(f.error.text, "plan"), "%s", f.error.text);
    finish(&f);
    begin(&f, 2, BG_PLAN_NULL, false);
    cr_assert_eq(get(&f), BG_OK, "%s", f.error.text);
    finish(&f);
    NO_LEAKS();
}

Test(key_ring, refuses_a_key_that_is_not_what_the_plan_says)
{
    struct fixture f;
    begin(&f, 0, BG_PLAN_PAILLIER, true);
    f.part.insecure = false;
    cr_assert_eq(get(&f), BG_BAD_KEY);
    cr_assert_not_null(strstr(f.error.text, "not marked insecure"), "%s", f.error.text);
    f.part.insecure = true;
    f.part.key_id.bytes[0] ^= 1;
    cr_assert_eq(get(&f), BG_BAD_KEY);
    cr_assert_not_null(strstr(f.error.text, "key id"), "%s", f.error.text);
    f.part.key_id.bytes[0] ^= 1;
    f.part.modulus.size--;
    cr_assert_eq(get(&f), BG_BAD_KEY);
    finish(&f);
    NO_LEAKS();
}

Test(key_ring, makes_its_tables_again_after_a_rest)
{
    struct fixture f;
    struct bg_mask_source *source;
    begin(&f, 0, BG_PLAN_PAILLIER, true);
    cr_assert(!bg_device_ring_rest(&f.ring), "nothing to free yet");
    cr_assert_eq(get(&f), BG_OK, "%s", f.error.text);
    cr_assert_eq(bg_mask_source_create(f.got.table, &f.random, f.got.pool, &source), BG_OK);
    cr_assert_eq(bg_mask_source_fill(source, 3), BG_OK);
    bg_mask_source_destroy(&source);
    size_t level = bg_device_ring_stats(&f.ring).level;
    cr_assert(bg_device_ring_rest(&f.ring));
    cr_assert(!bg_device_ring_rest(&f.ring));
    cr_assert_eq(bg_device_ring_stats(&f.ring).level, level, "masks made ahead stay");
    cr_assert_eq(get(&f), BG_OK, "%s", f.error.text);
    cr_assert_not_null(f.got.table);
    cr_assert_eq(bg_device_ring_stats(&f.ring).level, level);
    finish(&f);
    NO_LEAKS();
}

Test(key_ring, counts_the_masks_of_all_its_keys)
{
    struct fixture f;
    size_t capacity = 0;
    begin(&f, 0, BG_PLAN_PAILLIER, true);
    cr_assert_eq(bg_device_ring_stats(&f.ring).capacity, 0);
    for (f.part.s = 1; f.part.s <= 2; f.part.s++) {
        struct bg_mask_source *source;
        cr_assert_eq(get(&f), BG_OK, "%s", f.error.text);
        cr_assert_eq(bg_mask_source_create(f.got.table, &f.random, f.got.pool, &source), BG_OK);
        cr_assert_eq(bg_mask_source_fill(source, 3), BG_OK);
        bg_mask_source_destroy(&source);
        capacity += bg_mask_pool_stats(f.got.pool).capacity;
    }
    struct bg_mask_stats stats = bg_device_ring_stats(&f.ring);
    cr_assert_eq(stats.capacity, capacity);
    cr_assert_eq(stats.level, capacity ? 6 : 0);
    finish(&f);
    NO_LEAKS();
}

Test(key_ring, says_when_masks_cannot_be_made)
{
    struct fixture f;
    begin(&f, 0, BG_PLAN_PAILLIER, true);
    f.ring.settings.random.fill = no_random;
    cr_assert_eq(get(&f), BG_RANDOM);
    cr_assert_not_null(strstr(f.error.text, "masks"), "%s", f.error.text);
    f.ring.settings.random = bg_random_system();
    f.ring.settings.masks.memory_bytes = 8;
    cr_assert_eq(get(&f), BG_INVALID);
    finish(&f);
    NO_LEAKS();
}
