/* SPDX-License-Identifier: Apache-2.0 */
#include "base/usage.h"

#include "base/clock.h"
#include "base/exposition.h"
#include "base/file.h"
#include "base/number.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STATUS_BYTES ((size_t)64 << 10)

/* "label:   123 kB" in /proc/self/status, as bytes. */
static uint64_t read_kibibytes(const char *status, const char *label)
{
    char digits[24] = "";
    uint64_t kibibytes = 0;
    const char *line = strstr(status, label);
    if (!line)
        return 0;
    line += strlen(label);
    line += strspn(line, " \t");
    size_t size = strspn(line, "0123456789");
    memcpy(digits, line, size < sizeof digits ? size : 0);
    return bg_parse_u64(digits, 0, UINT64_MAX / 1024, &kibibytes) == BG_OK ? kibibytes * 1024 : 0;
}

/* Without the one that looks. */
static uint64_t count_files(void)
{
    DIR *dir = opendir("/proc/self/fd");
    uint64_t count = 0;
    if (!dir)
        return 0;
    for (const struct dirent *entry; (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count ? count - 1 : 0;
}

struct bg_usage bg_usage_now(void)
{
    struct bg_usage usage = {.open_files = count_files()};
    struct timespec cpu;
    uint8_t *status;
    size_t size;
    if (bg_file_read("/proc/self/status", STATUS_BYTES, NULL, &status, &size) == BG_OK) {
        usage.resident_bytes = read_kibibytes((char *)status, "\nVmRSS:");
        usage.private_bytes = read_kibibytes((char *)status, "\nRssAnon:");
        free(status);
    }
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0)
        usage.cpu_ns = (uint64_t)cpu.tv_sec * BG_SECOND + (uint64_t)cpu.tv_nsec;
    return usage;
}

/* The kernel's own high-water mark: ru_maxrss would count the process that called exec, too. */
uint64_t bg_peak_rss_bytes(void)
{
    uint8_t *status;
    size_t size;
    if (bg_file_read("/proc/self/status", STATUS_BYTES, NULL, &status, &size) != BG_OK)
        return 0;
    uint64_t peak = read_kibibytes((char *)status, "\nVmHWM:");
    free(status);
    return peak;
}

void bg_usage_expose(const struct bg_usage *usage, struct bg_writer *w)
{
    bg_expose_gauge(w, "process_resident_memory_bytes", "Resident memory.", usage->resident_bytes);
    bg_expose_gauge(w, "process_open_fds", "Open file descriptors.", usage->open_files);
    bg_expose_family(w, "process_cpu_seconds_total", "counter", "Processor time, user and system.");
    bg_expose_seconds(w, "process_cpu_seconds_total", (struct bg_label){NULL, NULL}, usage->cpu_ns);
}
