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

    pthread_mutex_t plan_lock; /* held while the plan stage runs; taken before lock */
    pthread_mutex_t lock;      /* guards what follows */
    pthread_cond_t slot_free;  /* for who holds plan_lock: a slot was finished, or the job stops */
    pthread_cond_t head_done;  /* for the caller: the first slot is worked on, or there is none */
    uint64_t nb_planned;       /* windows planned since the start */
    uint64_t nb_finished;      /* of those, finished: slots from here to nb_planned are in use */
    bool worked[MAX_SLOTS];    /* the window in this slot is ready to be finished */
    bool ended;                /* there are no more windows to plan */
    bool stopping;             /* no window should be begun any more */
} pipeline;

static bool wait_for_free_slot(pipeline *p)
{
    bool go_on;

    pthread_mutex_lock(&p->lock);
    while (p->nb_planned - p->nb_finished == p->nb_slots && !p->stopping)
        pthread_cond_wait(&p->slot_free, &p->lock);
    go_on = !p->stopping && !p->ended;
    pthread_mutex_unlock(&p->lock);
    return go_on;
}

/* Plans a window, or notes that there is none.  Only the holder of plan_lock moves nb_planned. */
static bool plan_locked(pipeline *p, unsigned *slot)
{
    bool planned;

    if (!wait_for_free_slot(p))
        return false;
    *slot = p->nb_planned % p->nb_slots;
    planned = p->stages->plan(p->opaque, p->slots[*slot]);

    pthread_mutex_lock(&p->lock);
    if (planned) {
        p->nb_planned++;
    } else {
        p->ended = true;
        pthread_cond_signal(&p->head_done);
    }
    pthread_mutex_unlock(&p->lock);
    return planned;
}

static bool plan_next(pipeline *p, unsigned *slot)
{
    bool planned;

    pthread_mutex_lock(&p->plan_lock);
    planned = plan_locked(p, slot);
    pthread_mutex_unlock(&p->plan_lock);
    return planned;
}

static void *worker(void *opaque)
{
    pipeline *p = opaque;
    unsigned slot;

    while (plan_next(p, &slot)) {
        p->stages->work(p->opaque, p->slots[slot]);
        pthread_mutex_lock(&p->lock);
        p->worked[slot] = true;
        if (slot == p->nb_finished % p->nb_slots)
            pthread_cond_signal(&p->head_done);
        pthread_mutex_unlock(&p->lock);
    }
    return NULL;
}

static bool wait_for_head(pipeline *p, unsigned *slot)
{
    bool there;

    pthread_mutex_lock(&p->lock);
    *slot = p->nb_finished % p->nb_slots;
    while (!p->worked[*slot] && !(p->ended && p->nb_finished == p->nb_planned))
        pthread_cond_wait(&p->head_done, &p->lock);
    there = p->worked[*slot];
    pthread_mutex_unlock(&p->lock);
    return there;
}

static void release_head(pipeline *p, unsigned slot, bool stop)
{
    pthread_mutex_lock(&p->lock);
    p->worked[slot] = false;
    p->nb_finished++;
    p->stopping = stop;
    pthread_cond_signal(&p->slot_free);
    pthread_mutex_unlock(&p->lock);
}

static int finish_in_order(pipeline *p)
{
    int result = 0;
    unsigned slot;

    while (result == 0 && wait_for_head(p, &slot)) {
        result = p->stages->finish(p->opaque, p->slots[slot]);
        release_head(p, slot, result != 0);
    }
    return result;
}

static int run_alone(const pipeline_stages *stages, void *opaque, void *slot)
{
    int result = 0;

    while (result == 0 && stages->plan(opaque, slot)) {
        stages->work(opaque, slot);
        result = stages->finish(opaque, slot);
    }
    return result;
}

int pipeline_run(const pipeline_stages *stages, void *opaque, void **slots, unsigned nb_slots,
                 unsigned nb_workers)
{
    pipeline p = {
        .stages = stages,
        .opaque = opaque,
        .slots = slots,
        .nb_slots = nb_slots < MAX_SLOTS ? nb_slots : MAX_SLOTS,
        .plan_lock = PTHREAD_MUTEX_INITIALIZER,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .slot_free = PTHREAD_COND_INITIALIZER,
        .head_done = PTHREAD_COND_INITIALIZER,
    };
    pthread_t threads[MAX_WORKERS];
    unsigned started = 0;
    int result;

    while (started < nb_workers && started < MAX_WORKERS &&
           pthread_create(&threads[started], NULL, worker, &p) == 0)
        started++;
    if (started == 0)
        return run_alone(stages, opaque, slots[0]);

    result = finish_in_order(&p);
    while (started > 0)
        pthread_join(threads[--started], NULL);
    return result;
}

/* One for every processor, and never less than two: then there is one to read while another waits for
 * the disk.  More would only push each other's windows out of the processor's cache.  A job of one
 * window is over before a thread has started. */
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
