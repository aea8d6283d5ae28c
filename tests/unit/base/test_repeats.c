/* SPDX-License-Identifier: Apache-2.0 */
#include "base/repeats.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>

#define FIRST ((uint64_t)7)

static struct bg_repeats repeats = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool tell(const char *who, const char *sentence, uint64_t now, uint64_t *ret_untold)
{
    *ret_untold = 99;
    return bg_repeats_tell(&repeats, who, sentence, now, ret_untold);
}

Test(repeats, are_told_once_and_again_after_a_pause)
{
    uint64_t untold;
    cr_assert(tell("a", "was revoked", FIRST, &untold));
    cr_assert_eq(untold, 0);
    for (uint64_t i = 0; i < 5; i++)
        cr_assert_not(tell("a", "was revoked", FIRST + i * BG_SECOND, &untold));
    cr_assert_not(tell("a", "was revoked", FIRST + BG_REPEATS_PAUSE_NS - 1, &untold));
    cr_assert(tell("a", "was revoked", FIRST + BG_REPEATS_PAUSE_NS, &untold));
    cr_assert_eq(untold, 6);
    cr_assert_not(tell("a", "was revoked", FIRST + BG_REPEATS_PAUSE_NS + 1, &untold));
}

Test(repeats, another_peer_or_sentence_is_news)
{
    uint64_t untold;
    cr_assert(tell("a", "bc", FIRST, &untold));
    cr_assert(tell("b", "bc", FIRST, &untold));
    cr_assert(tell("a", "cd", FIRST, &untold));
    cr_assert(tell("ab", "c", FIRST, &untold), "the border between the two counts");
    cr_assert_not(tell("a", "bc", FIRST, &untold));
}

Test(repeats, more_than_it_remembers_are_told_rather_than_kept_quiet)
{
    char who[24];
    uint64_t untold;
    for (uint64_t i = 0; i < 20 * BG_REPEATS; i++) {
        snprintf(who, sizeof who, "%" PRIu64, i);
        cr_assert(tell(who, "x", FIRST, &untold));
        cr_assert_eq(untold, 0);
    }
}
