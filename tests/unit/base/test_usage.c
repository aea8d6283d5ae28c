/* SPDX-License-Identifier: Apache-2.0 */
#include "base/usage.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

Test(usage, a_process_knows_its_memory_files_and_time)
{
    struct bg_usage before = bg_usage_now();
    int file = open("/dev/null", O_RDONLY);
    struct bg_usage after = bg_usage_now();
    close(file);
    cr_assert_eq(after.open_files, before.open_files + 1);
    cr_assert_gt(before.private_bytes, 0);
    cr_assert_gt(before.resident_bytes, before.private_bytes);
    cr_assert_gt(after.cpu_ns, before.cpu_ns);
}

Test(usage, peak_memory_grows_with_use)
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

Test(usage, other_processes_are_seen_too)
{
    int ready[2];
    char sign;
    cr_assert_eq(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        volatile char *block = malloc(32 << 20);
        for (size_t i = 0; i < 32 << 20; i += 4096)
            block[i] = 1;
        _exit(write(ready[1], "", 1) == 1 && pause());
    }
    cr_assert_eq(read(ready[0], &sign, 1), 1);
    struct bg_usage usage = bg_usage_of(child);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    cr_assert_gt(usage.private_bytes, 32 << 20);
    cr_assert_gt(usage.open_files, 1);
    cr_assert_gt(usage.cpu_ns, 0);
    cr_assert_eq(bg_usage_of(child).resident_bytes, 0, "it is gone");
}
