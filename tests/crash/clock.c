/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A library to preload into any program: what the wall clock reads is shifted by the seconds that a file says, at any
 * time, as when somebody sets the clock. Monotonic clocks stay as they are.
 *
 *   BURGEE_CLOCK=FILE  an int64_t, in the machine's byte order
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define VISIBLE __attribute__((visibility("default")))

static const volatile int64_t none, *shift = &none;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("BURGEE_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *mapping = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *shift, PROT_READ, MAP_SHARED, file, 0);
    if (file >= 0)
        close(file);
    if (mapping != MAP_FAILED)
        shift = mapping;
}

VISIBLE int clock_gettime(clockid_t clock, struct timespec *ret_time)
{
    int result = (int)syscall(SYS_clock_gettime, clock, ret_time);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        ret_time->tv_sec += (time_t)*shift;
    return result;
}

VISIBLE time_t time(time_t *ret_time)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    if (ret_time)
        *ret_time = now.tv_sec;
    return now.tv_sec;
}

VISIBLE int gettimeofday(struct timeval *restrict ret_time, void *restrict zone)
{
    struct timespec now = {0};
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    *ret_time = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return 0;
}
