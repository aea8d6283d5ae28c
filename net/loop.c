/* SPDX-License-Identifier: Apache-2.0 */
#include "net/loop.h"

#include "net/loop_uv.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

struct post {
    struct post *next;
    void (*run)(void *argument);
    void *argument;
};

struct bg_loop {
    uv_loop_t uv;
    uv_async_t posted;
    uv_signal_t stop_signals[2];
    unsigned stop_signal_count;
    void (*on_stop_signal)(void *context);
    void *stop_context;
    bool stop_signalled;
    pthread_mutex_t lock; /* guards the posts */
    struct post *first, *last;
    size_t posts;
};

struct bg_loop_timer {
    uv_timer_t uv;
    void (*run)(void *context);
    void *context;
    uint64_t at;
    bool running; /* inside run */
};

/* The first post, NULL if there is none. */
static struct post *take_post(struct bg_loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    struct post *post = loop->first;
    if (post) {
        loop->first = post->next;
        loop->posts--;
    }
    if (!loop->first)
        loop->last = NULL;
    pthread_mutex_unlock(&loop->lock);
    return post;
}

static size_t count_posts(struct bg_loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    size_t posts = loop->posts;
    pthread_mutex_unlock(&loop->lock);
    return posts;
}

/* One by one, since each may have later ones forgotten; those that they post have to wait for the next turn. */
static void run_posts(uv_async_t *posted)
{
    struct bg_loop *loop = posted->data;
    struct post *post;
    for (size_t left = count_posts(loop); left && (post = take_post(loop)); left--) {
        struct post taken = *post;
        free(post);
        taken.run(taken.argument);
    }
    if (count_posts(loop))
        uv_async_send(posted);
}

enum bg_status bg_loop_create(struct bg_error *error, struct bg_loop **ret_loop)
{
    struct bg_loop *loop = calloc(1, sizeof *loop);
    if (!loop)
        return bg_fail(error, BG_NO_MEMORY, "no memory for an event loop");
    int code = uv_loop_init(&loop->uv);
    if (code) {
        free(loop);
        return bg_fail(error, BG_IO, "no event loop: %s", uv_strerror(code));
    }
    code = uv_async_init(&loop->uv, &loop->posted, run_posts);
    if (code) {
        uv_loop_close(&loop->uv);
        free(loop);
        return bg_fail(error, BG_IO, "no event loop: %s", uv_strerror(code));
    }
    loop->posted.data = loop;
    pthread_mutex_init(&loop->lock, NULL);
    /* A peer that is gone is an error of write, not the end of the process. */
    signal(SIGPIPE, SIG_IGN);
    *ret_loop = loop;
    return BG_OK;
}

void bg_loop_destroy(struct bg_loop **loop)
{
    struct bg_loop *l = *loop;
    if (!l)
        return;
    uv_close((uv_handle_t *)&l->posted, NULL);
    for (unsigned i = 0; i < l->stop_signal_count; i++)
        uv_close((uv_handle_t *)&l->stop_signals[i], NULL);
    uv_run(&l->uv, UV_RUN_DEFAULT);
    int code = uv_loop_close(&l->uv);
    assert(code == 0);
    (void)code;
    for (struct post *post; (post = take_post(l));)
        free(post);
    pthread_mutex_destroy(&l->lock);
    free(l);
    *loop = NULL;
}

void bg_loop_run(struct bg_loop *loop)
{
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void bg_loop_stop(struct bg_loop *loop)
{
    uv_stop(&loop->uv);
}

uv_loop_t *bg_loop_uv(struct bg_loop *loop)
{
    return &loop->uv;
}

enum bg_status bg_loop_post(struct bg_loop *loop, void (*run)(void *argument), void *argument)
{
    struct post *post = malloc(sizeof *post);
    if (!post)
        return BG_NO_MEMORY;
    *post = (struct post){.run = run, .argument = argument};
    pthread_mutex_lock(&loop->lock);
    if (loop->last)
        loop->last->next = post;
    else
        loop->first = post;
    loop->last = post;
    loop->posts++;
    pthread_mutex_unlock(&loop->lock);
    uv_async_send(&loop->posted);
    return BG_OK;
}

void bg_loop_forget(struct bg_loop *loop, const void *argument)
{
    pthread_mutex_lock(&loop->lock);
    struct post **at = &loop->first, *last = NULL;
    while (*at) {
        struct post *post = *at;
        if (post->argument == argument) {
            *at = post->next;
            loop->posts--;
            free(post);
        } else {
            last = post;
            at = &post->next;
        }
    }
    loop->last = last;
    pthread_mutex_unlock(&loop->lock);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct bg_loop *loop = handle->data;
    (void)number;
    if (loop->stop_signalled)
        return;
    loop->stop_signalled = true;
    loop->on_stop_signal(loop->stop_context);
}

enum bg_status bg_loop_on_stop_signal(struct bg_loop *loop, void (*run)(void *context), void *context)
{
    static const int numbers[2] = {SIGTERM, SIGINT};
    int code = 0;
    assert(!loop->on_stop_signal);
    loop->on_stop_signal = run;
    loop->stop_context = context;
    for (unsigned i = 0; i < 2 && !code; i++) {
        code = uv_signal_init(&loop->uv, &loop->stop_signals[i]);
        if (code)
            break;
        loop->stop_signals[loop->stop_signal_count++].data = loop;
        code = uv_signal_start(&loop->stop_signals[i], on_signal, numbers[i]);
    }
    return code ? BG_IO : BG_OK;
}

static void on_timer(uv_timer_t *handle);

static void arm(struct bg_loop_timer *timer)
{
    uint64_t now = bg_clock_monotonic_ns(), left = timer->at > now ? timer->at - now : 0;
    uint64_t milliseconds = left / BG_MILLISECOND + (left % BG_MILLISECOND != 0);
    uv_update_time(timer->uv.loop);
    /* libuv runs what is due until nothing is: a timer that is due again whenever it has run would be all it does. */
    uv_timer_start(&timer->uv, on_timer, timer->running && !milliseconds ? 1 : milliseconds, 0);
}

static void on_timer(uv_timer_t *handle)
{
    struct bg_loop_timer *timer = handle->data;
    timer->running = true;
    if (bg_clock_monotonic_ns() < timer->at) {
        arm(timer); /* libuv's clock is coarser */
    } else {
        timer->at = UINT64_MAX;
        timer->run(timer->context);
    }
    timer->running = false;
}

enum bg_status bg_loop_timer_create(struct bg_loop *loop, void (*run)(void *context), void *context,
                                    struct bg_loop_timer **ret_timer)
{
    struct bg_loop_timer *timer = malloc(sizeof *timer);
    if (!timer)
        return BG_NO_MEMORY;
    *timer = (struct bg_loop_timer){.run = run, .context = context, .at = UINT64_MAX};
    uv_timer_init(&loop->uv, &timer->uv);
    timer->uv.data = timer;
    *ret_timer = timer;
    return BG_OK;
}

void bg_loop_timer_set(struct bg_loop_timer *timer, uint64_t at)
{
    if (at == timer->at)
        return;
    timer->at = at;
    if (at == UINT64_MAX)
        uv_timer_stop(&timer->uv);
    else
        arm(timer);
}

static void free_timer(uv_handle_t *handle)
{
    free(handle->data);
}

void bg_loop_timer_destroy(struct bg_loop_timer **timer)
{
    if (*timer)
        uv_close((uv_handle_t *)&(*timer)->uv, free_timer);
    *timer = NULL;
}
