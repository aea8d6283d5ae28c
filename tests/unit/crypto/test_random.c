/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/random.h"

#include "crypto/wipe.h"

#include <criterion/criterion.h>

TestSuite(random);

static enum bg_status fill_half_and_fail(void *context, void *data, size_t size)
{
    (void)context;
    memset(data, 0xff, size / 2);
    return BG_RANDOM;
}

Test(random, system_source_fills_every_byte)
{
    struct bg_random random = bg_random_system();
    uint8_t seen[300] = {0};
    for (int draw = 0; draw < 16; draw++) {
        uint8_t bytes[sizeof seen];
        cr_assert_eq(bg_random_fill(&random, bytes, sizeof bytes), BG_OK);
        for (size_t i = 0; i < sizeof seen; i++)
            seen[i] |= bytes[i];
    }
    for (size_t i = 0; i < sizeof seen; i++)
        cr_assert_neq(seen[i], 0);
    cr_assert_eq(bg_random_fill(&random, NULL, 0), BG_OK);
}

Test(random, failing_source_leaves_zeros)
{
    struct bg_random random = {.fill = fill_half_and_fail};
    uint8_t bytes[32];
    memset(bytes, 7, sizeof bytes);
    cr_assert_eq(bg_random_fill(&random, bytes, sizeof bytes), BG_RANDOM);
    for (size_t i = 0; i < sizeof bytes; i++)
        cr_assert_eq(bytes[i], 0);
}

Test(wipe, zeroes_and_compares)
{
    uint8_t a[33], b[33];
    for (size_t i = 0; i < sizeof a; i++)
        a[i] = b[i] = (uint8_t)(i + 1);
    cr_assert(bg_constant_time_equal(a, b, sizeof a));
    for (size_t bit = 0; bit < 8 * sizeof a; bit++) {
        b[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert_not(bg_constant_time_equal(a, b, sizeof a));
        b[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    bg_wipe(a, sizeof a);
    bg_wipe(NULL, 0);
    for (size_t i = 0; i < sizeof a; i++)
        cr_assert_eq(a[i], 0);
}
