/* SPDX-License-Identifier: BSD-3-Clause */
/* progress.h - how far a long command has come, for whoever asks
 *
 * With -p every step is shown on standard output: as a bar on a terminal, in the way of qemu-img
 * anywhere else.  Without it the program stays silent until it is sent SIGUSR1 (or SIGINFO where
 * there is one): then the next step is shown once on standard error.
 */

#ifndef QCOW_CMD_PROGRESS_H
#define QCOW_CMD_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "progress-bar.h"

typedef enum {
    PROGRESS_IN_STEPS,
    PROGRESS_IN_BYTES,
} progress_unit;

typedef struct {
    bool shown;       /* -p was given */
    bool on_terminal; /* and what is shown is the bar */
    double step;      /* percent: smaller advances are not printed */
    double printed;   /* percent last printed */
    progress_bar bar;
} progress;

/* Starts at 0%.  One thread reports; one progress exists at a time. */
void progress_begin(progress *p, bool shown, progress_unit unit, double step);

/* done of total units.  A total of 0 is a job that is complete from the start. */
void progress_at(progress *p, uint64_t done, uint64_t total);

/* The same for the library: p is a progress.  Returns 0, to go on. */
int progress_show(void *p, uint64_t done, uint64_t total);

/* 100%, of whatever it was; the end may fail yet. */
void progress_complete(progress *p);

/* Something else is about to be printed on standard output.  Messages need not tell. */
void progress_yield(void);

/* The last line is about to be printed: a bar ends above it, with success or without, whatever
 * comes later.  What is no bar goes on. */
void progress_end_bar(progress *p, bool success);

/* Ends the line. */
void progress_end(progress *p, bool success);

#endif /* QCOW_CMD_PROGRESS_H */
