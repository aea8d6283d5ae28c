/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A library to preload into any program of burgee. It counts what makes files durable or visible (fsync, fdatasync,
 * rename, link, unlink, truncation), and ends the program at one of these points as kill -9 would: nothing is flushed,
 * nothing cleaned up. So every point where a state may be left half way is reached, and programs need no hook.
 *
 *   BURGEE_CRASH_AT=N       end at the Nth point, from 1: for odd N before a call is made, for even N after it
 *   BURGEE_CRASH_COUNT=FILE keep the number of points passed in the file, as a decimal number and a line's end
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define VISIBLE __attribute__((visibility("default")))

static _Atomic unsigned long passed;
static unsigned long last;
static int count_file = -1;

__attribute__((constructor)) static void begin(void)
{
    const char *at = getenv("BURGEE_CRASH_AT"), *count = getenv("BURGEE_CRASH_COUNT");
    for (; at && *at >= '0' && *at <= '9'; at++)
        last = 10 * last + (unsigned long)(*at - '0');
    if (count)
        count_file = open(count, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    unsetenv("LD_PRELOAD"); /* not for whom it may start */
}

static void pass(void)
{
    char text[24];
    int number = errno;
    unsigned long point = atomic_fetch_add(&passed, 1) + 1;
    int length = snprintf(text, sizeof text, "%lu\n", point);
    if (count_file >= 0 && syscall(SYS_pwrite64, count_file, text, (size_t)length, 0L) < 0)
        syscall(SYS_exit_group, 1);
    if (point == last)
        syscall(SYS_exit_group, 137);
    errno = number;
}

#define POINT(call)              \
    do {                         \
        pass();                  \
        long result = (call);    \
        pass();                  \
        return (int)result;      \
    } while (0)

VISIBLE int fsync(int file)
{
    POINT(syscall(SYS_fsync, file));
}

VISIBLE int fdatasync(int file)
{
    POINT(syscall(SYS_fdatasync, file));
}

VISIBLE int rename(const char *from, const char *to)
{
    POINT(syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}

VISIBLE int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    POINT(syscall(SYS_renameat2, from_folder, from, to_folder, to, 0));
}

VISIBLE int link(const char *from, const char *to)
{
    POINT(syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0));
}

VISIBLE int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags)
{
    POINT(syscall(SYS_linkat, from_folder, from, to_folder, to, flags));
}

VISIBLE int unlink(const char *path)
{
    POINT(syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}

VISIBLE int unlinkat(int folder, const char *path, int flags)
{
    POINT(syscall(SYS_unlinkat, folder, path, flags));
}

VISIBLE int ftruncate(int file, off_t size)
{
    POINT(syscall(SYS_ftruncate, file, size));
}
