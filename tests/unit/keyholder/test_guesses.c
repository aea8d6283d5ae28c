/* SPDX-License-Identifier: Apache-2.0 */
#include "keyholder/guesses.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define SECOND ((uint64_t)1000000000)

static const struct bg_guess_rate each = {3, 10 * SECOND}, all = {1000, SECOND};
static struct bg_guesses guesses;
static uint64_t wait_ns;

static void set_up(void)
{
    bg_guesses_init(&guesses, 42, &each, &all);
}

TestSuite(guesses, .init = set_up);

static enum bg_status guess(const char *address, uint64_t now)
{
    enum bg_status status = bg_guesses_check(&guesses, address, now, &wait_ns);
    if (status == BG_OK)
        bg_guesses_wrong(&guesses, address, now);
    return status;
}

Test(guesses, run_out_and_come_back_one_by_one)
{
    for (int i = 0; i < 3; i++)
        cr_assert_eq(guess("a", 5), BG_OK);
    cr_assert_eq(guess("a", 5), BG_BUSY);
    cr_assert_eq(wait_ns, 10 * SECOND);
    cr_assert_eq(guess("a", 5 + 10 * SECOND - 1), BG_BUSY);
    cr_assert_eq(wait_ns, 1);
    cr_assert_eq(guess("a", 5 + 10 * SECOND), BG_OK);
    cr_assert_eq(guess("a", 5 + 10 * SECOND), BG_BUSY);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(guess("a", 100 * SECOND), BG_OK, "full again");
    cr_assert_eq(guess("a", 100 * SECOND), BG_BUSY, "and no fuller");
}

Test(guesses, are_counted_per_address)
{
    for (int i = 0; i < 3; i++)
        cr_assert_eq(guess("a", 0), BG_OK);
    cr_assert_eq(guess("a", 0), BG_BUSY);
    cr_assert_eq(guess("b", 0), BG_OK);
}

Test(guesses, of_all_addresses_together_run_out_too)
{
    char address[16];
    unsigned allowed = 0;
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(address, sizeof address, "%u", i);
        allowed += guess(address, 0) == BG_OK;
    }
    cr_assert_eq(allowed, 1000);
    cr_assert_eq(guess("new", 0), BG_BUSY);
    cr_assert_eq(guess("new", SECOND), BG_OK);
}

Test(guesses, an_address_that_keeps_guessing_is_not_forgotten_for_quiet_ones)
{
    char address[16];
    for (int i = 0; i < 3; i++)
        cr_assert_eq(guess("a", 0), BG_OK);
    for (unsigned i = 0; i < 500; i++) {
        snprintf(address, sizeof address, "%u", i);
        (void)guess(address, 0);
    }
    cr_assert_eq(guess("a", 0), BG_BUSY);
}
