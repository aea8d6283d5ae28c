/* SPDX-License-Identifier: Apache-2.0 */
#include "base/workers.h"

#include "base/file.h"
#include "base/number.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CGROUPS "/sys/fs/cgroup"

/* Reads a small file of a folder as a string without its newline; "" if it cannot be read. */
static void read_small(const char *folder, const char *name, char *ret_text, size_t capacity)
{
    char path[PATH_MAX];
    uint8_t *data;
    size_t size;
    ret_text[0] = '\0';
    int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    if (length >= (int)sizeof path || bg_file_read(path, capacity - 1, NULL, &data, &size) != BG_OK)
        return;
    memcpy(ret_text, data, size + 1);
    if (size > 0 && data[size - 1] == '\n')
        ret_text[size - 1] = '\0';
    free(data);
}

/* Whole processors in quota / period, rounded up; UINT_MAX if either is not a number (no limit). */
static unsigned quota(const char *quota_text, const char *period_text)
{
    uint64_t microseconds, period;
    if (bg_parse_u64(quota_text, 1, UINT32_MAX, &microseconds) != BG_OK ||
        bg_parse_u64(period_text, 1, UINT32_MAX, &period) != BG_OK)
        return UINT_MAX;
    return (unsigned)((microseconds + period - 1) / period);
}

/* Version 2 keeps "quota period" in one file, version 1 a file for each. */
static unsigned quota_of_folder(const char *folder)
{
    char quota_text[64], period_text[64];
    read_small(folder, "cpu.max", quota_text, sizeof quota_text);
    char *blank = strchr(quota_text, ' ');
    if (blank) {
        *blank = '\0';
        return quota(quota_text, blank + 1);
    }
    read_small(folder, "cpu.cfs_quota_us", quota_text, sizeof quota_text);
    read_small(folder, "cpu.cfs_period_us", period_text, sizeof period_text);
    return quota(quota_text, period_text);
}

/* The tightest quota of a group and of all groups around it. */
static unsigned quota_of_group(const char *mount, const char *group)
{
    char folder[PATH_MAX];
    if (snprintf(folder, sizeof folder, "%s%s", mount, group) >= (int)sizeof folder)
        return UINT_MAX;
    unsigned least = UINT_MAX;
    for (;;) {
        unsigned here = quota_of_folder(folder);
        least = here < least ? here : least;
        char *slash = strrchr(folder + strlen(mount), '/');
        if (!slash)
            return least;
        *slash = '\0';
    }
}

/* Lines of /proc/self/cgroup are "number:controllers:/group"; version 2 has no controllers. */
static unsigned cgroup_quota(void)
{
    char text[8192];
    read_small("/proc/self", "cgroup", text, sizeof text);
    unsigned least = UINT_MAX;
    char *line, *rest = text;
    while ((line = strsep(&rest, "\n"))) {
        strsep(&line, ":");
        const char *controllers = strsep(&line, ":");
        if (!line)
            continue;
        bool is_v2 = *controllers == '\0';
        if (!is_v2 && strcmp(controllers, "cpu") != 0 && strncmp(controllers, "cpu,", 4) != 0)
            continue;
        unsigned here = quota_of_group(is_v2 ? CGROUPS : CGROUPS "/cpu", line);
        least = here < least ? here : least;
    }
    return least;
}

unsigned bg_available_processors(void)
{
    cpu_set_t set;
    unsigned allowed = sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
    unsigned quota_limit = cgroup_quota();
    unsigned least = allowed < quota_limit ? allowed : quota_limit;
    return least > 0 ? least : 1;
}
