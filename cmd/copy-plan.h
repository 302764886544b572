/* SPDX-License-Identifier: BSD-3-Clause */
/* copy-plan.h - windows of a disk that is copied, and the plan of them, for copy.c */

#ifndef QCOW_CMD_COPY_PLAN_H
#define QCOW_CMD_COPY_PLAN_H

#include <time.h>

#include "copy.h"
#include "extents.h"

#define UNIT 512
#define MAX_WINDOW (2u << 20)
#define MAX_WINDOW_UNITS (MAX_WINDOW / UNIT)

enum {
    SKIP,
    ZERO,
    DATA,
};

/* One source's place in the target. */
typedef struct {
    extents walk;
    uint64_t start;       /* in the target */
    uint64_t end;         /* in the target; beyond the source's own end there are zeroes */
    uint64_t visible_end; /* up to where the base shines through the images above it */
} part;

typedef struct {
    const copy_job *job;
    uint32_t window; /* bytes of one, at most MAX_WINDOW */
    part *parts;
    uint64_t size;        /* bytes, all parts together */
    uint64_t zeroes_from; /* from here on the target reads as zeroes before it is written */
    uint64_t total;       /* bytes that will be written */
    uint64_t done;        /* of those, behind us; for finish */
    struct timespec started;

    /* For whoever plans. */
    bool counting;    /* the walk before the copying: no warnings yet */
    size_t part;      /* the current one */
    uint64_t planned; /* the next window begins here */
    bool failed;      /* the plan ends with an error */
} copier;

typedef struct {
    uint64_t offset;
    uint64_t length;  /* at most the copier's window, unless uniform */
    bool uniform;     /* all of it is as kind[0], which is not DATA */
    uint64_t nb_data; /* bytes which the plan painted to be written */
    char *error;      /* what went wrong, or NULL */
    uint8_t *buffer;  /* a window and room for a stream; NULL until the slot first needs it */
    uint8_t kind[MAX_WINDOW_UNITS];
    /* For the first unit of a cluster of DATA when compressing: the bytes of the stream that stands
     * in its place in the buffer, or 0 when it would not be smaller. */
    uint32_t stream_size[MAX_WINDOW_UNITS];
} window;

/* Goes to the beginning of the sources, once their parts have room. */
void plan_begin(copier *c);

/* Progress is told in bytes that are written, so these are counted before the first is.  Reports
 * what failed and returns -1. */
int plan_count(copier *c);

/* The first stage of the pipeline. */
bool plan_window(void *opaque, void *slot);

/* Whether what is painted so is written to the target. */
bool plan_writes(const copier *c, uint8_t kind);

#endif /* QCOW_CMD_COPY_PLAN_H */
