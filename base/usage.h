/* SPDX-License-Identifier: Apache-2.0 */
/* What a process takes of its machine, for programs. */
#pragma once

#include "base/span.h"

#include <sys/types.h>

struct bg_usage {
    uint64_t resident_bytes; /* of memory */
    uint64_t private_bytes;  /* of those, anonymous: of no file */
    uint64_t open_files;
    uint64_t cpu_ns;         /* all threads, since its start */
};

/* Of this process; zero where the system does not tell. */
struct bg_usage bg_usage_now(void);
/* Of another, likewise; the system may tell little about what others keep to themselves. */
struct bg_usage bg_usage_of(pid_t process);
/* Largest resident set of this process so far, bytes; 0 where the system does not tell. */
uint64_t bg_peak_rss_bytes(void);
/* As the metrics process_resident_memory_bytes, process_open_fds and process_cpu_seconds_total. */
void bg_usage_expose(const struct bg_usage *usage, struct bg_writer *w);
