/* SPDX-License-Identifier: BSD-3-Clause */
/* progress-bar.h - a line on the terminal that shows how far a long command has come
 *
 *      42.3% [=================>                      ]  412 MiB/s  0:31 left
 *
 * It is drawn some times a second, as wide as the terminal is just then, and only while the command
 * has the terminal to itself.  Whatever else is to be printed has the line first: the bar goes, and
 * comes back below.
 */

#ifndef QCOW_CMD_PROGRESS_BAR_H
#define QCOW_CMD_PROGRESS_BAR_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    bool in_bytes;        /* a rate says something to people */
    uint64_t done, total; /* units */
    bool complete;        /* and nothing more is drawn */

    /* The clock is monotonic, in seconds. */
    double begun;
    double drawn;          /* last; 0: not since something else had the line */
    double rate;           /* units a second, of late; 0: not known yet */
    double sampled;        /* when the rate was last looked at */
    uint64_t sampled_done; /* and what was done then */
} progress_bar;

/* Is standard output a terminal that can show one? */
bool progress_bar_possible(void);

/* Nothing is drawn yet.  There is one bar at a time. */
void progress_bar_begin(progress_bar *bar, bool in_bytes);

void progress_bar_at(progress_bar *bar, uint64_t done, uint64_t total);

/* Leaves the line to others. */
void progress_bar_yield(void);

/* A complete bar stays, with how long it all took; another one goes. */
void progress_bar_end(progress_bar *bar, bool complete);

#endif /* QCOW_CMD_PROGRESS_BAR_H */
