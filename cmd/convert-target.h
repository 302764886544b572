/* SPDX-License-Identifier: BSD-3-Clause */
/* convert-target.h - what is converted, and the target of it: made, opened, taken away */

#ifndef QCOW_CMD_CONVERT_TARGET_H
#define QCOW_CMD_CONVERT_TARGET_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "image-open.h"
#include "location.h"
#include "made.h"
#include "progress.h"

#define DEFAULT_SPARSE_SIZE 4096
#define NO_COMPRESSION "Compression not supported for this file format"

typedef struct {
    const options *options;
    progress progress;

    qcow2_image **sources;
    size_t nb_sources;

    const char *filename; /* of the target, */
    location where;       /* understood, unless it is a description */
    const char *format;   /* of the target, unless its name is options */
    qcow2_image *target;
    uint64_t cluster_size; /* bytes, of the target if it is to be compressed; or 0 */
    bool created;          /* by us, */
    made_file made;        /* and if it is a file: to be taken away when we fail; */
    made_file made_data;   /* and its data file */

    keyval_list creation; /* -o, -b and -F together */
    char *backing_path;   /* seen from here, not from the target's directory */
    image_target backing; /* if it is on a server: connected to, until the target is opened */
    unsigned base_depth;  /* what the backing file stands for in the source's chain; 0: nothing */
} conversion;

static inline const char *backing_of(const conversion *c)
{
    return keyval_get(&c->creation, "backing_file");
}

static inline const char *backing_format_of(const conversion *c)
{
    return keyval_get(&c->creation, "backing_fmt");
}

static inline uint64_t sparse_size(const options *o)
{
    return o->sparse_size == UINT64_MAX ? DEFAULT_SPARSE_SIZE : o->sparse_size;
}

static inline bool preallocates(const conversion *c)
{
    const char *mode = keyval_get(&c->creation, "preallocation");

    return mode && strcmp(mode, "off") != 0;
}

/* The sources are open: settle the backing file, make the target unless it is to be there, and open
 * it.  What would be read from where it is made is refused before.  Reports what fails. */
int convert_target_open(conversion *c);

bool convert_target_reads_as_new(const conversion *c);

/* What was made is whole, or somebody else's; or is not to stay. */
void convert_target_forget(conversion *c);
void convert_target_take_away(conversion *c);

#endif /* QCOW_CMD_CONVERT_TARGET_H */
