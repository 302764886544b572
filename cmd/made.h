/* SPDX-License-Identifier: BSD-3-Clause */
/* made.h - a file that was made, to be taken away if it does not become what it was to be */

#ifndef QCOW_CMD_MADE_H
#define QCOW_CMD_MADE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "qcow2.h"

typedef struct {
    char *name; /* NULL: none */
    dev_t device;
    ino_t inode;
    bool expected; /* not there yet: whatever we make of that name */
} made_file;

/* The file that has this name now, or to which a symbolic link of this name leads, was made here;
 * nothing is noted of what is no regular file. */
void made_note(made_file *made, const char *name);

/* A file of this name is about to be made here.  Nothing is noted if one is there already: until it
 * is emptied it is what it was. */
void made_expect(made_file *made, const char *name);

/* Until it is forgotten, take it away when a signal ends the process, too; of two files at most. */
void made_guard(const made_file *made);

/* It is to stay. */
void made_forget(made_file *made);

/* Remove the name, if it is still that file's and nobody else has locked it; empty the file if the
 * name leads there by a symbolic link, or must stay.  Then forget it. */
void made_take_away(made_file *made);

/* From now on, whether create_when_free has made a file is written there. */
void made_tell(bool *is_made);

/* qcow2_create, which waits so many seconds for a file that another program has locked.  If a
 * signal ends the process meanwhile, neither the file nor its data file (NULL: none) stays that was
 * not there before. */
int create_when_free(const char *filename, const char *data_file, const qcow2_create_options *new,
                     uint64_t wait);

#endif /* QCOW_CMD_MADE_H */
