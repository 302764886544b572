/* SPDX-License-Identifier: BSD-3-Clause */
/* options.h - the command line, understood */

#ifndef VMM_OPTIONS_H
#define VMM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define MAX_CPUS 8
#define MAX_DISKS 31

/* A disk in the words of -drive, -device and --disk.  Strings are owned. */
struct disk_options {
    char *source; /* a file, or an NBD URI */
    bool is_uri;
    char *format;        /* NULL: as the plugin decides */
    char *id;            /* of a -drive, for a -device to name */
    char *drive;         /* of a -device: the -drive it shows */
    char *serial;        /* what the guest reads as the disk's identity */
    bool detached;       /* -drive if=none: no device unless one names it */
    const char *backing; /* allow or refuse, a word of the table */
    const char *cache;   /* QEMU's word for it, one of the table's */
    bool writethrough;   /* what cache says of the guest's side */
    bool readonly;
    bool discard;
    bool write_zeroes;
    unsigned num_queues;         /* 0: one for each vCPU */
    unsigned queue_size;         /* descriptors */
    unsigned logical_block_size; /* bytes, 0: as the server says */
    unsigned boot_index;         /* accepted for QEMU's sake; the kernel is given, not found */
};

struct options {
    char *kernel;
    char *initrd;    /* NULL: none */
    char *append;    /* NULL: none */
    uint64_t memory; /* bytes */
    unsigned cpus;
    bool no_reboot;
    struct disk_options disks[MAX_DISKS]; /* in the order of the guest's PCI slots */
    unsigned disk_count;
};

enum options_result {
    OPTIONS_RUN,
    OPTIONS_DONE,  /* help or version has been printed */
    OPTIONS_WRONG, /* a sentence has been printed */
};

enum options_result options_parse(struct options *options, int argc, char *const argv[]);
void options_free(struct options *options);

#endif
