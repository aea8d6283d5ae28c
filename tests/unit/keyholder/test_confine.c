/* SPDX-License-Identifier: Apache-2.0 */
/* A process of its own for each test (Criterion forks), because there is no way back. */
#include "keyholder/confine.h"

#include "base/workers.h"
#include "crypto/decrypt.h"
#include "tests/unit/crypto/secret_fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(confine);

/* What the forked process returns: 0, or the number of the first thing that was not as it should be. */
static int expect(int (*run)(void))
{
    int outcome;
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0)
        _exit(run());
    cr_assert_eq(waitpid(child, &outcome, 0), child);
    cr_assert(WIFEXITED(outcome), "ended by signal %d", WTERMSIG(outcome));
    return WEXITSTATUS(outcome);
}

static bool refused(long result)
{
    return result == -1 && errno == EPERM;
}

#define SKIP 100 /* no filter here */

static int escape(void)
{
    bool confined;
    char *const none[] = {NULL};
    int open_before = open("/dev/null", O_WRONLY);
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bg_confine(NULL, &confined) != BG_OK)
        return 1;
    if (!confined)
        return SKIP;
    if (!refused(execve("/bin/true", none, none)))
        return 2;
    if (!refused(ptrace(PTRACE_TRACEME, 0, NULL, NULL)))
        return 3;
    if (!refused(socket(AF_PACKET, SOCK_RAW, ETH_P_ALL)) || !refused(socket(AF_INET, SOCK_STREAM, 0)))
        return 4;
    if (!refused(open("/etc/passwd", O_RDONLY)) || !refused(unlink("/nowhere")))
        return 5;
    if (!refused(fork()) || !refused(syscall(SYS_process_vm_readv, getpid(), NULL, 0, NULL, 0, 0)))
        return 6;
    if (page == MAP_FAILED || !refused(mprotect(page, 4096, PROT_READ | PROT_EXEC)))
        return 7;
    if (!refused(kill(getppid(), 0)))
        return 8;
    return write(open_before, "x", 1) == 1 ? 0 : 9; /* what was open works */
}

Test(confine, lets_nothing_out)
{
    int outcome = expect(escape);
    if (outcome == SKIP)
        cr_skip_test("no filter in this build");
    cr_expect_eq(outcome, 0, "step %d", outcome);
}

static _Atomic int elsewhere;

static void try_elsewhere(void *context, size_t i)
{
    (void)context, (void)i;
    if (!refused(open("/etc/passwd", O_RDONLY)))
        elsewhere = 1;
}

static int compute(void)
{
    bool confined;
    struct bg_workers *workers;
    struct bg_random random = bg_random_system();
    struct bg_secret_key *key = vector_key(2, 2);
    struct bg_cipher cipher = {BG_ENCRYPTION_PAILLIER, bg_secret_key_public(key)};
    size_t size = bg_public_key_plaintext_bytes(cipher.key), width = bg_public_key_ciphertext_bytes(cipher.key);
    uint8_t *plaintexts = random_plaintexts(cipher.key, 40), *ciphertexts = encrypt(&cipher, plaintexts, 40);
    uint8_t *opened = malloc(40 * size);
    if (bg_workers_create(4, 4, NULL, NULL, &workers) != BG_OK || bg_confine(NULL, &confined) != BG_OK)
        return 1;
    if (!confined)
        return SKIP;
    bg_workers_for(workers, 64, try_elsewhere, NULL);
    if (bg_decrypt(key, (struct bg_span){ciphertexts, 40 * width}, 40, &random, workers, NULL, opened) != BG_OK)
        return 2;
    if (memcmp(opened, plaintexts, 40 * size) != 0)
        return 3;
    return elsewhere ? 4 : 0;
}

Test(confine, holds_for_all_threads_and_lets_them_compute)
{
    int outcome = expect(compute);
    if (outcome == SKIP)
        cr_skip_test("no filter in this build");
    cr_expect_eq(outcome, 0, "step %d", outcome);
}
