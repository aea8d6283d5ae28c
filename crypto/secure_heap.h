/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process that holds a secret key does before it reads it: bg_secure_process, then
 * bg_secure_heap_install, then anything that computes with big integers.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* No core dumps, no ptrace or /proc/PID/mem by other processes of the user. BG_IO naming the call that
 * failed. */
BG_MUST_CHECK enum bg_status bg_secure_process(struct bg_error *error);

/* From now on every integer of crypto/, and every ring and space of its arithmetic (crypto/adic.h), lives in memory
 * that is zeroed when it is freed or grows out of its place, and as long as `size` bytes last also in memory that is
 * never swapped nor dumped; the hooks are GMP's and hold for the process. Call it once, before any thread and any
 * integer. Running out of all memory ends the process, because GMP cannot report it. ret_locked: whether the system
 * locked the memory (RLIMIT_MEMLOCK); the rest holds anyway. BG_INVALID the second time, BG_NO_MEMORY. */
BG_MUST_CHECK enum bg_status bg_secure_heap_install(size_t size, struct bg_error *error, bool *ret_locked);
