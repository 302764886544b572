/* SPDX-License-Identifier: BSD-3-Clause */
/* one-fault.h - images to start from, what an image shows, and what is done with one */

#ifndef QCOW2_TESTS_ONE_FAULT_H
#define QCOW2_TESTS_ONE_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qcow2.h"

/* ---- one-fault-images.c ---- */

#define NEW_IMAGE "new.qcow2" /* there are none at the start */
#define NEW_LUKS "new-luks.qcow2"

#define PASSWORD "secret"
#define NEW_PASSWORD "new"

/* Make the images to start from, in the working directory, and keep their bytes. */
void images_make(void);
/* All of them are as they were made; there is no other file. */
void images_lay_out(void);

/* Open one of them, all that it names, and what is encrypted; NULL with the library's error.  The
 * option is a name and a value, or NULL. */
struct way {
    uint32_t flags;
    const char *snapshot;      /* NULL: the disk as it is now */
    unsigned writable_backing; /* depth; 0: none */
    const char *option, *value;
    const char *password; /* NULL: "secret" */
};
qcow2_image *image_open_in_a_way(const char *name, const struct way *way);
/* By the new password, if the old one does not open it. */
qcow2_image *image_open_afterwards(const char *name, const struct way *way);

/* ---- one-fault-views.c: all that can be seen of an image ---- */

struct view {
    char *facts;    /* version, names, snapshots, bitmaps, key slots: a line each */
    size_t size;    /* bytes: */
    uint8_t *bytes; /* the disk, then that of each snapshot; zeroes before the end do not count */
};

struct view view_of(const char *name);
void view_free(struct view *view);

/* ---- one-fault-operations.c ---- */

/* After a failure, or a success. */
enum promise {
    PROMISE_OLD_OR_NEW, /* it shows what it did before, or all that it does after */
    PROMISE_SECTORS, /* the same of each sector of the disk, and bitmaps may have become useless */
    PROMISE_OPENED,  /* the old or the new password opens it, and it shows the same */
    PROMISE_MENDED,  /* it shows the same; after a success it has no corruptions */
    PROMISE_MADE,    /* a new image is there, or none that would be taken for one */
};

struct operation {
    const char *name;
    const char *image; /* that is opened before and closed afterwards; NULL: none, */
    enum promise promise;
    int (*run)(qcow2_image *image); /* NULL: nothing */
    struct way way;
    const char *shown; /* what is looked at afterwards, NULL: the image */
    bool slow;         /* not every request is tried */
    bool for_good;     /* what it has begun cannot be taken back */
};

extern const struct operation operations[];
extern const size_t operation_count;

/* The disk of the image at the start, for operations that read. */
extern const struct view *shown_at_start;

#endif
