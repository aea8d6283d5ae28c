/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <criterion/criterion.h>

TestSuite(clock);

Test(clock, time_goes_forward)
{
    uint64_t first = bg_clock_monotonic_ns();
    cr_assert_gt(first, 0);
    for (int i = 0; i < 1000; i++) {
        uint64_t now = bg_clock_monotonic_ns();
        cr_assert_geq(now, first);
        first = now;
    }
}

Test(clock, working_takes_processor_time)
{
    uint64_t begin = bg_clock_thread_cpu_ns();
    while (bg_clock_thread_cpu_ns() - begin < 2 * BG_MILLISECOND)
        continue;
    cr_assert_lt(bg_clock_thread_cpu_ns() - begin, 60 * BG_SECOND);
}
