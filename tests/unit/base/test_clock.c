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

Test(clock, peak_memory_grows_with_use)
{
    uint64_t before = bg_peak_rss_bytes();
    size_t size = (size_t)64 << 20;
    volatile char *block = malloc(size);
    for (size_t i = 0; i < size; i += 4096)
        block[i] = 1;
    uint64_t after = bg_peak_rss_bytes();
    free((void *)block);
    cr_assert_gt(before, 1 << 20);
    cr_assert_geq(after, size);
    cr_assert_lt(after, before + 4 * size);
    cr_assert_geq(bg_peak_rss_bytes() + (1 << 20), after, "a peak stays, up to the kernel's rounding");
}
