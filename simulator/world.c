/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/world.h"

#include "base/clock.h"

#include <assert.h>
#include <stdlib.h>

struct event {
    uint64_t at;
    uint64_t sequence;
    void (*run)(void *argument);
    void *argument;
    struct bg_work *work; /* NULL for a plain event */
    uint64_t batch;       /* in which the work is run */
    void (*done)(void *context, struct bg_work *work);
};

struct waiting {
    struct bg_work *work;
    uint64_t cpu_ns;
};

struct bg_world {
    struct bg_workers *workers;
    uint64_t now;
    uint64_t sequence;
    struct event *heap;
    size_t count, capacity;
    struct waiting *waiting; /* work whose arithmetic has not been run */
    size_t waiting_count, waiting_capacity;
    uint64_t batch; /* of the work that waits */
    struct bg_phase_ring *marks;
    uint64_t cpu_ns[BG_PHASE_COUNT];
};

enum bg_status bg_world_create(struct bg_workers *workers, struct bg_world **ret_world)
{
    struct bg_world *world = calloc(1, sizeof *world);
    if (!world)
        return BG_NO_MEMORY;
    world->workers = workers;
    *ret_world = world;
    return BG_OK;
}

void bg_world_destroy(struct bg_world **world)
{
    if (!*world)
        return;
    free((*world)->heap);
    free((*world)->waiting);
    free(*world);
    *world = NULL;
}

uint64_t bg_world_now(const struct bg_world *world)
{
    return world->now;
}

static bool is_before(const struct event *a, const struct event *b)
{
    return a->at < b->at || (a->at == b->at && a->sequence < b->sequence);
}

static void *grow(void *items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return items;
    size_t larger = *capacity ? 2 * *capacity : 256;
    void *memory = reallocarray(items, larger, size);
    if (memory)
        *capacity = larger;
    return memory;
}

static uint64_t later(const struct bg_world *world, uint64_t delay_ns)
{
    return delay_ns > UINT64_MAX - world->now ? UINT64_MAX : world->now + delay_ns;
}

static enum bg_status heap_push(struct bg_world *world, uint64_t delay_ns, struct event event)
{
    struct event *heap = grow(world->heap, world->count, &world->capacity, sizeof *heap);
    if (!heap)
        return BG_NO_MEMORY;
    world->heap = heap;
    event.at = later(world, delay_ns);
    event.sequence = world->sequence++;
    size_t i = world->count++;
    while (i > 0 && is_before(&event, &heap[(i - 1) / 2])) {
        heap[i] = heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    heap[i] = event;
    return BG_OK;
}

static struct event heap_pop(struct bg_world *world)
{
    struct event *heap = world->heap;
    struct event first = heap[0];
    struct event last = heap[--world->count];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= world->count)
            break;
        if (child + 1 < world->count && is_before(&heap[child + 1], &heap[child]))
            child++;
        if (!is_before(&heap[child], &last))
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = last;
    return first;
}

enum bg_status bg_world_post(struct bg_world *world, uint64_t delay_ns, void (*run)(void *argument), void *argument)
{
    return heap_push(world, delay_ns, (struct event){.run = run, .argument = argument});
}

void bg_world_mark(struct bg_world *world, struct bg_phase_ring *marks)
{
    world->marks = marks;
}

static void mark_work(struct bg_world *world, const struct bg_work *work, uint64_t duration_ns)
{
    if (world->marks)
        bg_phase_ring_add(world->marks, (struct bg_phase_mark){.round = work->round,
                                                               .begin_ns = world->now,
                                                               .end_ns = later(world, duration_ns),
                                                               .phase = work->phase,
                                                               .actor = work->actor});
}

enum bg_status bg_world_submit(struct bg_world *world, struct bg_work *work, uint64_t duration_ns,
                               void (*done)(void *context, struct bg_work *work), void *context)
{
    struct waiting *waiting =
        grow(world->waiting, world->waiting_count, &world->waiting_capacity, sizeof *waiting);
    if (!waiting)
        return BG_NO_MEMORY;
    world->waiting = waiting;
    enum bg_status status =
        heap_push(world, duration_ns, (struct event){
                                            .work = work, .batch = world->batch, .done = done, .argument = context});
    if (status != BG_OK)
        return status;
    waiting[world->waiting_count++] = (struct waiting){.work = work};
    mark_work(world, work, duration_ns);
    return BG_OK;
}

static void run_one(void *context, size_t i)
{
    struct bg_world *world = context;
    struct waiting *waiting = &world->waiting[i];
    uint64_t begin = bg_clock_thread_cpu_ns();
    waiting->work->job.run(&waiting->work->job);
    waiting->cpu_ns = bg_clock_thread_cpu_ns() - begin;
}

static void run_waiting(struct bg_world *world)
{
    bg_workers_for(world->workers, world->waiting_count, run_one, world);
    for (size_t i = 0; i < world->waiting_count; i++)
        world->cpu_ns[world->waiting[i].work->phase] += world->waiting[i].cpu_ns;
    world->waiting_count = 0;
    world->batch++;
}

bool bg_world_step(struct bg_world *world)
{
    if (world->count == 0)
        return false;
    struct event event = heap_pop(world);
    assert(event.at >= world->now);
    world->now = event.at;
    if (!event.work) {
        event.run(event.argument);
        return true;
    }
    if (event.batch == world->batch)
        run_waiting(world);
    event.done(event.argument, event.work);
    return true;
}

uint64_t bg_world_cpu_ns(const struct bg_world *world, enum bg_phase phase)
{
    return world->cpu_ns[phase];
}
