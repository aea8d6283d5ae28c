/* SPDX-License-Identifier: Apache-2.0 */
#include "base/workers.h"

#include "tests/unit/no_leaks.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

TestSuite(workers);

struct loop_record {
    atomic_int hits[1000];
    atomic_int elsewhere;
    pthread_t caller;
};

static void record_hit(void *context, size_t i)
{
    struct loop_record *record = context;
    atomic_fetch_add(&record->hits[i], 1);
    if (!pthread_equal(pthread_self(), record->caller))
        atomic_fetch_add(&record->elsewhere, 1);
}

Test(workers, a_loop_runs_every_index_once)
{
    static const size_t counts[] = {0, 1, 2, 3, 7, 1000};
    for (unsigned threads = 1; threads <= 4; threads++) {
        struct bg_workers *workers;
        cr_assert_eq(bg_workers_create(threads, 1, NULL, NULL, &workers), BG_OK);
        for (int repeat = 0; repeat < 50; repeat++)
            for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
                struct loop_record record = {.caller = pthread_self()};
                bg_workers_for(workers, counts[c], record_hit, &record);
                for (size_t i = 0; i < 1000; i++)
                    cr_assert_eq(record.hits[i], i < counts[c]);
                if (threads == 1)
                    cr_assert_eq(record.elsewhere, 0, "one thread is the caller");
            }
        bg_workers_destroy(&workers);
        cr_assert_null(workers);
    }
    bg_workers_destroy(&(struct bg_workers *){NULL});
    NO_LEAKS();
}

struct gate {
    sem_t entered, open;
};

static void wait_at_gate(void *context, size_t i)
{
    (void)i;
    struct gate *gate = context;
    sem_post(&gate->entered);
    sem_wait(&gate->open);
}

static void *open_when_all_are_in(void *context)
{
    struct gate *gate = context;
    for (int i = 0; i < 3; i++)
        sem_wait(&gate->entered);
    for (int i = 0; i < 3; i++)
        sem_post(&gate->open);
    return NULL;
}

/* Ends only if three bodies run at the same time. */
Test(workers, a_loop_uses_every_thread, .timeout = 20)
{
    struct bg_workers *workers;
    struct gate gate;
    pthread_t opener;
    sem_init(&gate.entered, 0, 0);
    sem_init(&gate.open, 0, 0);
    cr_assert_eq(bg_workers_create(3, 1, NULL, NULL, &workers), BG_OK);
    cr_assert_eq(pthread_create(&opener, NULL, open_when_all_are_in, &gate), 0);
    bg_workers_for(workers, 3, wait_at_gate, &gate);
    pthread_join(opener, NULL);
    bg_workers_destroy(&workers);
}

struct numbered_job {
    struct bg_job job;
    int number;
    sem_t *started, *gate; /* of the job that holds the worker; NULL otherwise */
    int *order;
    int *done_count;
    bool ran;
};

static void run_numbered(struct bg_job *job)
{
    struct numbered_job *numbered = (struct numbered_job *)job;
    if (numbered->gate) {
        sem_post(numbered->started);
        sem_wait(numbered->gate);
    }
    numbered->ran = true;
}

static void finish_numbered(struct bg_job *job)
{
    struct numbered_job *numbered = (struct numbered_job *)job;
    numbered->order[(*numbered->done_count)++] = numbered->number;
}

static void post(void *context)
{
    sem_post(context);
}

Test(workers, a_full_queue_is_busy_and_jobs_end_in_order, .timeout = 20)
{
    struct bg_workers *workers;
    sem_t started, gate, ended;
    int order[4] = {0}, done_count = 0;
    struct numbered_job jobs[5];
    sem_init(&started, 0, 0);
    sem_init(&gate, 0, 0);
    sem_init(&ended, 0, 0);
    cr_assert_eq(bg_workers_create(1, 3, post, &ended, &workers), BG_OK);
    for (int i = 0; i < 5; i++)
        jobs[i] = (struct numbered_job){.job = {.run = run_numbered, .done = finish_numbered}, .number = i,
                                        .order = order, .done_count = &done_count};
    jobs[0].gate = &gate;
    jobs[0].started = &started;
    cr_assert_eq(bg_workers_submit(workers, &jobs[0].job), BG_OK);
    sem_wait(&started);
    for (int i = 1; i < 4; i++)
        cr_assert_eq(bg_workers_submit(workers, &jobs[i].job), BG_OK);
    cr_assert_eq(bg_workers_submit(workers, &jobs[4].job), BG_BUSY);
    cr_assert_eq(bg_workers_collect(workers), 0);
    sem_post(&gate);
    for (int i = 0; i < 4; i++)
        sem_wait(&ended);
    cr_assert_eq(bg_workers_collect(workers), 4);
    for (int i = 0; i < 4; i++)
        cr_assert(order[i] == i && jobs[i].ran);
    cr_assert_not(jobs[4].ran);
    cr_assert_eq(bg_workers_collect(workers), 0);
    bg_workers_destroy(&workers);
    NO_LEAKS();
}

Test(workers, idle_jobs_begin_after_all_others, .timeout = 20)
{
    struct bg_workers *workers;
    sem_t started, gate, ended;
    int order[5] = {0}, done_count = 0;
    struct numbered_job jobs[5];
    sem_init(&started, 0, 0);
    sem_init(&gate, 0, 0);
    sem_init(&ended, 0, 0);
    cr_assert_eq(bg_workers_create(1, 2, post, &ended, &workers), BG_OK);
    for (int i = 0; i < 5; i++)
        jobs[i] = (struct numbered_job){.job = {.run = run_numbered, .done = finish_numbered, .idle = i % 2 == 1},
                                        .number = i, .order = order, .done_count = &done_count};
    jobs[0].gate = &gate;
    jobs[0].started = &started;
    cr_assert_eq(bg_workers_submit(workers, &jobs[0].job), BG_OK);
    sem_wait(&started);
    for (int i = 1; i < 5; i++)
        cr_assert_eq(bg_workers_submit(workers, &jobs[i].job), BG_OK);
    sem_post(&gate);
    for (int i = 0; i < 5; i++)
        sem_wait(&ended);
    cr_assert_eq(bg_workers_collect(workers), 5);
    static const int expected[] = {0, 2, 4, 1, 3};
    cr_assert_arr_eq(order, expected, sizeof expected);
    bg_workers_destroy(&workers);
    NO_LEAKS();
}

Test(workers, destroy_runs_what_is_queued_without_done)
{
    struct bg_workers *workers;
    int done_count = 0;
    struct numbered_job jobs[20];
    cr_assert_eq(bg_workers_create(2, 20, NULL, NULL, &workers), BG_OK);
    for (int i = 0; i < 20; i++) {
        jobs[i] = (struct numbered_job){.job = {.run = run_numbered, .done = finish_numbered},
                                        .done_count = &done_count};
        cr_assert_eq(bg_workers_submit(workers, &jobs[i].job), BG_OK);
    }
    bg_workers_destroy(&workers);
    for (int i = 0; i < 20; i++)
        cr_assert(jobs[i].ran);
    cr_assert_eq(done_count, 0);
    NO_LEAKS();
}

/* All workers are held by jobs; the loop must end all the same. */
Test(workers, a_loop_does_not_wait_for_jobs, .timeout = 20)
{
    struct bg_workers *workers;
    struct loop_record record = {.caller = pthread_self()};
    sem_t started, gate;
    sem_init(&started, 0, 0);
    sem_init(&gate, 0, 0);
    cr_assert_eq(bg_workers_create(2, 2, NULL, NULL, &workers), BG_OK);
    struct numbered_job jobs[2];
    for (int i = 0; i < 2; i++) {
        jobs[i] = (struct numbered_job){.job = {.run = run_numbered}, .gate = &gate, .started = &started};
        cr_assert_eq(bg_workers_submit(workers, &jobs[i].job), BG_OK);
        sem_wait(&started);
    }
    bg_workers_for(workers, 1000, record_hit, &record);
    cr_assert_eq(record.elsewhere, 0);
    sem_post(&gate);
    sem_post(&gate);
    bg_workers_destroy(&workers);
}

Test(workers, processors_are_at_least_one)
{
    cr_assert_geq(bg_available_processors(), 1);
    cr_assert_lt(bg_available_processors(), 1 << 16);
}
