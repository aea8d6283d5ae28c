/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/pace.h"

#define AVAILABILITY_KEPT 0.8
#define AGE_SHARE 8
#define DEADLINE_SHARE 4

void bg_pace_init(struct bg_pace *pace, const struct bg_pace_rules *rules)
{
    *pace = (struct bg_pace){.rules = *rules, .availability = 1, .deadline_ns = rules->most_ns};
}

/* Durations stay far below 2^53 ns, where every one is a double: a week is 2^49.1. */
static uint64_t times(uint64_t duration_ns, double factor, uint64_t most_ns)
{
    double product = (double)duration_ns * factor;
    return product < (double)most_ns ? (uint64_t)product : most_ns;
}

static uint64_t mean(uint64_t known, uint64_t fresh)
{
    return known ? known / 2 + fresh / 2 : fresh;
}

uint64_t bg_pace_percentile(const uint64_t *ascending, size_t count, double share)
{
    if (!count)
        return 0;
    double wanted = share * (double)count;
    size_t rank = (size_t)wanted + (wanted > (double)(size_t)wanted);
    return ascending[rank < 1 ? 0 : rank > count ? count - 1 : rank - 1];
}

void bg_pace_learn(struct bg_pace *pace, const struct bg_pace_round *round)
{
    const struct bg_pace_rules *rules = &pace->rules;
    size_t arrived = round->arrived + round->untimed;
    if (round->invited)
        pace->availability = AVAILABILITY_KEPT * pace->availability +
                             (1 - AVAILABILITY_KEPT) * ((double)arrived / (double)round->invited);
    if (round->before_learning)
        return;
    pace->length_ns = mean(pace->length_ns, round->length_ns);
    if (!rules->measured)
        return;
    uint64_t grown = times(round->deadline_ns, rules->growth, rules->most_ns);
    if (round->arrived == 0 || 2 * arrived < round->invited) {
        pace->deadline_ns = grown;
        return;
    }
    pace->arrival_ns =
        mean(pace->arrival_ns, bg_pace_percentile(round->arrivals_ns, round->arrived, rules->percentile));
    uint64_t deadline = times(pace->arrival_ns, rules->margin, grown);
    pace->deadline_ns = deadline < rules->least_ns ? rules->least_ns : deadline;
}

uint64_t bg_pace_deadline(const struct bg_pace *pace, bool before_learning)
{
    return pace->rules.measured && !before_learning ? pace->deadline_ns : pace->rules.most_ns;
}

size_t bg_pace_groups(const struct bg_pace *pace, uint64_t target, uint32_t members, size_t groups)
{
    double complete = 1;
    for (uint32_t i = 0; i < members; i++)
        complete *= pace->availability;
    double invited = (double)target / (complete > 1e-6 ? complete : 1e-6);
    if (target == 0 || invited >= (double)groups)
        return groups;
    return (size_t)invited + (invited > (double)(size_t)invited);
}

struct bg_pace_window bg_pace_window(const struct bg_pace *pace, size_t clients, uint64_t round, bool running,
                                     uint64_t age_ns)
{
    uint64_t spread = times(1000000000, (double)clients / pace->rules.contacts_per_second, BG_MAX_PACE_NS / 2);
    uint64_t wait = !running ? 0 : age_ns < pace->length_ns ? pace->length_ns - age_ns : age_ns / AGE_SHARE;
    uint64_t longest = bg_pace_deadline(pace, false) / DEADLINE_SHARE;
    if (wait > longest)
        wait = longest;
    if (wait < spread)
        wait = spread;
    if (wait > BG_MAX_PACE_NS - spread)
        wait = BG_MAX_PACE_NS - spread;
    return (struct bg_pace_window){.round = round, .least_ns = wait, .most_ns = wait + spread};
}
