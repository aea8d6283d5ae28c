/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/* Durations and instants in nanoseconds. State machines are given `now`; only programs ask for it. */
#define BG_MILLISECOND ((uint64_t)1000000)
#define BG_SECOND ((uint64_t)1000000000)

uint64_t bg_clock_monotonic_ns(void);
uint64_t bg_clock_thread_cpu_ns(void);
