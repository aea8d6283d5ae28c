/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/keyholder_world.h"

#include "base/prng.h"

struct bg_random __wrap_bg_random_system(void);

static struct bg_prng prng;

__attribute__((constructor)) static void begin_repeatably(void)
{
    bg_prng_init(&prng, 1);
}

static enum bg_status fill(void *context, void *data, size_t size)
{
    uint8_t *bytes = data;
    (void)context;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)bg_prng_next(&prng);
    return BG_OK;
}

struct bg_random __wrap_bg_random_system(void)
{
    return (struct bg_random){fill, NULL};
}

void world_begin(struct fixture *f)
{
    if (!f->identity) {
        /* The first computation on the curve draws more than later ones. */
        struct bg_random random = bg_random_system();
        struct bg_identity *first = NULL;
        cr_assert_eq(bg_identity_create(&random, &first), BG_OK);
        bg_identity_destroy(&first);
        begin_repeatably();
        fixture_init(f, BG_PLAN_NULL);
    }
    bg_prng_init(&prng, 2);
    fixture_start(f);
    fixture_enrol_all(f);
    cr_assert_eq(ask_epoch(f, 1), BG_OK);
    make_plan(f, 16);
    cr_assert_eq(show_plan(f), BG_OK);
}

void world_end(struct fixture *f)
{
    bg_keyholder_destroy(&f->keyholder);
    bg_arena_finish(&f->arena);
}
