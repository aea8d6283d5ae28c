/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a key holder finds in its journal: entries, each as u8 kind, u16 size, content. A key holder that starts from
 * them starts from them again, with the same roster, epoch, head and commitment.
 */
#include "keyholder/keyholder.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/protocol/population.h"

#include <string.h>

static struct population population;

static void set_up(void)
{
    if (!population.root)
        population_init(&population, &(struct population_terms){.encryption = BG_PLAN_NULL, .epoch = 1});
}

static enum bg_status replay(void *context, bg_journal_visit *visit, void *visitor, struct bg_error *error)
{
    struct bg_reader r;
    bg_reader_init(&r, *(const struct bg_span *)context);
    while (r.status == BG_OK && r.offset < r.size) {
        uint32_t kind = bg_read_u8(&r);
        struct bg_span entry = bg_read_span(&r, bg_read_u16(&r));
        enum bg_status status = r.status == BG_OK ? visit(visitor, kind, entry, error) : BG_OK;
        if (status != BG_OK)
            return status;
    }
    return BG_OK;
}

static enum bg_status append(void *context, uint32_t kind, struct bg_span entry)
{
    (void)context, (void)kind, (void)entry;
    return BG_OK;
}

static enum bg_status start(struct bg_span *input, struct bg_error *error, struct bg_keyholder **ret_keyholder)
{
    struct bg_journal journal = {append, replay, input};
    struct bg_keyholder_settings settings = {.population = population.name,
                                             .group_size = 4,
                                             .group_least = 3,
                                             .full_rounds = 3,
                                             .encryption = BG_PLAN_NULL,
                                             .public_key = bg_secret_key_public(population.secret),
                                             .identity = population.key_holder,
                                             .random = population.random,
                                             .blinding = population.random,
                                             .journal = &journal};
    memcpy(settings.root, bg_identity_point(population.root), sizeof settings.root);
    bg_prng_init(&population.prng, 5);
    enum bg_status status = bg_keyholder_create(&settings, 0, error, ret_keyholder);
    return status == BG_OK ? BG_OK : fuzz_refused(status, error);
}

static void require_same(struct bg_keyholder *a, struct bg_keyholder *b)
{
    struct bg_digest x = bg_keyholder_head(a), y = bg_keyholder_head(b);
    FUZZ_REQUIRE(bg_digest_equal(&x, &y), "another head");
    x = bg_keyholder_commitment(a);
    y = bg_keyholder_commitment(b);
    FUZZ_REQUIRE(bg_digest_equal(&x, &y), "another commitment");
    struct bg_roster r = bg_keyholder_roster(a), s = bg_keyholder_roster(b);
    x = bg_roster_digest(&r);
    y = bg_roster_digest(&s);
    FUZZ_REQUIRE(bg_digest_equal(&x, &y), "another roster");
    FUZZ_REQUIRE(bg_keyholder_epoch(a) == bg_keyholder_epoch(b) && bg_keyholder_locked(a) == bg_keyholder_locked(b),
                 "another epoch");
}

static enum bg_status check(struct bg_span input)
{
    struct bg_keyholder *first = NULL, *second = NULL;
    struct bg_error error;
    enum bg_status status = start(&input, &error, &first);
    if (status == BG_OK)
        status = start(&input, &error, &second);
    if (status == BG_OK)
        require_same(first, second);
    FUZZ_REQUIRE(!first || second || status == BG_NO_MEMORY, "%s the second time: %s", bg_status_name(status),
                 error.text);
    bg_keyholder_destroy(&first);
    bg_keyholder_destroy(&second);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    set_up();
    return fuzz_run(check, data, size);
}
