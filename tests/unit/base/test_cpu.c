/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cpu.h"

#include <criterion/criterion.h>
#include <string.h>

Test(cpu, a_limit_takes_away_and_adds_nothing)
{
    uint32_t all = bg_cpu_features();
    bg_cpu_limit(BG_CPU_AVX2);
    cr_assert_eq(bg_cpu_features(), all & BG_CPU_AVX2);
    cr_assert_eq(bg_cpu_has(BG_CPU_AVX2), (all & BG_CPU_AVX2) != 0);
    cr_assert_not(bg_cpu_has(BG_CPU_AVX2 | BG_CPU_IFMA));
    cr_assert(bg_cpu_has(BG_CPU_PORTABLE));
    bg_cpu_limit(BG_CPU_ALL);
    cr_assert_eq(bg_cpu_features(), all);
}

Test(cpu, people_choose_by_name)
{
    uint32_t all = bg_cpu_features(), seen = 0;
    for (uint32_t choice = 0; bg_cpu_choices[choice]; choice++) {
        bg_cpu_choose(choice);
        uint32_t chosen = bg_cpu_features();
        if (strcmp(bg_cpu_choices[choice], "auto") == 0)
            cr_assert_eq(chosen, all);
        else if (strcmp(bg_cpu_choices[choice], "portable") == 0)
            cr_assert_eq(chosen, BG_CPU_PORTABLE);
        else
            cr_assert_eq(chosen & BG_CPU_IFMA, 0, "%s", bg_cpu_choices[choice]);
        seen++;
    }
    cr_assert_geq(seen, 4);
    bg_cpu_choose(0);
    cr_assert_eq(bg_cpu_features(), all);
}
