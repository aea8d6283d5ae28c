/* SPDX-License-Identifier: Apache-2.0 */
#include "net/driver.h"

#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define WORKS 6

struct role;

struct sum_work {
    struct bg_work work;
    struct role *role;
    pthread_t ran_on;
    bool ran;
};

/* A role whose work is counted, and who wants to wake up now and then. */
struct role {
    struct bg_loop *loop;
    struct bg_driver *driver;
    struct sum_work works[WORKS];
    struct bg_work_queue queue;
    uint64_t now, wake;
    size_t ticks, done, wakes, left;
    bool inside; /* between tick and the end of leave */
    atomic_bool may_end;
    size_t replies;
    enum bg_status status;
    char reply[8];
};

static void tick(void *context, uint64_t now)
{
    struct role *role = context;
    cr_assert_not(role->inside, "left before it is entered again");
    cr_assert_geq(now, role->now);
    role->now = now;
    role->ticks++;
    role->inside = true;
    if (now >= role->wake) {
        role->wakes++;
        role->wake = role->wakes < 3 ? now + BG_MILLISECOND : UINT64_MAX;
        if (role->wakes == 3)
            bg_loop_stop(role->loop);
    }
}

static uint64_t next_wake(const void *context)
{
    return ((const struct role *)context)->wake;
}

static struct bg_work *next_work(void *context)
{
    return bg_work_pop(&((struct role *)context)->queue);
}

static void left(void *context)
{
    struct role *role = context;
    role->inside = false;
    role->left++;
}

static const struct bg_driver_ops ops = {tick, next_wake, next_work};

static void run_work(struct bg_job *job)
{
    struct sum_work *work = (struct sum_work *)job;
    work->ran = true;
    work->ran_on = pthread_self();
}

static void run_a_while(struct bg_job *job)
{
    uint64_t began = bg_clock_thread_cpu_ns();
    while (bg_clock_thread_cpu_ns() - began < 2 * BG_MILLISECOND)
        ;
    run_work(job);
}

static void work_done(struct bg_job *job)
{
    struct sum_work *work = (struct sum_work *)job;
    struct role *role = work->role;
    cr_assert(role->inside);
    cr_assert(work->ran);
    cr_assert_not(pthread_equal(work->ran_on, pthread_self()));
    if (++role->done == WORKS)
        bg_loop_stop(role->loop);
}

static void begin(struct role *role, unsigned threads)
{
    *role = (struct role){.wake = UINT64_MAX};
    cr_assert_eq(bg_loop_create(NULL, &role->loop), BG_OK);
    cr_assert_eq(bg_driver_create(role->loop, &ops, threads, left, role, NULL, &role->driver), BG_OK);
}

static void end(struct role *role)
{
    bg_driver_destroy(&role->driver);
    cr_assert_null(role->driver);
    bg_driver_destroy(&role->driver);
    bg_loop_destroy(&role->loop);
}

static void queue_works(struct role *role, void (*run)(struct bg_job *job))
{
    for (size_t i = 0; i < WORKS; i++) {
        role->works[i] = (struct sum_work){
            .work = {.job = {.run = run, .done = work_done, .idle = i % 2}, .phase = BG_PHASE_MASKS}, .role = role};
        bg_work_push(&role->queue, &role->works[i].work);
    }
}

Test(driver, work_runs_on_workers_and_ends_on_the_loop)
{
    for (unsigned threads = 1; threads < 4; threads++) {
        struct role role;
        begin(&role, threads);
        bg_driver_start(role.driver, &role);
        cr_assert_eq(role.ticks, 1);
        cr_assert(bg_driver_idle(role.driver));
        bg_driver_enter(role.driver);
        queue_works(&role, run_work);
        bg_driver_leave(role.driver);
        cr_assert_not(bg_driver_idle(role.driver));
        bg_loop_run(role.loop);
        cr_assert_eq(role.done, WORKS);
        cr_assert(bg_driver_idle(role.driver));
        cr_assert_eq(role.left, role.ticks, "each entry is left");
        end(&role);
    }
    NO_LEAKS();
}

Test(driver, the_time_of_work_is_added_up_by_phase)
{
    struct role role;
    begin(&role, 2);
    queue_works(&role, run_a_while);
    bg_driver_start(role.driver, &role);
    bg_loop_run(role.loop);
    const uint64_t *phase_ns = bg_driver_phase_ns(role.driver);
    cr_assert_geq(phase_ns[BG_PHASE_MASKS], WORKS * 2 * BG_MILLISECOND);
    for (int phase = 0; phase < BG_PHASE_COUNT; phase++)
        cr_assert(phase == BG_PHASE_MASKS || phase_ns[phase] == 0);
    end(&role);
    NO_LEAKS();
}

Test(driver, a_role_is_woken_when_it_wants_and_not_before_it_is_started)
{
    struct role role;
    begin(&role, 1);
    bg_driver_enter(role.driver);
    bg_driver_leave(role.driver);
    cr_assert_eq(role.ticks, 0);
    role.wake = bg_clock_monotonic_ns() + 2 * BG_MILLISECOND;
    bg_driver_start(role.driver, &role);
    bg_loop_run(role.loop);
    cr_assert_eq(role.wakes, 3);
    end(&role);
    NO_LEAKS();
}

static void wait_and_run(struct bg_job *job)
{
    struct sum_work *work = (struct sum_work *)job;
    while (!atomic_load(&work->role->may_end))
        sched_yield();
    work->ran = true;
}

Test(driver, destroy_waits_for_work_and_reports_none)
{
    struct role role;
    begin(&role, 2);
    queue_works(&role, wait_and_run);
    bg_driver_start(role.driver, &role);
    atomic_store(&role.may_end, true);
    end(&role);
    for (size_t i = 0; i < WORKS; i++)
        cr_assert(role.works[i].ran);
    cr_assert_eq(role.done, 0);
    NO_LEAKS();
}

/* Answers when the test says so. */
struct outward {
    struct bg_transport transport;
    bg_reply_function *on_reply;
    void *context;
    enum bg_status refuse;
};

static enum bg_status outward_send(struct bg_transport *transport, const struct bg_request *request,
                                   bg_reply_function *on_reply, void *context)
{
    struct outward *outward = (struct outward *)transport;
    cr_assert_eq(request->route, BG_ROUTE_TASK);
    outward->on_reply = on_reply;
    outward->context = context;
    return outward->refuse;
}

static const struct bg_transport_ops outward_ops = {outward_send};

static void on_reply(void *context, enum bg_status status, struct bg_span reply)
{
    struct role *role = context;
    cr_assert(role->inside);
    role->replies++;
    role->status = status;
    memcpy(role->reply, reply.data, reply.size);
}

Test(driver, replies_of_a_port_enter_and_leave)
{
    struct role role;
    struct outward outward = {.transport = {&outward_ops}};
    struct bg_driver_port port;
    struct bg_request request = {.route = BG_ROUTE_TASK};
    begin(&role, 1);
    bg_driver_port_init(&port, role.driver, &outward.transport);
    bg_driver_start(role.driver, &role);
    cr_assert_eq(bg_transport_send(&port.transport, &request, on_reply, &role), BG_OK);
    outward.on_reply(outward.context, BG_OK, (struct bg_span){(const uint8_t *)"yes", 4});
    cr_assert_eq(role.replies, 1);
    cr_assert_str_eq(role.reply, "yes");
    cr_assert_eq(role.ticks, 2);
    outward.refuse = BG_NO_MEMORY;
    cr_assert_eq(bg_transport_send(&port.transport, &request, on_reply, &role), BG_NO_MEMORY);
    end(&role);
    NO_LEAKS();
}

Test(driver, replies_that_never_came_are_forgotten_with_the_driver)
{
    struct role role;
    struct outward outward = {.transport = {&outward_ops}};
    struct bg_driver_port port;
    struct bg_request request = {.route = BG_ROUTE_TASK};
    begin(&role, 1);
    bg_driver_port_init(&port, role.driver, &outward.transport);
    bg_driver_start(role.driver, &role);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(bg_transport_send(&port.transport, &request, on_reply, &role), BG_OK);
    end(&role);
    cr_assert_eq(role.replies, 0);
    NO_LEAKS();
}
