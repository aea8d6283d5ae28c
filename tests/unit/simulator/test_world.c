/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/world.h"

#include "base/prng.h"
#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>

struct trace {
    struct bg_world *world;
    char text[256];
    size_t length;
};

struct mark {
    struct trace *trace;
    char name;
};

static void note(void *argument)
{
    struct mark *mark = argument;
    mark->trace->text[mark->trace->length++] = mark->name;
}

static struct bg_world *world_of(unsigned threads, struct bg_workers **ret_workers)
{
    struct bg_world *world;
    cr_assert_eq(bg_workers_create(threads, 16, NULL, NULL, ret_workers), BG_OK);
    cr_assert_eq(bg_world_create(*ret_workers, &world), BG_OK);
    return world;
}

Test(world, runs_events_in_order_of_time_and_then_of_posting)
{
    struct bg_workers *workers;
    struct trace trace = {.world = world_of(1, &workers)};
    struct mark marks[] = {{&trace, 'd'}, {&trace, 'a'}, {&trace, 'b'}, {&trace, 'e'}, {&trace, 'c'}};
    const uint64_t delays[] = {30, 10, 20, 30, 20};
    for (size_t i = 0; i < 5; i++)
        cr_assert_eq(bg_world_post(trace.world, delays[i], note, &marks[i]), BG_OK);
    while (bg_world_step(trace.world))
        continue;
    cr_assert_str_eq(trace.text, "abcde");
    cr_assert_eq(bg_world_now(trace.world), 30u);
    bg_world_destroy(&trace.world);
    bg_workers_destroy(&workers);
    NO_LEAKS();
}

Test(world, sorts_any_number_of_events)
{
    struct bg_workers *workers;
    struct trace trace = {.world = world_of(1, &workers)};
    struct mark mark = {&trace, 'x'};
    struct bg_prng prng;
    uint64_t last = 0;
    bg_prng_init(&prng, 7);
    for (size_t i = 0; i < 200; i++)
        cr_assert_eq(bg_world_post(trace.world, bg_prng_below(&prng, 50), note, &mark), BG_OK);
    while (bg_world_step(trace.world)) {
        cr_assert_geq(bg_world_now(trace.world), last);
        last = bg_world_now(trace.world);
    }
    cr_assert_eq(trace.length, 200u);
    bg_world_destroy(&trace.world);
    bg_workers_destroy(&workers);
}

struct task {
    struct bg_work work;
    int ran;
    int order;
};

static void run_task(struct bg_job *job)
{
    struct task *task = (struct task *)((char *)job - offsetof(struct task, work.job));
    task->ran++;
}

static void task_done(void *context, struct bg_work *work)
{
    struct task *task = (struct task *)((char *)work - offsetof(struct task, work));
    int *counter = context;
    cr_assert_eq(task->ran, 1, "run exactly once before it is done");
    task->order = ++*counter;
}

Test(world, work_is_run_once_and_done_in_order_of_its_virtual_end)
{
    for (unsigned threads = 1; threads <= 4; threads++) {
        struct bg_workers *workers;
        struct bg_world *world = world_of(threads, &workers);
        struct task tasks[20];
        int counter = 0;
        for (size_t i = 0; i < 20; i++) {
            tasks[i] = (struct task){.work = {.job = {.run = run_task}, .phase = BG_PHASE_TRAINING}};
            cr_assert_eq(bg_world_submit(world, &tasks[i].work, 1000 - 10 * i, task_done, &counter), BG_OK);
        }
        while (bg_world_step(world))
            continue;
        for (int i = 0; i < 20; i++)
            cr_assert_eq(tasks[i].order, 20 - i);
        bg_world_destroy(&world);
        bg_workers_destroy(&workers);
    }
}

static struct task second;

static void submit_second(void *context, struct bg_work *work)
{
    struct bg_world *world = context;
    static int counter;
    (void)work;
    second = (struct task){.work = {.job = {.run = run_task}}};
    cr_assert_eq(bg_world_submit(world, &second.work, 5, task_done, &counter), BG_OK);
}

Test(world, work_may_follow_from_work)
{
    struct bg_workers *workers;
    struct bg_world *world = world_of(2, &workers);
    struct task first = {.work = {.job = {.run = run_task}}};
    cr_assert_eq(bg_world_submit(world, &first.work, 5, submit_second, world), BG_OK);
    while (bg_world_step(world))
        continue;
    cr_assert_eq(second.order, 1);
    cr_assert_eq(bg_world_now(world), 10u);
    bg_world_destroy(&world);
    bg_workers_destroy(&workers);
}

Test(world, a_delay_past_the_end_of_time_stays_at_the_end)
{
    struct bg_workers *workers;
    struct trace trace = {.world = world_of(1, &workers)};
    struct mark mark = {&trace, 'x'};
    cr_assert_eq(bg_world_post(trace.world, 5, note, &mark), BG_OK);
    cr_assert(bg_world_step(trace.world));
    cr_assert_eq(bg_world_post(trace.world, UINT64_MAX, note, &mark), BG_OK);
    cr_assert(bg_world_step(trace.world));
    cr_assert_eq(bg_world_now(trace.world), UINT64_MAX);
    bg_world_destroy(&trace.world);
    bg_workers_destroy(&workers);
}
