/* SPDX-License-Identifier: Apache-2.0 */
/* A loop that several threads post to while a driver's workers report to it, for ThreadSanitizer. */
#include "net/driver.h"
#include "tests/threads/require.h"

#include <pthread.h>
#include <stdint.h>

#define POSTERS 3
#define POSTS 400
#define WORKS 200

struct world;

/* Plain memory: only the loop's own hand-over may order accesses to it. */
struct letter {
    struct world *world;
    int number;
};

struct world_work {
    struct bg_work work;
    struct world *world;
    uint64_t sum;
};

struct world {
    struct bg_loop *loop;
    struct letter letters[POSTERS][POSTS];
    struct world_work works[WORKS];
    struct bg_work_queue queue;
    int received, done, ticks;
};

static void end_when_all_is_there(struct world *world)
{
    if (world->received == POSTERS * POSTS && world->done == WORKS)
        bg_loop_stop(world->loop);
}

static void receive(void *argument)
{
    struct letter *letter = argument;
    REQUIRE(letter->number == 7);
    letter->world->received++;
    end_when_all_is_there(letter->world);
}

struct poster {
    struct world *world;
    struct letter *letters;
    pthread_t thread;
};

static void *post_all(void *argument)
{
    struct poster *poster = argument;
    for (int i = 0; i < POSTS; i++) {
        poster->letters[i] = (struct letter){poster->world, 7};
        REQUIRE(bg_loop_post(poster->world->loop, receive, &poster->letters[i]) == BG_OK);
    }
    return NULL;
}

static void run_work(struct bg_job *job)
{
    struct world_work *work = (struct world_work *)job;
    for (uint64_t i = 0; i < 1000; i++)
        work->sum += i;
}

static void work_done(struct bg_job *job)
{
    struct world_work *work = (struct world_work *)job;
    REQUIRE(work->sum == 499500);
    work->world->done++;
    end_when_all_is_there(work->world);
}

static void tick(void *role, uint64_t now)
{
    (void)now;
    ((struct world *)role)->ticks++;
}

static uint64_t next_wake(const void *role)
{
    (void)role;
    return UINT64_MAX;
}

static struct bg_work *next_work(void *role)
{
    return bg_work_pop(&((struct world *)role)->queue);
}

int main(void)
{
    static struct world world;
    static const struct bg_driver_ops ops = {tick, next_wake, next_work};
    struct poster posters[POSTERS];
    struct bg_driver *driver;
    REQUIRE(bg_loop_create(NULL, &world.loop) == BG_OK);
    REQUIRE(bg_driver_create(world.loop, &ops, 3, NULL, NULL, NULL, &driver) == BG_OK);
    for (int i = 0; i < WORKS; i++) {
        world.works[i] = (struct world_work){.work = {.job = {.run = run_work, .done = work_done}}, .world = &world};
        bg_work_push(&world.queue, &world.works[i].work);
    }
    for (int i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){.world = &world, .letters = world.letters[i]};
        REQUIRE(pthread_create(&posters[i].thread, NULL, post_all, &posters[i]) == 0);
    }
    bg_driver_start(driver, &world);
    bg_loop_run(world.loop);
    for (int i = 0; i < POSTERS; i++)
        pthread_join(posters[i].thread, NULL);
    REQUIRE(world.received == POSTERS * POSTS && world.done == WORKS);
    bg_driver_destroy(&driver);
    bg_loop_destroy(&world.loop);
    return 0;
}
