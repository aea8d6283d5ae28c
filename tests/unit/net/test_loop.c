/* SPDX-License-Identifier: Apache-2.0 */
#include "net/loop.h"

#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

struct fixture {
    struct bg_loop *loop;
    struct bg_loop_timer *timer, *other;
    uint64_t at, fired_at;
    int fired, others, posted, signals;
    char order[16];
    size_t order_count;
};

static void begin(struct fixture *f)
{
    *f = (struct fixture){0};
    cr_assert_eq(bg_loop_create(NULL, &f->loop), BG_OK);
}

static void end(struct fixture *f)
{
    bg_loop_timer_destroy(&f->timer);
    bg_loop_timer_destroy(&f->other);
    bg_loop_destroy(&f->loop);
    cr_assert_null(f->loop);
    bg_loop_destroy(&f->loop);
}

static void stop(void *argument)
{
    struct fixture *f = argument;
    bg_loop_stop(f->loop);
}

static void fire(void *context)
{
    struct fixture *f = context;
    f->fired++;
    f->fired_at = bg_clock_monotonic_ns();
    bg_loop_stop(f->loop);
}

Test(loop, a_timer_fires_once_and_never_early)
{
    struct fixture f;
    begin(&f);
    cr_assert_eq(bg_loop_timer_create(f.loop, fire, &f, &f.timer), BG_OK);
    for (uint64_t delay = 0; delay < 40 * BG_MILLISECOND; delay += 777777) {
        f.at = bg_clock_monotonic_ns() + delay;
        bg_loop_timer_set(f.timer, f.at);
        bg_loop_run(f.loop);
        cr_assert_geq(f.fired_at, f.at);
        cr_assert_lt(f.fired_at, f.at + 10 * BG_SECOND);
    }
    cr_assert_eq(f.fired, 52);
    end(&f);
    NO_LEAKS();
}

static void record_other(void *context)
{
    struct fixture *f = context;
    f->others++;
}

Test(loop, a_later_setting_replaces_the_earlier_one)
{
    struct fixture f;
    begin(&f);
    cr_assert_eq(bg_loop_timer_create(f.loop, fire, &f, &f.timer), BG_OK);
    cr_assert_eq(bg_loop_timer_create(f.loop, record_other, &f, &f.other), BG_OK);
    uint64_t now = bg_clock_monotonic_ns();
    bg_loop_timer_set(f.other, now);
    bg_loop_timer_set(f.other, UINT64_MAX);
    bg_loop_timer_set(f.timer, now + 3600 * BG_SECOND);
    bg_loop_timer_set(f.timer, now + 5 * BG_MILLISECOND);
    bg_loop_run(f.loop);
    cr_assert_eq(f.fired, 1);
    cr_assert_eq(f.others, 0);
    cr_assert_lt(f.fired_at, now + 1800 * BG_SECOND);
    end(&f);
    NO_LEAKS();
}

static void fire_again(void *context)
{
    struct fixture *f = context;
    f->fired++;
    bg_loop_timer_set(f->timer, bg_clock_monotonic_ns());
}

Test(loop, a_timer_that_is_always_due_keeps_nobody_else_from_running)
{
    struct fixture f;
    begin(&f);
    cr_assert_eq(bg_loop_timer_create(f.loop, fire_again, &f, &f.timer), BG_OK);
    bg_loop_timer_set(f.timer, bg_clock_monotonic_ns());
    cr_assert_eq(bg_loop_post(f.loop, stop, &f), BG_OK);
    bg_loop_run(f.loop);
    end(&f);
    NO_LEAKS();
}

static void destroy_itself(void *context)
{
    struct fixture *f = context;
    bg_loop_timer_destroy(&f->timer);
    bg_loop_stop(f->loop);
}

Test(loop, a_timer_may_destroy_itself)
{
    struct fixture f;
    begin(&f);
    cr_assert_eq(bg_loop_timer_create(f.loop, destroy_itself, &f, &f.timer), BG_OK);
    bg_loop_timer_set(f.timer, bg_clock_monotonic_ns());
    bg_loop_run(f.loop);
    cr_assert_null(f.timer);
    end(&f);
    NO_LEAKS();
}

#define THREADS 4
#define POSTS 5000

struct posting {
    struct poster *poster;
    int number;
};

struct poster {
    struct fixture *fixture;
    pthread_t thread;
    int seen;
    struct posting postings[POSTS];
};

static void receive(void *argument)
{
    struct posting *posting = argument;
    struct poster *poster = posting->poster;
    cr_assert_eq(posting->number, poster->seen, "in the order of the calls");
    poster->seen++;
    if (++poster->fixture->posted == THREADS * POSTS)
        bg_loop_stop(poster->fixture->loop);
}

static void *post_all(void *argument)
{
    struct poster *poster = argument;
    for (int i = 0; i < POSTS; i++) {
        poster->postings[i] = (struct posting){poster, i};
        if (bg_loop_post(poster->fixture->loop, receive, &poster->postings[i]) != BG_OK)
            abort();
    }
    return NULL;
}

Test(loop, what_threads_post_runs_on_the_loop_in_their_order)
{
    static struct poster posters[THREADS];
    struct fixture f;
    begin(&f);
    for (int i = 0; i < THREADS; i++) {
        posters[i].fixture = &f;
        cr_assert_eq(pthread_create(&posters[i].thread, NULL, post_all, &posters[i]), 0);
    }
    bg_loop_run(f.loop);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(posters[i].thread, NULL);
        cr_assert_eq(posters[i].seen, POSTS);
    }
    end(&f);
    NO_LEAKS();
}

static void record_a(void *argument)
{
    struct fixture *f = argument;
    f->order[f->order_count++] = 'a';
    cr_assert_eq(bg_loop_post(f->loop, stop, f), BG_OK);
}

static void record_b(void *argument)
{
    struct fixture *f = argument;
    f->order[f->order_count++] = 'b';
}

Test(loop, what_a_post_posts_comes_after_what_was_there)
{
    struct fixture f;
    begin(&f);
    cr_assert_eq(bg_loop_post(f.loop, record_a, &f), BG_OK);
    cr_assert_eq(bg_loop_post(f.loop, record_b, &f), BG_OK);
    bg_loop_run(f.loop);
    cr_assert_str_eq(f.order, "ab");
    end(&f);
    NO_LEAKS();
}

Test(loop, what_is_still_posted_at_the_end_is_dropped)
{
    struct fixture f;
    begin(&f);
    cr_assert_eq(bg_loop_post(f.loop, stop, &f), BG_OK);
    bg_loop_run(f.loop);
    cr_assert_eq(bg_loop_post(f.loop, record_a, &f), BG_OK);
    end(&f);
    cr_assert_eq(f.order_count, 0);
    NO_LEAKS();
}

static void on_signal(void *context)
{
    struct fixture *f = context;
    f->signals++;
    bg_loop_stop(f->loop);
}

Test(loop, the_first_signal_to_stop_counts_and_later_ones_are_ignored)
{
    for (int number = 0; number < 2; number++) {
        struct fixture f;
        begin(&f);
        cr_assert_eq(bg_loop_on_stop_signal(f.loop, on_signal, &f), BG_OK);
        raise(number ? SIGINT : SIGTERM);
        bg_loop_run(f.loop);
        cr_assert_eq(f.signals, 1);
        raise(SIGTERM);
        raise(SIGINT);
        uint64_t until = bg_clock_monotonic_ns() + 5 * BG_MILLISECOND;
        cr_assert_eq(bg_loop_timer_create(f.loop, fire, &f, &f.timer), BG_OK);
        bg_loop_timer_set(f.timer, until);
        bg_loop_run(f.loop);
        cr_assert_eq(f.fired, 1);
        cr_assert_eq(f.signals, 1);
        end(&f);
    }
    NO_LEAKS();
}
