/* SPDX-License-Identifier: Apache-2.0 */
#include "net/driver.h"

#include "net/loop_uv.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

/* A request that a port has sent, with whom its reply is for. */
struct passage {
    struct passage *next, *previous; /* a ring with the driver's */
    struct bg_driver *driver;
    bg_reply_function *on_reply;
    void *context;
};

struct bg_driver {
    const struct bg_driver_ops *ops;
    void *role;
    struct bg_workers *workers;
    size_t jobs; /* submitted and not collected */
    uv_async_t finished; /* some work is: many notices may become one, none is lost, none needs memory */
    struct bg_loop_timer *timer;
    void (*left)(void *context);
    void *context;
    struct passage passages;
    uint64_t phase_ns[BG_PHASE_COUNT];
};

static struct bg_work *work_of(struct bg_job *driven)
{
    return (struct bg_work *)((char *)driven - offsetof(struct bg_work, driven));
}

/* On a worker. */
static void run_work(struct bg_job *driven)
{
    struct bg_work *work = work_of(driven);
    uint64_t began = bg_clock_thread_cpu_ns();
    work->job.run(&work->job);
    work->cpu_ns = bg_clock_thread_cpu_ns() - began;
}

static void work_done(struct bg_job *driven)
{
    struct bg_work *work = work_of(driven);
    struct bg_driver *driver = work->driver;
    driver->phase_ns[work->phase] += work->cpu_ns;
    work->job.done(&work->job);
}

/* On a worker. */
static void notify(void *context)
{
    struct bg_driver *driver = context;
    uv_async_send(&driver->finished);
}

static void collect(uv_async_t *finished)
{
    struct bg_driver *driver = finished->data;
    bg_driver_enter(driver);
    driver->jobs -= bg_workers_collect(driver->workers);
    bg_driver_leave(driver);
}

static void wake(void *context)
{
    bg_driver_enter(context);
    bg_driver_leave(context);
}

static void free_driver(uv_handle_t *handle)
{
    free(handle->data);
}

enum bg_status bg_driver_create(struct bg_loop *loop, const struct bg_driver_ops *ops, unsigned threads,
                                void (*left)(void *context), void *context, struct bg_error *error,
                                struct bg_driver **ret_driver)
{
    struct bg_driver *driver = malloc(sizeof *driver);
    if (!driver)
        return bg_fail(error, BG_NO_MEMORY, "no memory for the role's driver");
    *driver = (struct bg_driver){.ops = ops, .left = left, .context = context};
    driver->passages.next = driver->passages.previous = &driver->passages;
    int code = uv_async_init(bg_loop_uv(loop), &driver->finished, collect);
    if (code) {
        free(driver);
        return bg_fail(error, BG_IO, "no way to wake the event loop: %s", uv_strerror(code));
    }
    driver->finished.data = driver;
    enum bg_status status = bg_loop_timer_create(loop, wake, driver, &driver->timer);
    if (status == BG_OK)
        status = bg_workers_create(threads, SIZE_MAX, notify, driver, &driver->workers);
    if (status != BG_OK) {
        bg_driver_destroy(&driver);
        return bg_fail(error, status, "no threads for the role's work: %s", bg_status_text(status));
    }
    *ret_driver = driver;
    return BG_OK;
}

void bg_driver_start(struct bg_driver *driver, void *role)
{
    assert(!driver->role);
    driver->role = role;
    bg_driver_enter(driver);
    bg_driver_leave(driver);
}

void bg_driver_destroy(struct bg_driver **driver)
{
    struct bg_driver *d = *driver;
    if (!d)
        return;
    bg_workers_destroy(&d->workers);
    bg_loop_timer_destroy(&d->timer);
    for (struct passage *passage = d->passages.next, *next; passage != &d->passages; passage = next) {
        next = passage->next;
        free(passage);
    }
    uv_close((uv_handle_t *)&d->finished, free_driver);
    *driver = NULL;
}

void bg_driver_enter(struct bg_driver *driver)
{
    if (driver->role)
        driver->ops->tick(driver->role, bg_clock_monotonic_ns());
}

void bg_driver_leave(struct bg_driver *driver)
{
    struct bg_work *work;
    if (!driver->role)
        return;
    while ((work = driver->ops->work(driver->role))) {
        work->driven = (struct bg_job){.run = run_work, .done = work_done, .idle = work->job.idle};
        work->driver = driver;
        enum bg_status status = bg_workers_submit(driver->workers, &work->driven);
        assert(status == BG_OK); /* their queue has no limit: a role has so much work and no more */
        (void)status;
        driver->jobs++;
    }
    bg_loop_timer_set(driver->timer, driver->ops->next_wake(driver->role));
    if (driver->left)
        driver->left(driver->context);
}

bool bg_driver_idle(const struct bg_driver *driver)
{
    return driver->jobs == 0;
}

struct bg_workers *bg_driver_workers(struct bg_driver *driver)
{
    return driver->workers;
}

const uint64_t *bg_driver_phase_ns(const struct bg_driver *driver)
{
    return driver->phase_ns;
}

static void pass_reply(void *context, enum bg_status status, struct bg_span reply)
{
    struct passage *passage = context, passed = *passage;
    passage->next->previous = passage->previous;
    passage->previous->next = passage->next;
    free(passage);
    bg_driver_enter(passed.driver);
    passed.on_reply(passed.context, status, reply);
    bg_driver_leave(passed.driver);
}

static enum bg_status port_send(struct bg_transport *transport, const struct bg_request *request,
                                bg_reply_function *on_reply, void *context)
{
    struct bg_driver_port *port = (struct bg_driver_port *)transport;
    struct bg_driver *driver = port->driver;
    struct passage *passage = malloc(sizeof *passage);
    if (!passage)
        return BG_NO_MEMORY;
    *passage = (struct passage){.next = driver->passages.next,
                                .previous = &driver->passages,
                                .driver = driver,
                                .on_reply = on_reply,
                                .context = context};
    enum bg_status status = bg_transport_send(port->outward, request, pass_reply, passage);
    if (status != BG_OK) {
        free(passage);
        return status;
    }
    passage->next->previous = passage;
    driver->passages.next = passage;
    return BG_OK;
}

void bg_driver_port_init(struct bg_driver_port *port, struct bg_driver *driver, struct bg_transport *outward)
{
    static const struct bg_transport_ops ops = {.send = port_send};
    *port = (struct bg_driver_port){.transport = {.ops = &ops}, .driver = driver, .outward = outward};
}
