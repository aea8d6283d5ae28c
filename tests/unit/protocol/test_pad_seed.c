/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/pad_seed.h"

#include "tests/unit/no_leaks.h"
#include "tests/unit/protocol/population.h"

#include <criterion/criterion.h>
#include <string.h>

#define POSITIONS 7

struct fixture {
    struct bg_sealing_key *key;
    struct bg_plan plan;
    struct bg_digest plan_id;
    struct bg_task task;
    uint8_t seed[BG_SEED_BYTES];
    uint8_t sealed[BG_SEALED_SEED_BYTES];
    struct bg_manifest manifest;
};

static void begin(struct fixture *f)
{
    struct bg_random random = bg_random_system();
    struct bg_pad_keys pads;
    *f = (struct fixture){.plan_id = {{5}}, .task = {.round = 12, .attempt = 1}};
    cr_assert_eq(bg_sealing_key_create(&random, &f->key), BG_OK);
    cr_assert_eq(bg_population_set(&f->plan.key.population, "test"), BG_OK);
    memset(f->seed, 0x77, sizeof f->seed);
    f->manifest = (struct bg_manifest){.client = {{8}},
                                       .round = f->task.round,
                                       .attempt = f->task.attempt,
                                       .positions = POSITIONS,
                                       .sealed_seed = {f->sealed, sizeof f->sealed}};
    cr_assert_eq(bg_pad_seed_seal(f->seed, bg_sealing_key_point(f->key), &f->manifest.client, &f->plan_id, &random,
                                  f->sealed),
                 BG_OK);
    bg_pad_keys_of_task(&pads, f->seed, &f->plan, &f->plan_id, &f->task);
    bg_pad_commit(&pads, POSITIONS, &f->manifest.pad_commitment);
    bg_pad_keys_finish(&pads);
}

static enum bg_status open(const struct fixture *f, const char *population, const struct bg_digest *plan_id,
                           uint8_t seed[static BG_SEED_BYTES])
{
    return bg_pad_seed_open(f->key, &f->manifest, population, plan_id, seed);
}

static void expect_refused(struct fixture *f, enum bg_status expected)
{
    uint8_t seed[BG_SEED_BYTES] = {1}, before[BG_SEED_BYTES] = {1};
    cr_assert_eq(open(f, "test", &f->plan_id, seed), expected);
    cr_assert_arr_eq(seed, before, sizeof seed, "nothing is given on failure");
}

Test(pad_seed, opens_to_the_seed_that_was_sealed)
{
    struct fixture f;
    uint8_t seed[BG_SEED_BYTES];
    begin(&f);
    cr_assert_eq(open(&f, "test", &f.plan_id, seed), BG_OK);
    cr_assert_arr_eq(seed, f.seed, sizeof seed);
    bg_sealing_key_destroy(&f.key);
    NO_LEAKS();
}

Test(pad_seed, is_bound_to_client_and_plan)
{
    struct fixture f;
    uint8_t seed[BG_SEED_BYTES];
    struct bg_digest other = {{6}};
    begin(&f);
    cr_assert_eq(open(&f, "test", &other, seed), BG_BAD_SEAL);
    f.manifest.client.bytes[31] ^= 1;
    expect_refused(&f, BG_BAD_SEAL);
    bg_sealing_key_destroy(&f.key);
    NO_LEAKS();
}

Test(pad_seed, refuses_a_seal_that_was_altered_cut_or_is_for_another_root)
{
    struct fixture f;
    struct bg_random random = bg_random_system();
    begin(&f);
    for (size_t i = 0; i < sizeof f.sealed; i += 7) {
        f.sealed[i] ^= 1;
        uint8_t seed[BG_SEED_BYTES];
        cr_assert_neq(open(&f, "test", &f.plan_id, seed), BG_OK, "byte %zu", i);
        f.sealed[i] ^= 1;
    }
    f.manifest.sealed_seed.size--;
    expect_refused(&f, BG_TRUNCATED);
    f.manifest.sealed_seed.size = 0;
    expect_refused(&f, BG_TRUNCATED);
    f.manifest.sealed_seed.size = sizeof f.sealed;
    bg_sealing_key_destroy(&f.key);
    cr_assert_eq(bg_sealing_key_create(&random, &f.key), BG_OK);
    expect_refused(&f, BG_BAD_SEAL);
    bg_sealing_key_destroy(&f.key);
}

Test(pad_seed, refuses_pads_that_are_not_those_committed_to)
{
    struct fixture f;
    uint8_t seed[BG_SEED_BYTES];
    begin(&f);
    f.manifest.pad_commitment.bytes[0] ^= 1;
    expect_refused(&f, BG_BAD_COMMITMENT);
    f.manifest.pad_commitment.bytes[0] ^= 1;
    f.manifest.positions++;
    expect_refused(&f, BG_BAD_COMMITMENT);
    f.manifest.positions--;
    f.manifest.round++;
    expect_refused(&f, BG_BAD_COMMITMENT);
    f.manifest.round--;
    f.manifest.attempt++;
    expect_refused(&f, BG_BAD_COMMITMENT);
    f.manifest.attempt--;
    cr_assert_eq(open(&f, "other", &f.plan_id, seed), BG_BAD_COMMITMENT, "pads of another population");
    cr_assert_eq(open(&f, "test", &f.plan_id, seed), BG_OK);
    bg_sealing_key_destroy(&f.key);
    NO_LEAKS();
}

Test(pad_seed, a_sealing_key_off_the_curve_is_refused)
{
    struct fixture f;
    struct bg_random random = bg_random_system();
    uint8_t point[BG_PUBLIC_POINT_BYTES] = {4};
    begin(&f);
    cr_assert_eq(bg_pad_seed_seal(f.seed, point, &f.manifest.client, &f.plan_id, &random, f.sealed), BG_BAD_KEY);
    bg_sealing_key_destroy(&f.key);
}
