/* SPDX-License-Identifier: BSD-3-Clause */
/* copy.h - copy the content of images into another image
 *
 * The engine knows the library's public header, and neither formats nor command lines.
 */

#ifndef QCOW_CMD_COPY_H
#define QCOW_CMD_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "progress.h"
#include "qcow2.h"

typedef struct {
    qcow2_image **sources; /* the target gets one behind the other */
    size_t nb_sources;
    qcow2_image *target;

    /* The target shows through its backing file what the (only) source's chain holds at this depth
     * and below, so only what lies above is copied.  0: the target has no backing file. */
    unsigned base_depth;

    bool target_is_empty;  /* it reads as its backing file or, without one, as zeroes */
    uint64_t sparse_size;  /* bytes of zeroes within data that make a hole; 0: there are no holes */
    uint64_t cluster_size; /* bytes of the target's clusters, to write them compressed; 0: do not */
    uint64_t rate_limit;   /* bytes written in a second; 0: any */
    unsigned workers;      /* at most so many threads */
    bool salvage;          /* what cannot be read becomes zeroes, with a warning */
    bool quiet;            /* without the warning */
    progress *progress;
} copy_job;

/* The bytes that the sources take in the target: each is rounded up to 512. */
uint64_t copy_size(qcow2_image *const *sources, size_t nb_sources);

/* Copies; reports what failed and returns -1. */
int copy_run(const copy_job *job);

#endif /* QCOW_CMD_COPY_H */
