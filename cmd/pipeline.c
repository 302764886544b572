/* SPDX-License-Identifier: BSD-3-Clause */
/* pipeline.c - a long job cut into windows that are worked on in parallel and finished in order */

#include <pthread.h>
#include <stdint.h>
#include <unistd.h>

#include "pipeline.h"

/* Enough for the deepest -m. */
#define MAX_WORKERS 16
#define MAX_SLOTS 32

typedef struct {
    const pipeline_stages *stages;
    void *opaque;
    void **slots;
    unsigned nb_slots;

    pthread_mutex_t lock;     /* guards what follows; no stage runs under it */
    pthread_cond_t can_plan;  /* for workers */
    pthread_cond_t head_done; /* for the caller: the first slot is worked on, or there is none */
    uint64_t nb_planned;      /* windows planned since the start */
    uint64_t nb_finished;     /* of those, finished: slots from here to nb_planned are in use */
    bool worked[MAX_SLOTS];   /* the window in this slot is ready to be finished */
    bool planning;            /* a thread is in the plan stage */
    bool over;                /* no window is to be begun any more */
} pipeline;

static unsigned in_use_locked(const pipeline *p)
{
    return (unsigned)(p->nb_planned - p->nb_finished);
}

static bool can_plan_locked(const pipeline *p)
{
    return !p->over && !p->planning && in_use_locked(p) < p->nb_slots;
}

/* Plans a window and works on it. */
static void advance_locked(pipeline *p)
{
    unsigned slot = p->nb_planned % p->nb_slots;
    bool there;

    p->planning = true;
    pthread_mutex_unlock(&p->lock);
    there = p->stages->plan(p->opaque, p->slots[slot]);
    pthread_mutex_lock(&p->lock);
    p->planning = false;
    if (!there) {
        p->over = true;
        pthread_cond_broadcast(&p->can_plan);
        pthread_cond_signal(&p->head_done);
        return;
    }
    p->nb_planned++;
    if (can_plan_locked(p))
        pthread_cond_signal(&p->can_plan);

    pthread_mutex_unlock(&p->lock);
    p->stages->work(p->opaque, p->slots[slot]);
    pthread_mutex_lock(&p->lock);
    p->worked[slot] = true;
    if (slot == p->nb_finished % p->nb_slots)
        pthread_cond_signal(&p->head_done);
}

static void *worker(void *opaque)
{
    pipeline *p = opaque;

    pthread_mutex_lock(&p->lock);
    while (!p->over) {
        if (can_plan_locked(p))
            advance_locked(p);
        else
            pthread_cond_wait(&p->can_plan, &p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* A worker that sleeps because the ring is full is woken when half of it is free: one long rest
 * costs less than many short ones. */
static int finish_locked(pipeline *p, unsigned slot)
{
    int result;

    pthread_mutex_unlock(&p->lock);
    result = p->stages->finish(p->opaque, p->slots[slot]);
    pthread_mutex_lock(&p->lock);
    p->worked[slot] = false;
    p->nb_finished++;
    if (result != 0) {
        p->over = true;
        pthread_cond_broadcast(&p->can_plan);
    } else if (can_plan_locked(p) && in_use_locked(p) <= p->nb_slots / 2) {
        pthread_cond_signal(&p->can_plan);
    }
    return result;
}

/* The caller finishes what is ready, and lends a hand while nothing is. */
static int finish_in_order(pipeline *p)
{
    int result = 0;

    pthread_mutex_lock(&p->lock);
    while (result == 0) {
        unsigned head = p->nb_finished % p->nb_slots;

        if (p->worked[head])
            result = finish_locked(p, head);
        else if (can_plan_locked(p))
            advance_locked(p);
        else if (p->over && in_use_locked(p) == 0)
            break;
        else
            pthread_cond_wait(&p->head_done, &p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    return result;
}

static unsigned start_workers(pipeline *p, pthread_t *threads, unsigned count)
{
    unsigned started = 0;

    while (started < count && pthread_create(&threads[started], NULL, worker, p) == 0)
        started++;
    return started;
}

int pipeline_run(const pipeline_stages *stages, void *opaque, void **slots, unsigned nb_slots,
                 unsigned nb_workers)
{
    pipeline p = {
        .stages = stages,
        .opaque = opaque,
        .slots = slots,
        .nb_slots = nb_slots < MAX_SLOTS ? nb_slots : MAX_SLOTS,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .can_plan = PTHREAD_COND_INITIALIZER,
        .head_done = PTHREAD_COND_INITIALIZER,
    };
    pthread_t threads[MAX_WORKERS];
    unsigned started;
    int result;

    if (nb_workers == 0)
        p.nb_slots = 1; /* more would only be more memory */
    started = start_workers(&p, threads, nb_workers < MAX_WORKERS ? nb_workers : MAX_WORKERS);
    result = finish_in_order(&p);
    while (started > 0)
        pthread_join(threads[--started], NULL);
    return result;
}

/* One for every processor, and never less than two: then there is one to read while another waits
 * for the disk.  More would only push each other's windows out of the processor's cache.  A job of
 * one window is over before a thread has started. */
unsigned pipeline_useful_workers(unsigned allowed, uint64_t nb_windows)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t useful = processors > 2 ? (uint64_t)processors : 2;

    if (nb_windows <= 1)
        return 0;
    if (useful > nb_windows)
        useful = nb_windows;
    if (useful > MAX_WORKERS)
        useful = MAX_WORKERS;
    return useful < allowed ? (unsigned)useful : allowed;
}
