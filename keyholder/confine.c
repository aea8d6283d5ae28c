/* SPDX-License-Identifier: Apache-2.0 */
#include "keyholder/confine.h"

#if defined(BG_HAVE_SECCOMP) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

#include <errno.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* By name: not every machine has every one, and 32-bit machines have others for times and offsets of 64 bits. */
static const char *const allowed[] = {
    /* what is open */
    "read", "readv", "pread64", "preadv", "write", "writev", "pwrite64", "pwritev", "lseek", "_llseek", "fsync",
    "fdatasync", "ftruncate", "ftruncate64", "close", "fstat", "fstat64", "fcntl", "fcntl64", "flock",
    /* sockets */
    "accept", "accept4", "recv", "recvfrom", "recvmsg", "send", "sendto", "sendmsg", "shutdown", "getsockopt",
    "setsockopt", "getsockname", "getpeername",
    /* waiting */
    "epoll_wait", "epoll_pwait", "epoll_pwait2", "epoll_ctl", "poll", "ppoll", "ppoll_time64", "nanosleep",
    "clock_nanosleep", "clock_nanosleep_time64", "futex", "futex_time64", "restart_syscall", "sched_yield",
    /* time, chance, self */
    "clock_gettime", "clock_gettime64", "clock_getres", "clock_getres_time64", "gettimeofday", "time", "getrandom",
    "getpid", "gettid", "getuid", "geteuid", "getrusage", "sched_getaffinity", "sysinfo",
    /* memory */
    "munmap", "mremap", "madvise", "brk", "mlock", "mlock2", "munlock",
    /* signals, threads that end, the end */
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigreturn", "sigaltstack", "set_robust_list", "rseq",
    "cacheflush", "exit", "exit_group",
};

static int allow(scmp_filter_ctx filter, const char *name)
{
    int number = seccomp_syscall_resolve_name(name);
    return number == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
}

/* Where its one argument fits. */
static int allow_if(scmp_filter_ctx filter, const char *name, struct scmp_arg_cmp condition)
{
    int number = seccomp_syscall_resolve_name(name);
    return number == __NR_SCMP_ERROR ? 0 : seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, 1, &condition);
}

/* Signals to itself alone, memory that is not to be run, and of descriptors only what an event loop does to them. */
static int allow_in_part(scmp_filter_ctx filter)
{
    static const unsigned long controls[] = {FIONBIO, FIOCLEX, FIONREAD};
    static const char *const mappings[] = {"mmap", "mmap2", "mprotect"};
    int result = allow_if(filter, "tgkill",
                          (struct scmp_arg_cmp){.arg = 0, .op = SCMP_CMP_EQ, .datum_a = (scmp_datum_t)getpid()});
    for (size_t i = 0; result == 0 && i < sizeof controls / sizeof *controls; i++)
        result = allow_if(filter, "ioctl",
                          (struct scmp_arg_cmp){.arg = 1, .op = SCMP_CMP_EQ, .datum_a = controls[i]});
    for (size_t i = 0; result == 0 && i < sizeof mappings / sizeof *mappings; i++)
        result = allow_if(filter, mappings[i],
                          (struct scmp_arg_cmp){.arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = PROT_EXEC});
    return result;
}

/* Releases the filter; `result` of what was done to it. */
static enum bg_status load(scmp_filter_ctx filter, int result, struct bg_error *error, bool *ret_loaded)
{
    if (result == 0)
        result = seccomp_attr_set(filter, SCMP_FLTATR_API_SYSRAWRC, 1); /* the kernel's own errors */
    if (result == 0)
        result = seccomp_load(filter);
    seccomp_release(filter);
    *ret_loaded = result == 0;
    /* Machines whose kernel has no filters are served without. */
    if (result == 0 || result == -EINVAL || result == -ENOSYS || result == -EOPNOTSUPP)
        return BG_OK;
    return bg_fail(error, BG_IO, "system call filter: %s; --set process.confine=false does without", strerror(-result));
}

enum bg_status bg_confine_prepare(struct bg_error *error)
{
    bool loaded;
    int rings = seccomp_syscall_resolve_name("io_uring_setup");
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (!filter)
        return bg_fail(error, BG_NO_MEMORY, "system call filter: out of memory");
    int result = rings == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), rings, 0);
    return load(filter, result, error, &loaded);
}

enum bg_status bg_confine(struct bg_error *error, bool *ret_confined)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!filter)
        return bg_fail(error, BG_NO_MEMORY, "system call filter: out of memory");
    int result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    for (size_t i = 0; result == 0 && i < sizeof allowed / sizeof *allowed; i++)
        result = allow(filter, allowed[i]);
    if (result == 0)
        result = allow_in_part(filter);
    return load(filter, result, error, ret_confined);
}

#else

enum bg_status bg_confine_prepare(struct bg_error *error)
{
    (void)error;
    return BG_OK;
}

enum bg_status bg_confine(struct bg_error *error, bool *ret_confined)
{
    (void)error;
    *ret_confined = false;
    return BG_OK;
}

#endif
