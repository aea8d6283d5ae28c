/* SPDX-License-Identifier: Apache-2.0 */
/* A client that is stopped at any point and started from its folder ends up as if nothing had happened. */
#include "base/file.h"
#include "client/device_folder.h"
#include "tests/unit/client/fake_root.h"
#include "tests/unit/no_leaks.h"
#include "tests/unit/scratch.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROUNDS 4

static const struct population_terms plain = {.encryption = BG_PLAN_OFF};
static const struct population_terms encrypted = {.encryption = BG_PLAN_PAILLIER};
static char folder[64], state_file[80], update_file[80];

static void begin(void)
{
    make_scratch_folder("recovery", sizeof folder, folder);
    snprintf(state_file, sizeof state_file, "%s/client.state", folder);
    snprintf(update_file, sizeof update_file, "%s/client.update", folder);
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *walk)
{
    (void)about;
    (void)type;
    (void)walk;
    return remove(path);
}

static void end(void)
{
    cr_assert_eq(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

TestSuite(recovery, .init = begin, .fini = end);

struct outcome {
    unsigned steps;
    size_t count;
    float residual[64];
};

/* Round 1 is used, 2 is not, 3 is abandoned, 4 is used. */
static void run_rounds(const struct population_terms *terms, unsigned stop_at, struct outcome *ret)
{
    struct fake_root root;
    struct bg_receipt_group groups[2];
    double scales[STAGE_TENSORS];
    fake_root_init(&root, terms);
    root.stop_at = stop_at;
    fake_root_remember(&root, folder);
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        root.stage.task.round = round;
        fake_root_open(&root);
        fake_root_run_to(&root, BG_SESSION_WAITING);
        struct bg_receipt receipt = stage_receipt(&root.stage, round != 2, groups, scales);
        fake_root_end(&root, round == 3 ? NULL : &receipt);
        fake_root_run_to(&root, BG_SESSION_IDLE);
        cr_assert(!exists(update_file), "round %llu, stopped at %u", (unsigned long long)round, stop_at);
    }
    cr_assert_eq(root.life, stop_at > 0 && stop_at <= root.steps);
    if (!stop_at)
        cr_assert_eq(root.notices[BG_CLIENT_NOTICE_COMMITTED], 2);
    const float *residual = bg_client_residual(root.client, &ret->count);
    cr_assert_leq(ret->count, sizeof ret->residual / sizeof *ret->residual);
    memcpy(ret->residual, residual, ret->count * sizeof *residual);
    ret->steps = root.steps;
    fake_root_finish(&root);
    cr_assert_eq(unlink(state_file), 0);
}

static void expect_same(const struct outcome *a, const struct outcome *b, unsigned stop_at)
{
    cr_assert_eq(a->count, b->count);
    for (size_t i = 0; i < a->count; i++)
        cr_assert_eq(a->residual[i], b->residual[i], "stopped at step %u: coordinate %zu: %g, not %g", stop_at, i,
                     (double)a->residual[i], (double)b->residual[i]);
}

static void stop_everywhere(const struct population_terms *terms, unsigned stride)
{
    struct outcome undisturbed, stopped;
    run_rounds(terms, 0, &undisturbed);
    cr_assert_gt(undisturbed.steps, 40);
    for (unsigned step = 1; step <= undisturbed.steps; step += stride) {
        run_rounds(terms, step, &stopped);
        expect_same(&stopped, &undisturbed, step);
    }
}

Test(recovery, a_stop_at_any_point_changes_nothing)
{
    stop_everywhere(&plain, 1);
    NO_LEAKS();
}

Test(recovery, an_encrypted_update_is_sent_again_with_the_same_bytes)
{
    stop_everywhere(&encrypted, 3);
    NO_LEAKS();
}

/* ---- what is on disk, state by state ---- */

Test(recovery, a_client_that_trained_trains_again)
{
    struct fake_root root;
    fake_root_init(&root, &plain);
    fake_root_remember(&root, folder);
    fake_root_open(&root);
    fake_root_run_to(&root, BG_SESSION_PREPARING);
    cr_assert(!exists(state_file) && !exists(update_file));
    fake_root_restart(&root);
    cr_assert_eq(bg_client_state(root.client), BG_SESSION_IDLE);
    fake_root_run_to(&root, BG_SESSION_WAITING);
    cr_assert_eq(root.asked[BG_ROUTE_UPDATE], 1);
    fake_root_finish(&root);
    NO_LEAKS();
}

Test(recovery, a_kept_update_is_sent_without_training)
{
    struct fake_root root;
    fake_root_init(&root, &encrypted);
    fake_root_remember(&root, folder);
    fake_root_open(&root);
    root.lose_replies[BG_ROUTE_UPDATE] = 1;
    fake_root_run_to(&root, BG_SESSION_SENDING);
    cr_assert(exists(state_file) && exists(update_file), "before anything of it is sent");
    cr_assert_eq(root.asked[BG_ROUTE_UPDATE], 0);
    fake_root_restart(&root);
    cr_assert_eq(bg_client_state(root.client), BG_SESSION_SENDING);
    fake_root_run_to(&root, BG_SESSION_WAITING);
    cr_assert_eq(root.notices[BG_CLIENT_NOTICE_TRAINED], 1);
    cr_assert_eq(root.notices[BG_CLIENT_NOTICE_SENT], 1);
    cr_assert_eq(root.asked[BG_ROUTE_TASK], 1);
    cr_assert(exists(state_file) && !exists(update_file), "acknowledged: the root has it durably");
    fake_root_finish(&root);
    NO_LEAKS();
}

Test(recovery, a_client_that_waited_asks_for_its_receipt)
{
    struct fake_root root;
    fake_root_init(&root, &plain);
    fake_root_remember(&root, folder);
    fake_root_open(&root);
    fake_root_run_to(&root, BG_SESSION_WAITING);
    fake_root_restart(&root);
    cr_assert_eq(bg_client_state(root.client), BG_SESSION_WAITING);
    fake_root_end(&root, NULL);
    fake_root_run_to(&root, BG_SESSION_IDLE);
    cr_assert_eq(root.notices[BG_CLIENT_NOTICE_FOLDED_BACK], 1);
    cr_assert_eq(root.asked[BG_ROUTE_UPDATE], 1);
    fake_root_finish(&root);
    NO_LEAKS();
}

/* The root was killed after it had the update; when the transport sent it again, the round that used it was over. */
Test(recovery, an_update_that_was_refused_at_last_is_settled_by_the_receipt)
{
    struct fake_root root;
    struct bg_receipt_group groups[2];
    double scales[STAGE_TENSORS];
    fake_root_init(&root, &plain);
    fake_root_remember(&root, folder);
    fake_root_open(&root);
    root.refusal = BG_WRONG_ROUND;
    root.refusals[BG_ROUTE_UPDATE] = 1;
    fake_root_run_to(&root, BG_SESSION_WAITING);
    struct bg_receipt receipt = stage_receipt(&root.stage, true, groups, scales);
    fake_root_end(&root, &receipt);
    fake_root_run_to(&root, BG_SESSION_IDLE);
    cr_assert_eq(root.asked[BG_ROUTE_UPDATE], 1);
    cr_assert_eq(root.notices[BG_CLIENT_NOTICE_COMMITTED], 1);
    cr_assert_eq(root.notices[BG_CLIENT_NOTICE_FOLDED_BACK], 0);
    fake_root_finish(&root);
    NO_LEAKS();
}

/* The update was written, the state was not: the power went between the two. */
Test(recovery, an_update_that_the_state_does_not_know_is_made_anew)
{
    struct fake_root root;
    struct bg_receipt_group groups[2];
    double scales[STAGE_TENSORS];
    uint8_t *before;
    size_t size;
    fake_root_init(&root, &encrypted);
    fake_root_remember(&root, folder);
    fake_root_open(&root);
    fake_root_run_to(&root, BG_SESSION_WAITING);
    struct bg_receipt receipt = stage_receipt(&root.stage, true, groups, scales);
    fake_root_end(&root, &receipt);
    fake_root_run_to(&root, BG_SESSION_IDLE);
    cr_assert_eq(bg_file_read(state_file, SIZE_MAX / 4, NULL, &before, &size), BG_OK);
    root.stage.task.round = 2;
    root.lose_requests[BG_ROUTE_UPDATE] = 1; /* a client without that state has not sent it */
    fake_root_open(&root);
    fake_root_run_to(&root, BG_SESSION_SENDING);
    cr_assert_eq(bg_file_write(state_file, (struct bg_span){before, size}, 0600, NULL), BG_OK);
    cr_assert(exists(update_file));
    fake_root_restart(&root);
    cr_assert_eq(bg_client_state(root.client), BG_SESSION_IDLE);
    fake_root_run_to(&root, BG_SESSION_WAITING);
    cr_assert_eq(root.notices[BG_CLIENT_NOTICE_TRAINED], 3);
    free(before);
    fake_root_finish(&root);
    NO_LEAKS();
}

Test(recovery, a_client_is_not_asked_twice_for_the_round_that_it_settled)
{
    struct fake_root root;
    fake_root_init(&root, &plain);
    fake_root_remember(&root, folder);
    fake_root_open(&root);
    fake_root_run_to(&root, BG_SESSION_WAITING);
    fake_root_end(&root, NULL);
    fake_root_run_to(&root, BG_SESSION_IDLE);
    fake_root_restart(&root);
    fake_root_open(&root);
    fake_root_run(&root, root.now + 4 * POLL_NS);
    cr_assert_eq(root.asked[BG_ROUTE_UPDATE], 1);
    cr_assert_eq(root.notices[BG_CLIENT_NOTICE_TRAINED], 1);
    fake_root_finish(&root);
    NO_LEAKS();
}

/* ---- a disk that takes nothing ---- */

Test(recovery, an_update_over_the_limit_of_the_spool_is_folded_back)
{
    struct fake_root root;
    size_t count;
    fake_root_init(&root, &plain);
    fake_root_remember(&root, folder);
    root.device.most_bytes = 100;
    fake_root_open(&root);
    fake_root_run(&root, POLL_NS / 2);
    cr_assert_eq(bg_client_state(root.client), BG_SESSION_IDLE);
    cr_assert_eq(root.last_error.status, BG_TOO_LARGE, "%s", root.last_error.text);
    cr_assert_not_null(strstr(root.last_error.text, "spool.most_bytes"), "%s", root.last_error.text);
    cr_assert_eq(root.notices[BG_CLIENT_NOTICE_FOLDED_BACK], 1);
    cr_assert_eq(root.asked[BG_ROUTE_UPDATE], 0);
    const float *residual = bg_client_residual(root.client, &count);
    float kept[64], most = 0;
    memcpy(kept, residual, count * sizeof *residual);
    for (size_t i = 0; i < count; i++)
        most = residual[i] > most ? residual[i] : most;
    cr_assert_gt(most, 0, "the work of the round is in the residual");
    fake_root_restart(&root);
    residual = bg_client_residual(root.client, &count);
    cr_assert_arr_eq(residual, kept, count * sizeof *kept);
    fake_root_run(&root, root.now + 4 * POLL_NS);
    cr_assert_eq(root.notices[BG_CLIENT_NOTICE_TRAINED], 1, "the round is sat out");
    fake_root_finish(&root);
    NO_LEAKS();
}

static void limit_files_to(rlim_t bytes)
{
    struct rlimit limit = {bytes, RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

Test(recovery, a_settlement_that_cannot_be_kept_is_tried_again_before_anything_new)
{
    struct fake_root root;
    fake_root_init(&root, &plain);
    fake_root_remember(&root, folder);
    fake_root_open(&root);
    fake_root_run_to(&root, BG_SESSION_WAITING);
    fake_root_end(&root, NULL);
    limit_files_to(64);
    unsigned asked = root.asked[BG_ROUTE_TASK];
    fake_root_run(&root, root.now + 8 * PATIENCE_NS);
    cr_assert_eq(root.last_error.status, BG_IO, "%s", root.last_error.text);
    cr_assert_not_null(strstr(root.last_error.text, "client.state: cannot write"), "%s", root.last_error.text);
    cr_assert_eq(root.notices[BG_CLIENT_NOTICE_FOLDED_BACK], 0);
    cr_assert_eq(root.asked[BG_ROUTE_TASK], asked);
    fake_root_restart(&root);
    fake_root_run(&root, root.now + 8 * PATIENCE_NS);
    limit_files_to(RLIM_INFINITY);
    fake_root_run(&root, root.now + 8 * PATIENCE_NS);
    cr_assert_eq(root.notices[BG_CLIENT_NOTICE_FOLDED_BACK], 1);
    cr_assert_gt(root.asked[BG_ROUTE_TASK], asked);
    fake_root_finish(&root);
    NO_LEAKS();
}

Test(recovery, a_full_disk_costs_rounds_but_no_work)
{
    struct fake_root root;
    fake_root_init(&root, &encrypted);
    fake_root_remember(&root, folder);
    fake_root_open(&root);
    limit_files_to(64);
    fake_root_run(&root, PATIENCE_NS);
    cr_assert_eq(root.last_error.status, BG_IO, "%s", root.last_error.text);
    cr_assert_eq(root.asked[BG_ROUTE_UPDATE], 0);
    limit_files_to(RLIM_INFINITY);
    fake_root_run(&root, root.now + 4 * PATIENCE_NS);
    cr_assert_eq(root.notices[BG_CLIENT_NOTICE_FOLDED_BACK], 1);
    root.stage.task.round = 2;
    fake_root_open(&root);
    fake_root_run_to(&root, BG_SESSION_WAITING);
    cr_assert_eq(root.asked[BG_ROUTE_UPDATE], 1);
    fake_root_finish(&root);
    NO_LEAKS();
}

/* ---- whose folder it is ---- */

Test(recovery, a_folder_of_another_client_or_trust_is_refused)
{
    struct fake_root root;
    struct bg_device_folder device;
    struct bg_device_state state;
    struct bg_error error;
    fake_root_init(&root, &plain);
    fake_root_remember(&root, folder);
    fake_root_open(&root);
    fake_root_run_to(&root, BG_SESSION_WAITING);
    cr_assert_eq(bg_device_folder_open(folder, false, &error, &device), BG_BUSY, "%s", error.text);
    bg_device_folder_close(&root.device);
    root.folder = NULL;
    cr_assert_eq(bg_device_folder_open(folder, false, &error, &device), BG_OK, "%s", error.text);
    struct bg_trust trust = stage_trust(&root.stage);
    const struct bg_digest *other = bg_identity_digest(root.stage.population.clients[1]);
    const struct bg_digest *own = bg_identity_digest(root.stage.population.clients[0]);
    const struct bg_random *random = &root.settings.random;
    cr_assert_eq(bg_device_folder_load(&device, other, &trust, random, &error, &state), BG_REFUSED);
    cr_assert_not_null(strstr(error.text, "another client"), "%s", error.text);
    trust.root[5] ^= 1;
    cr_assert_eq(bg_device_folder_load(&device, own, &trust, random, &error, &state), BG_REFUSED);
    cr_assert_not_null(strstr(error.text, "another key holder or root"), "%s", error.text);
    trust.root[5] ^= 1;
    cr_assert_eq(bg_population_set(&trust.population, "elsewhere"), BG_OK);
    cr_assert_eq(bg_device_folder_load(&device, own, &trust, random, &error, &state), BG_WRONG_POPULATION);
    bg_device_folder_close(&device);
    fake_root_finish(&root);
    NO_LEAKS();
}

Test(recovery, what_was_half_written_is_removed)
{
    struct bg_device_folder device;
    struct bg_error error;
    char left[2][sizeof update_file + 16];
    snprintf(left[0], sizeof left[0], "%s.new-Zmpq52", state_file);
    snprintf(left[1], sizeof left[1], "%s.new-mvTohf", update_file);
    for (size_t i = 0; i < 2; i++)
        cr_assert_eq(bg_file_write(left[i], (struct bg_span){(const uint8_t *)"half", 4}, 0600, &error), BG_OK);
    cr_assert_eq(bg_device_folder_open(folder, false, &error, &device), BG_OK, "%s", error.text);
    cr_assert(!exists(left[0]) && !exists(left[1]));
    bg_device_folder_close(&device);
    NO_LEAKS();
}

/* ---- another aggregator ---- */

Test(recovery, an_update_that_was_acknowledged_is_sent_again_whole_after_a_move)
{
    for (int remembers = 0; remembers < 2; remembers++) {
        struct fake_root root;
        fake_root_init(&root, &plain);
        if (remembers)
            fake_root_remember(&root, folder);
        fake_root_open(&root);
        fake_root_run_to(&root, BG_SESSION_WAITING);
        bg_client_moved(root.client);
        fake_root_run_to(&root, BG_SESSION_SENDING);
        fake_root_run_to(&root, BG_SESSION_WAITING);
        cr_assert_eq(root.asked[BG_ROUTE_UPDATE], 2, "with the same bytes, which the root requires");
        cr_assert_eq(root.notices[BG_CLIENT_NOTICE_FAILED], 0);
        fake_root_end(&root, NULL);
        fake_root_run_to(&root, BG_SESSION_IDLE);
        cr_assert_eq(root.notices[BG_CLIENT_NOTICE_FOLDED_BACK], 1);
        fake_root_finish(&root);
    }
    NO_LEAKS();
}
