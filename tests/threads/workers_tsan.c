/* SPDX-License-Identifier: Apache-2.0 */
/* Uses workers in every way at once, for ThreadSanitizer: loops and jobs together, from several threads. */
#include "base/workers.h"
#include "tests/threads/require.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#define CELLS 64
#define ROUNDS 300
#define JOBS 8
#define SUBMITTERS 2

/* Plain memory: only the pool's own hand-over may order accesses to it. */
struct sum_job {
    struct bg_job job;
    uint64_t numbers[100];
    uint64_t sum;
    bool out; /* submitted and not collected */
    int *collected;
};

static void run_sum(struct bg_job *job)
{
    struct sum_job *s = (struct sum_job *)job;
    s->sum = 0;
    for (size_t i = 0; i < 100; i++)
        s->sum += s->numbers[i];
}

static void collect_sum(struct bg_job *job)
{
    struct sum_job *s = (struct sum_job *)job;
    REQUIRE(s->sum == 100 * s->numbers[0]);
    s->out = false;
    (*s->collected)++;
}

static void add_one(void *context, size_t i)
{
    ((uint64_t *)context)[i]++;
}

static void wake(void *context)
{
    char byte = 0;
    (void)!write(*(int *)context, &byte, 1);
}

struct submitter {
    struct bg_workers *workers;
    struct sum_job jobs[10];
    int dropped;
};

static void *submit_from_another_thread(void *argument)
{
    struct submitter *s = argument;
    for (int i = 0; i < 10; i++) {
        s->jobs[i] = (struct sum_job){.job = {.run = run_sum}};
        s->dropped += bg_workers_submit(s->workers, &s->jobs[i].job) != BG_OK;
    }
    return NULL;
}

static void use(unsigned threads)
{
    struct bg_workers *workers;
    struct sum_job jobs[JOBS] = {0};
    struct submitter submitters[SUBMITTERS] = {0};
    pthread_t submitting[SUBMITTERS];
    uint64_t cells[CELLS] = {0};
    int collected = 0, submitted = 0, ends[2];
    REQUIRE(pipe(ends) == 0);
    REQUIRE(bg_workers_create(threads, JOBS, wake, &ends[1], &workers) == BG_OK);
    for (int i = 0; i < SUBMITTERS; i++) {
        submitters[i].workers = workers;
        REQUIRE(pthread_create(&submitting[i], NULL, submit_from_another_thread, &submitters[i]) == 0);
    }
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        for (size_t i = 0; i < JOBS; i++) {
            if (jobs[i].out)
                continue;
            jobs[i] = (struct sum_job){.job = {.run = run_sum, .done = collect_sum}, .collected = &collected};
            for (size_t j = 0; j < 100; j++)
                jobs[i].numbers[j] = round;
            jobs[i].out = bg_workers_submit(workers, &jobs[i].job) == BG_OK;
            submitted += jobs[i].out;
        }
        bg_workers_for(workers, CELLS, add_one, cells);
        for (size_t i = 0; i < CELLS; i++)
            REQUIRE(cells[i] == round);
        bg_workers_collect(workers);
    }
    while (collected < submitted) {
        char byte;
        REQUIRE(read(ends[0], &byte, 1) == 1);
        bg_workers_collect(workers);
    }
    for (int i = 0; i < SUBMITTERS; i++)
        pthread_join(submitting[i], NULL);
    bg_workers_destroy(&workers);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    for (unsigned threads = 1; threads <= 4; threads++)
        use(threads);
    return 0;
}
