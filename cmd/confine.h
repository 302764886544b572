/* SPDX-License-Identifier: BSD-3-Clause */
/* confine.h - work on images that are not trusted, in a process of its own
 *
 * The process that the user started never reads a byte of the images.  It opens the way to the
 * files that the user named, starts another process which enters the sandbox and does the work, and
 * waits: to pass signals on, to say what happened when the work was stopped, and to take away a
 * target that did not come to be.
 */

#ifndef QCOW_CMD_CONFINE_H
#define QCOW_CMD_CONFINE_H

#include <stdbool.h>

#include "keyval.h"
#include "made.h"
#include "sandbox.h"

enum {
    MAX_CONFINED_TARGETS = 4,
};

/* What the process that works tells the one that waits. */
typedef struct {
    bool met_a_lock; /* another program has locked a file */
    bool has_made;   /* the targets are not any more what they were */
} confined_news;

typedef struct {
    made_file made;
    bool was_there;
} confined_target;

typedef struct {
    struct sandbox sandbox;
    confined_target targets[MAX_CONFINED_TARGETS];
    unsigned nb_targets;
    confined_news *news;
    bool writes;  /* anything but standard output */
    bool stopped; /* the work did not come to its own end */
} confinement;

void confine_begin(confinement *c);

/* Files that the user named, to be read or also written.  One that does not exist is left for the
 * work to find out.  Report what is wrong and return -1. */
int confine_add_file(confinement *c, const char *name, bool writable);

/* The same for the names among dotted keys ("file.filename"). */
int confine_add_keys(confinement *c, const char *text, bool writable);

/* A file that will be made, or written if it is there. */
int confine_add_target(confinement *c, const char *name);

/* Does the work and returns its exit status. */
int confine_run(confinement *c, int (*work)(void *opaque), void *opaque);

void confine_end(confinement *c);

#endif /* QCOW_CMD_CONFINE_H */
