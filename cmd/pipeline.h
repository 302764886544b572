/* SPDX-License-Identifier: BSD-3-Clause */
/* pipeline.h - a long job cut into windows that are worked on in parallel and finished in order
 *
 *     plan    in order, one window at a time    what is to be done
 *     work    in any order, several at once     the slow part: reading, scanning, comparing
 *     finish  in order, the caller's thread     writing, reporting
 *
 * Whatever finish does is therefore the same for any number of workers.  The windows live in a ring
 * of slots which the caller provides, and that is all the memory a job takes:
 *
 *     finished           planned
 *        v                  v
 *     [ worked | working | worked | free | free ]
 *
 * A stage that fails leaves its error in the slot; finish, which sees the slots in order, reports
 * the first one and stops the job.  So the error, too, does not depend on the number of workers.
 */

#ifndef QCOW_CMD_PIPELINE_H
#define QCOW_CMD_PIPELINE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    /* Describes the next window in the slot; false when there is none. */
    bool (*plan)(void *opaque, void *slot);
    void (*work)(void *opaque, void *slot);
    /* Returns 0 to go on; anything else ends the job. */
    int (*finish)(void *opaque, void *slot);
} pipeline_stages;

/* Runs the job with up to nb_workers threads besides the caller's, which works, too, while there is
 * nothing to finish.  With none, each window is finished before the next is planned.
 * Returns 0, or what finish ended the job with. */
int pipeline_run(const pipeline_stages *stages, void *opaque, void **slots, unsigned nb_slots,
                 unsigned nb_workers);

/* How many workers are of use to a job of that many windows, when the user allows so many. */
unsigned pipeline_useful_workers(unsigned allowed, uint64_t nb_windows);

#endif /* QCOW_CMD_PIPELINE_H */
