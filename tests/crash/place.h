/* SPDX-License-Identifier: BSD-3-Clause */
/* place.h - where in its file an image lies: all of it, in a window, on the disk of another image
 *
 * The way there is opened when it is first asked for, and closed when the image is: each time an
 * image is opened, so is the one around it.
 */

#ifndef CRASH_PLACE_H
#define CRASH_PLACE_H

#include "store/store.h"

enum place_kind { PLACE_FILE, PLACE_WINDOW, PLACE_DISK };

struct place {
    struct store store; /* what lies there; not for PLACE_FILE */
    struct store *file; /* not owned */
    enum place_kind kind;
    uint32_t flags;         /* QCOW2_OPEN_..., of the image around */
    struct store *opened;   /* the way there; NULL: not now */
    const uint64_t *faults; /* that happened in the file; NULL: nobody counts */
    uint64_t untold;        /* while the way was closed: they harm nobody (image_store.c) */
};

void place_init(struct place *place, struct store *file, enum place_kind kind, uint32_t flags);

/* Make what is around, in an empty file. */
int place_make(struct place *place);

/* Close the way there, before the file becomes another one. */
void place_leave(struct place *place);

struct verdict;
/* What is around is as it should be. */
int place_check(struct place *place, struct verdict *verdict);

/* The --image-opts of an image there, in the file of this path. */
void place_for_qemu(const struct place *place, const char *path, char *options, size_t room);

static inline struct store *place_store(struct place *place)
{
    return place->kind == PLACE_FILE ? place->file : &place->store;
}

#endif
