/* SPDX-License-Identifier: BSD-3-Clause */
/* disk-options.h - key=value lists that describe a disk */

#ifndef VMM_DISK_OPTIONS_H
#define VMM_DISK_OPTIONS_H

#include <stdio.h>

#include "options.h"

/* Where a list stands; each key belongs to some of them. */
enum disk_place {
    PLACE_DISK = 1,   /* --disk FILE,... */
    PLACE_DRIVE = 2,  /* -drive ... */
    PLACE_DEVICE = 4, /* -device virtio-blk-pci,... */
};

/* Parses the argument into disk, which is filled with defaults first. */
int disk_options_parse(struct disk_options *disk, enum disk_place place, const char *argument);
void disk_options_free(struct disk_options *disk);

/* A line of help for each key. */
void disk_options_print(FILE *to);

#endif
