/* SPDX-License-Identifier: Apache-2.0 */
/* Folders for tests that run a role again and again: in memory where the system has such a place, since there a test
 * of thousands of syncs waits for no disk. What syncs do to disks is for tests of store/ and of programs. */
#pragma once

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A new one, empty, "…/burgee-NAME-…"; the test removes it. */
static inline void make_scratch_folder(const char *name, size_t capacity, char *ret_path)
{
    const char *place = access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp";
    int length = snprintf(ret_path, capacity, "%s/burgee-%s-XXXXXX", place, name);
    cr_assert(length > 0 && (size_t)length < capacity);
    cr_assert_not_null(mkdtemp(ret_path), "%s", ret_path);
}
