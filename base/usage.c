/* SPDX-License-Identifier: Apache-2.0 */
#include "base/usage.h"

#include "base/clock.h"
#include "base/exposition.h"
#include "base/file.h"
#include "base/number.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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

static uint64_t count_files(pid_t process)
{
    char path[32];
    uint64_t count = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)process);
    DIR *dir = opendir(path);
    if (!dir)
        return 0;
    for (const struct dirent *entry; (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static char *read_status(pid_t process)
{
    char path[32];
    uint8_t *status;
    size_t size;
    snprintf(path, sizeof path, "/proc/%d/status", (int)process);
    return bg_file_read(path, STATUS_BYTES, NULL, &status, &size) == BG_OK ? (char *)status : NULL;
}

struct bg_usage bg_usage_of(pid_t process)
{
    struct bg_usage usage = {.open_files = count_files(process)};
    struct timespec cpu;
    clockid_t clock;
    char *status = read_status(process);
    if (status) {
        usage.resident_bytes = read_kibibytes(status, "\nVmRSS:");
        usage.private_bytes = read_kibibytes(status, "\nRssAnon:");
        free(status);
    }
    if (clock_getcpuclockid(process, &clock) == 0 && clock_gettime(clock, &cpu) == 0)
        usage.cpu_ns = (uint64_t)cpu.tv_sec * BG_SECOND + (uint64_t)cpu.tv_nsec;
    return usage;
}

/* Without the file that is open while it looks. */
struct bg_usage bg_usage_now(void)
{
    struct bg_usage usage = bg_usage_of(getpid());
    usage.open_files -= usage.open_files > 0;
    return usage;
}

/* The kernel's own high-water mark: ru_maxrss would count the process that called exec, too. */
uint64_t bg_peak_rss_bytes(void)
{
    char *status = read_status(getpid());
    uint64_t peak = status ? read_kibibytes(status, "\nVmHWM:") : 0;
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
