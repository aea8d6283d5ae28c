/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/pace.h"

#include "base/prng.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define SECOND ((uint64_t)1000000000)
#define MOST_CLIENTS 400

static const struct bg_pace_rules rules = {.measured = true,
                                           .percentile = 0.95,
                                           .margin = 1.5,
                                           .growth = 1.5,
                                           .least_ns = 2 * SECOND,
                                           .most_ns = 120 * SECOND,
                                           .contacts_per_second = 50};

static void begin(struct bg_pace *pace)
{
    bg_pace_init(pace, &rules);
}

/* A round of which every arrival took as long, under the deadline in force. */
static void even_round(struct bg_pace *pace, size_t invited, size_t arrived, uint64_t arrival_ns)
{
    uint64_t arrivals[MOST_CLIENTS];
    for (size_t i = 0; i < arrived; i++)
        arrivals[i] = arrival_ns;
    uint64_t deadline = bg_pace_deadline(pace, false);
    bg_pace_learn(pace, &(struct bg_pace_round){.deadline_ns = deadline,
                                                .length_ns = arrival_ns,
                                                .invited = invited,
                                                .arrived = arrived,
                                                .arrivals_ns = arrivals});
}

Test(pace, percentiles_are_ranks)
{
    uint64_t ten[10];
    for (uint64_t i = 0; i < 10; i++)
        ten[i] = 100 + i;
    static const struct {
        double share;
        uint64_t value;
    } ranks[] = {{0.001, 100}, {0.1, 100}, {0.11, 101}, {0.5, 104}, {0.9, 108}, {0.95, 109}, {1, 109}};
    for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++)
        cr_assert_eq(bg_pace_percentile(ten, 10, ranks[i].share), ranks[i].value, "%g", ranks[i].share);
    cr_assert_eq(bg_pace_percentile(ten, 1, 0.01), 100);
    cr_assert_eq(bg_pace_percentile(NULL, 0, 0.5), 0);
}

/* ---- deadlines ---- */

Test(pace, the_first_deadline_is_the_configured_one_and_a_fixed_one_stays)
{
    struct bg_pace pace;
    begin(&pace);
    cr_assert_eq(bg_pace_deadline(&pace, false), rules.most_ns);
    struct bg_pace_rules fixed = rules;
    fixed.measured = false;
    bg_pace_init(&pace, &fixed);
    even_round(&pace, 40, 40, 10 * SECOND);
    cr_assert_eq(bg_pace_deadline(&pace, false), rules.most_ns);
}

Test(pace, a_deadline_is_the_percentile_with_its_margin_smoothed)
{
    struct bg_pace pace;
    uint64_t arrivals[100];
    begin(&pace);
    for (uint64_t i = 0; i < 100; i++)
        arrivals[i] = (i + 1) * SECOND / 10;
    bg_pace_learn(&pace, &(struct bg_pace_round){.deadline_ns = rules.most_ns,
                                                 .length_ns = 12 * SECOND,
                                                 .invited = 100,
                                                 .arrived = 100,
                                                 .arrivals_ns = arrivals});
    cr_assert_eq(bg_pace_deadline(&pace, false), (uint64_t)(1.5 * 9.5 * 1e9));
    even_round(&pace, 100, 100, 8 * SECOND + SECOND / 2);
    cr_assert_eq(bg_pace_deadline(&pace, false), (uint64_t)(1.5 * 9.0 * 1e9));
    cr_assert_eq(bg_pace_deadline(&pace, true), rules.most_ns, "one before learning has the configured one");
}

Test(pace, a_deadline_keeps_within_its_bounds_and_grows_by_its_factor_at_most)
{
    struct bg_pace pace;
    begin(&pace);
    even_round(&pace, 10, 10, SECOND / 100);
    cr_assert_eq(bg_pace_deadline(&pace, false), rules.least_ns);
    uint64_t before = rules.least_ns;
    for (size_t i = 0; i < 20; i++) {
        even_round(&pace, 10, 10, 100 * SECOND);
        uint64_t now = bg_pace_deadline(&pace, false);
        cr_assert(now <= before + before / 2 && now >= before, "%llu after %llu", (unsigned long long)now,
                  (unsigned long long)before);
        before = now;
    }
    cr_assert_eq(before, rules.most_ns);
}

Test(pace, rounds_that_too_few_reached_move_the_deadline_out_until_it_is_the_configured_one)
{
    struct bg_pace pace;
    begin(&pace);
    even_round(&pace, 10, 10, 4 * SECOND);
    cr_assert_eq(bg_pace_deadline(&pace, false), 6 * SECOND);
    even_round(&pace, 10, 4, 5 * SECOND);
    cr_assert_eq(bg_pace_deadline(&pace, false), 9 * SECOND, "what came is no sample of what would have");
    even_round(&pace, 10, 0, 0);
    cr_assert_eq(bg_pace_deadline(&pace, false), 13 * SECOND + SECOND / 2);
    for (size_t i = 0; i < 10; i++)
        even_round(&pace, 10, 0, 0);
    cr_assert_eq(bg_pace_deadline(&pace, false), rules.most_ns);
}

Test(pace, rounds_before_learning_teach_nothing_but_availability)
{
    struct bg_pace pace;
    uint64_t arrival = SECOND;
    begin(&pace);
    bg_pace_learn(&pace, &(struct bg_pace_round){.before_learning = true,
                                                 .deadline_ns = rules.most_ns,
                                                 .length_ns = SECOND,
                                                 .invited = 2,
                                                 .arrived = 1,
                                                 .arrivals_ns = &arrival});
    cr_assert_eq(bg_pace_deadline(&pace, false), rules.most_ns);
    cr_assert_eq(pace.length_ns, 0);
    cr_assert_float_eq(pace.availability, 0.9, 1e-12);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The last deadline and the share of clients in time over 200 rounds of clients that take 3 to 5 s, some of them
 * `factor` times as long. */
static double run_rounds(struct bg_pace *pace, double stragglers, double factor)
{
    struct bg_prng prng;
    uint64_t arrivals[MOST_CLIENTS];
    double in_time = 0;
    bg_prng_init(&prng, 3);
    for (size_t round = 0; round < 200; round++) {
        struct bg_pace_round r = {.deadline_ns = bg_pace_deadline(pace, false), .invited = 200};
        for (size_t i = 0; i < r.invited; i++) {
            double takes = 3 + 2 * bg_prng_uniform(&prng);
            uint64_t ns = (uint64_t)((bg_prng_uniform(&prng) < stragglers ? factor : 1) * takes * 1e9);
            if (ns < r.deadline_ns)
                arrivals[r.arrived++] = ns;
        }
        qsort(arrivals, r.arrived, sizeof *arrivals, compare);
        r.arrivals_ns = arrivals;
        r.length_ns = r.deadline_ns;
        bg_pace_learn(pace, &r);
        in_time += (double)r.arrived / (double)r.invited / 200;
    }
    return in_time;
}

Test(pace, a_few_stragglers_are_cut_off_and_nobody_else)
{
    struct bg_pace pace;
    begin(&pace);
    double in_time = run_rounds(&pace, 0.03, 20);
    cr_assert(in_time > 0.96 && in_time < 0.985, "%g in time", in_time);
    cr_assert_lt(bg_pace_deadline(&pace, false), 8 * SECOND);
}

Test(pace, many_slow_clients_are_waited_for)
{
    struct bg_pace pace;
    begin(&pace);
    cr_assert_gt(run_rounds(&pace, 0.3, 4), 0.999);
    cr_assert_gt(bg_pace_deadline(&pace, false), 20 * SECOND);
}

/* ---- invitation ---- */

Test(pace, invites_so_many_groups_that_enough_are_expected_to_be_complete)
{
    for (uint32_t members = 1; members <= 8; members++)
        for (double availability = 0.5; availability <= 1; availability += 0.01)
            for (uint64_t target = 1; target < 40; target += 3) {
                struct bg_pace pace;
                double complete = 1;
                begin(&pace);
                pace.availability = availability;
                size_t invited = bg_pace_groups(&pace, target, members, 1000000);
                for (uint32_t i = 0; i < members; i++)
                    complete *= availability;
                cr_assert_geq((double)invited * complete, (double)target * (1 - 1e-12));
                cr_assert_lt((double)(invited - 1) * complete, (double)target);
            }
    struct bg_pace pace;
    begin(&pace);
    cr_assert_eq(bg_pace_groups(&pace, 0, 4, 17), 17, "no target: all");
    cr_assert_eq(bg_pace_groups(&pace, 5, 4, 17), 5);
    pace.availability = 0.5;
    cr_assert_eq(bg_pace_groups(&pace, 5, 4, 17), 17, "no more than there are");
    pace.availability = 0;
    cr_assert_eq(bg_pace_groups(&pace, 5, 4, 17), 17);
}

/* Complete groups per round, on average, when each client comes with this chance and the availability is learnt. */
static double mean_complete(double chance, uint64_t target, uint32_t members, uint64_t seed)
{
    struct bg_pace pace;
    struct bg_prng prng;
    double total = 0;
    const size_t rounds = 400, warm = 30;
    begin(&pace);
    bg_prng_init(&prng, seed);
    for (size_t round = 0; round < rounds; round++) {
        struct bg_pace_round r = {.before_learning = true};
        size_t groups = bg_pace_groups(&pace, target, members, 100000);
        size_t complete = 0;
        for (size_t g = 0; g < groups; g++) {
            size_t here = 0;
            for (uint32_t m = 0; m < members; m++)
                here += bg_prng_uniform(&prng) < chance;
            complete += here == members;
            r.arrived += here;
        }
        r.invited = groups * members;
        bg_pace_learn(&pace, &r);
        total += round >= warm ? (double)complete / (double)(rounds - warm) : 0;
    }
    return total;
}

Test(pace, simulated_rounds_reach_their_target_on_average)
{
    for (double chance = 0.5; chance <= 1; chance += 0.05) {
        double complete = mean_complete(chance, 10, 4, 11);
        cr_assert(complete > 9.7 && complete < 12, "%g complete groups of 10 at availability %g", complete, chance);
    }
}

/* ---- windows ---- */

Test(pace, between_rounds_no_more_clients_come_back_per_second_than_are_wanted)
{
    struct bg_pace pace;
    begin(&pace);
    struct bg_pace_window window = bg_pace_window(&pace, 1000, 7, false, 0);
    cr_assert_eq(window.round, 7);
    cr_assert_eq(window.least_ns, 20 * SECOND, "1000 clients, 50 per second");
    cr_assert_eq(window.most_ns, 40 * SECOND);
}

Test(pace, a_window_of_a_running_round_begins_at_its_usual_end)
{
    struct bg_pace pace;
    begin(&pace);
    even_round(&pace, 10, 10, 60 * SECOND);
    struct bg_pace_window window = bg_pace_window(&pace, 100, 7, true, 42 * SECOND);
    cr_assert_eq(window.least_ns, 18 * SECOND);
    cr_assert_eq(window.most_ns, 20 * SECOND);
    window = bg_pace_window(&pace, 100, 7, true, 59 * SECOND);
    cr_assert_eq(window.least_ns, 2 * SECOND, "never less than the population needs");
    window = bg_pace_window(&pace, 100, 7, true, 80 * SECOND);
    cr_assert_eq(window.least_ns, 10 * SECOND, "overdue: an eighth of its age");
}

Test(pace, a_client_that_waits_for_a_round_which_ended_early_has_most_of_the_next_one)
{
    struct bg_pace pace;
    begin(&pace);
    even_round(&pace, 10, 10, 60 * SECOND);
    uint64_t deadline = bg_pace_deadline(&pace, false);
    for (uint64_t age = 0; age < 3600 * SECOND; age += SECOND) {
        struct bg_pace_window window = bg_pace_window(&pace, 100, 7, true, age);
        cr_assert_leq(window.most_ns, deadline / 4 + 2 * SECOND, "at age %llu", (unsigned long long)age);
    }
}

Test(pace, a_client_asks_rarely_however_long_a_round_lasts)
{
    struct bg_pace pace;
    begin(&pace);
    size_t asks = 0;
    for (uint64_t age = SECOND; age < rules.most_ns; asks++)
        age += bg_pace_window(&pace, 10, 1, true, age).most_ns;
    cr_assert_lt(asks, 40, "%zu looks at a first round", asks);
    even_round(&pace, 10, 10, rules.most_ns - 1);
    asks = 0;
    for (uint64_t age = SECOND; age < rules.most_ns; asks++)
        age += bg_pace_window(&pace, 10, 1, true, age).most_ns;
    cr_assert_leq(asks, 5, "%zu looks at a round as long as the one before", asks);
}

Test(pace, windows_are_never_longer_than_a_client_may_be_told)
{
    struct bg_pace pace;
    begin(&pace);
    pace.rules.contacts_per_second = 1e-9;
    pace.length_ns = UINT64_MAX;
    for (int running = 0; running < 2; running++) {
        struct bg_pace_window window = bg_pace_window(&pace, (size_t)1 << 22, 1, running, UINT64_MAX / 2);
        cr_assert_leq(window.least_ns, window.most_ns);
        cr_assert_leq(window.most_ns, BG_MAX_PACE_NS);
    }
}
