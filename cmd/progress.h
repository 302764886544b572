/* SPDX-License-Identifier: BSD-3-Clause */
/* progress.h - how far a long command has come, for whoever asks
 *
 * With -p every step is shown on standard output.  Without it the program stays silent until it is
 * sent SIGUSR1 (or SIGINFO where there is one): then the next step is shown once on standard error.
 */

#ifndef QCOW_CMD_PROGRESS_H
#define QCOW_CMD_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    bool shown;     /* -p was given */
    double step;    /* percent: smaller advances are not printed */
    double printed; /* percent last printed */
} progress;

/* Starts at 0%.  One thread reports; one progress exists at a time. */
void progress_begin(progress *p, bool shown, double step);

/* done of total units.  A total of 0 is a job that is complete from the start. */
void progress_at(progress *p, uint64_t done, uint64_t total);

/* Ends the line. */
void progress_end(progress *p);

#endif /* QCOW_CMD_PROGRESS_H */
