/* SPDX-License-Identifier: Apache-2.0 */
/* The allocation functions, counted, and failing where they are told to. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct fuzz_limits {
    size_t failing;   /* index of the allocation that fails; SIZE_MAX: none */
    bool onwards;     /* and all after it */
    size_t arena_cap; /* on every arena; SIZE_MAX: its own */
};

struct fuzz_usage {
    size_t allocations;
    size_t arena; /* bytes given out by the fullest arena */
};

/* Allocations count, and the limits hold, from begin to end. */
void fuzz_memory_begin(const struct fuzz_limits *limits);
struct fuzz_usage fuzz_memory_end(void);
/* In between. */
void fuzz_memory_pause(bool paused);
