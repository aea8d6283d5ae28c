/* SPDX-License-Identifier: Apache-2.0 */
#include "base/workers.h"

#include "base/checked.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

/* First in, first out. */
struct job_list {
    struct bg_job *first;
    struct bg_job *last;
    size_t count;
};

/* A for-loop in progress; lives on the stack of bg_workers_for. */
struct loop {
    void (*body)(void *context, size_t i);
    void *context;
    size_t count;
    atomic_size_t next;
    size_t vacancies; /* helpers still to let in; this and the next under the pool's lock */
    size_t helpers;   /* inside */
};

struct bg_workers {
    unsigned threads;
    unsigned started;
    size_t queue_limit;
    void (*notify)(void *context);
    void *context;
    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t work;  /* a job, a loop or the end has come */
    pthread_cond_t left;  /* a helper has left the loop */
    struct job_list waiting;
    struct job_list idle;
    struct job_list finished;
    struct loop *loop; /* open to helpers */
    bool stopping;
    pthread_t thread[];
};

static void push(struct job_list *list, struct bg_job *job)
{
    job->next = NULL;
    if (list->last)
        list->last->next = job;
    else
        list->first = job;
    list->last = job;
    list->count++;
}

static struct bg_job *pop(struct job_list *list)
{
    struct bg_job *job = list->first;
    list->first = job->next;
    if (!list->first)
        list->last = NULL;
    list->count--;
    return job;
}

static void run_loop(struct loop *loop)
{
    size_t i;
    while ((i = atomic_fetch_add_explicit(&loop->next, 1, memory_order_relaxed)) < loop->count)
        loop->body(loop->context, i);
}

static void help_loop(struct bg_workers *w)
{
    struct loop *loop = w->loop;
    loop->helpers++;
    if (--loop->vacancies == 0)
        w->loop = NULL;
    pthread_mutex_unlock(&w->lock);
    run_loop(loop);
    pthread_mutex_lock(&w->lock);
    loop->helpers--;
    pthread_cond_signal(&w->left);
}

static void run_job(struct bg_workers *w, struct job_list *list)
{
    struct bg_job *job = pop(list);
    pthread_mutex_unlock(&w->lock);
    job->run(job);
    pthread_mutex_lock(&w->lock);
    push(&w->finished, job);
    if (w->notify) {
        pthread_mutex_unlock(&w->lock);
        w->notify(w->context);
        pthread_mutex_lock(&w->lock);
    }
}

static void *worker_main(void *argument)
{
    struct bg_workers *w = argument;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        if (w->loop)
            help_loop(w);
        else if (w->waiting.count > 0)
            run_job(w, &w->waiting);
        else if (w->idle.count > 0)
            run_job(w, &w->idle);
        else if (w->stopping)
            break;
        else
            pthread_cond_wait(&w->work, &w->lock);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

enum bg_status bg_workers_create(unsigned threads, size_t queue_limit, void (*notify)(void *context), void *context,
                                 struct bg_workers **ret_workers)
{
    size_t size;
    assert(threads >= 1);
    if (!bg_size_multiply(threads, sizeof(pthread_t), &size) || !bg_size_add(size, sizeof(struct bg_workers), &size))
        return BG_NO_MEMORY;
    struct bg_workers *w = calloc(1, size);
    if (!w)
        return BG_NO_MEMORY;
    w->threads = threads;
    w->queue_limit = queue_limit;
    w->notify = notify;
    w->context = context;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->work, NULL);
    pthread_cond_init(&w->left, NULL);
    /* Signals belong to the thread that runs the loop. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (w->started < threads && pthread_create(&w->thread[w->started], NULL, worker_main, w) == 0)
        w->started++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (w->started < threads) {
        bg_workers_destroy(&w);
        return BG_NO_MEMORY;
    }
    *ret_workers = w;
    return BG_OK;
}

void bg_workers_destroy(struct bg_workers **workers)
{
    struct bg_workers *w = *workers;
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_broadcast(&w->work);
    pthread_mutex_unlock(&w->lock);
    for (unsigned i = 0; i < w->started; i++)
        pthread_join(w->thread[i], NULL);
    pthread_cond_destroy(&w->left);
    pthread_cond_destroy(&w->work);
    pthread_mutex_destroy(&w->lock);
    free(w);
    *workers = NULL;
}

enum bg_status bg_workers_submit(struct bg_workers *workers, struct bg_job *job)
{
    enum bg_status status = BG_BUSY;
    pthread_mutex_lock(&workers->lock);
    struct job_list *list = job->idle ? &workers->idle : &workers->waiting;
    if (list->count < workers->queue_limit) {
        push(list, job);
        pthread_cond_signal(&workers->work);
        status = BG_OK;
    }
    pthread_mutex_unlock(&workers->lock);
    return status;
}

size_t bg_workers_collect(struct bg_workers *workers)
{
    pthread_mutex_lock(&workers->lock);
    struct job_list finished = workers->finished;
    workers->finished = (struct job_list){0};
    pthread_mutex_unlock(&workers->lock);
    size_t count = finished.count;
    while (finished.count > 0) {
        struct bg_job *job = pop(&finished);
        if (job->done)
            job->done(job);
    }
    return count;
}

void bg_workers_for(struct bg_workers *workers, size_t count, void (*body)(void *context, size_t i), void *context)
{
    struct loop loop = {.body = body, .context = context, .count = count, .vacancies = workers->threads - 1};
    if (loop.vacancies >= count)
        loop.vacancies = count ? count - 1 : 0;
    if (loop.vacancies > 0) {
        pthread_mutex_lock(&workers->lock);
        assert(!workers->loop);
        workers->loop = &loop;
        pthread_cond_broadcast(&workers->work);
        pthread_mutex_unlock(&workers->lock);
    }
    run_loop(&loop);
    pthread_mutex_lock(&workers->lock);
    if (workers->loop == &loop)
        workers->loop = NULL;
    while (loop.helpers > 0)
        pthread_cond_wait(&workers->left, &workers->lock);
    pthread_mutex_unlock(&workers->lock);
}
