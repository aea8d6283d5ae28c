/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include "base/file.h"
#include "base/number.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t read_clock(clockid_t id)
{
    struct timespec now;
    int result = clock_gettime(id, &now);
    assert(result == 0);
    (void)result;
    return (uint64_t)now.tv_sec * BG_SECOND + (uint64_t)now.tv_nsec;
}

uint64_t bg_clock_monotonic_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t bg_clock_thread_cpu_ns(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

/* The kernel's own high-water mark: ru_maxrss would count the process that called exec, too. */
uint64_t bg_peak_rss_bytes(void)
{
    static const char label[] = "\nVmHWM:";
    uint8_t *data;
    size_t size;
    uint64_t kibibytes = 0;
    if (bg_file_read("/proc/self/status", 64 * 1024, NULL, &data, &size) != BG_OK)
        return 0;
    char *number = strstr((char *)data, label);
    if (number) {
        number += strlen(label);
        number += strspn(number, " \t");
        number[strcspn(number, " ")] = '\0';
        if (bg_parse_u64(number, 0, UINT64_MAX / 1024, &kibibytes) != BG_OK)
            kibibytes = 0;
    }
    free(data);
    return kibibytes * 1024;
}
