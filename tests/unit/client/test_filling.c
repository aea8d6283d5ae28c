/* SPDX-License-Identifier: Apache-2.0 */
#include "client/filling.h"

#include "tests/unit/client/fake_root.h"
#include "tests/unit/no_leaks.h"

static void begin(struct stage *stage, struct stage_ring *ring)
{
    stage_init(stage, &(struct population_terms){.encryption = BG_PLAN_PAILLIER});
    stage_ring_init(ring, stage);
}

static void finish(struct stage *stage, struct stage_ring *ring)
{
    stage_ring_finish(ring);
    stage_finish(stage);
}

Test(filling, fills_until_it_is_told_to_stop_or_the_pool_is_full)
{
    struct stage stage;
    struct stage_ring ring;
    struct bg_filling filling;
    struct bg_random random = bg_random_system();
    begin(&stage, &ring);
    size_t capacity = bg_mask_pool_stats(ring.pool).capacity;
    bg_filling_init(&filling, &ring.ring, &random, &stage.plan.plan.key, SIZE_MAX);
    atomic_store(&filling.stop, true);
    bg_filling_run(&filling, 10);
    cr_assert_eq(bg_mask_pool_stats(ring.pool).level, 0);
    cr_assert_eq(ring.asked, 0);
    cr_assert_not(filling.full);
    atomic_store(&filling.stop, false);
    bg_filling_run(&filling, 10);
    if (capacity) {
        cr_assert_eq(bg_mask_pool_stats(ring.pool).level, 10);
        cr_assert_not(filling.full);
    }
    bg_filling_run(&filling, capacity + 100);
    cr_assert_eq(bg_mask_pool_stats(ring.pool).level, capacity);
    cr_assert(filling.full);
    finish(&stage, &ring);
    NO_LEAKS();
}

Test(filling, makes_no_more_than_are_wanted)
{
    struct stage stage;
    struct stage_ring ring;
    struct bg_filling filling;
    struct bg_random random = bg_random_system();
    begin(&stage, &ring);
    size_t capacity = bg_mask_pool_stats(ring.pool).capacity;
    bg_filling_init(&filling, &ring.ring, &random, &stage.plan.plan.key, 16);
    bg_filling_run(&filling, 1000);
    cr_assert(filling.full);
    cr_assert_eq(bg_mask_pool_stats(ring.pool).level, capacity ? 16 : 0);
    finish(&stage, &ring);
    NO_LEAKS();
}

static const uint8_t *modulus_seen;

static enum bg_status look_at_part(struct bg_key_ring *ring, const struct bg_key_part *part, struct bg_error *error,
                                   struct bg_client_key *ret_key)
{
    (void)ring;
    (void)ret_key;
    modulus_seen = part->modulus.data;
    return bg_fail(error, BG_NO_MEMORY, "not today");
}

Test(filling, outlives_the_plan_and_gives_up_without_a_key)
{
    struct stage stage;
    struct bg_filling filling;
    struct bg_key_ring ring = {look_at_part};
    struct bg_random random = bg_random_system();
    stage_init(&stage, &(struct population_terms){.encryption = BG_PLAN_PAILLIER});
    bg_filling_init(&filling, &ring, &random, &stage.plan.plan.key, SIZE_MAX);
    bg_filling_run(&filling, 10);
    cr_assert_eq(modulus_seen, filling.modulus);
    cr_assert_arr_eq(filling.modulus, stage.plan.plan.key.modulus.data, stage.plan.plan.key.modulus.size);
    cr_assert(filling.full, "it would be tried again for ever");
    stage_finish(&stage);
    NO_LEAKS();
}
