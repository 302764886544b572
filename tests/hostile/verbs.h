/* SPDX-License-Identifier: BSD-3-Clause */
/* verbs.h - what is done with every image: a row per command line, and what it promises */

#ifndef QCOW2_TESTS_VERBS_H
#define QCOW2_TESTS_VERBS_H

#include <stddef.h>
#include <stdint.h>

#define MOST_WORDS 12

enum promise {
    KEEPS = 0x01,     /* the file stays as it is, to the byte */
    OPENS_ONE = 0x02, /* no file but the named one is opened */
    JSON = 0x04,      /* what it prints is JSON, whatever the verdict */
    VERDICT = 0x08,   /* statuses 2, 3, 4 and 63 are answers */
    WALKS = 0x10,     /* it reads all of the disk */
    SERVES = 0x20,    /* through nbdkit, of qcow2 images that are not encrypted */
    LAYERS = 0x80,    /* named by layers of keys, without a password: @window, @nested */
    TALKS = 0x40,     /* several sentences: of several commands, places or programs */
};

struct verb {
    const char *name;
    uint32_t promises;
    const char *words[MOST_WORDS]; /* "@" stands for the words that name the image */
};

extern const struct verb verbs[];
extern const size_t nb_verbs;

#endif
