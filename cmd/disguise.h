/* SPDX-License-Identifier: BSD-3-Clause */
/* disguise.h - what a raw disk would be taken for by whoever guesses formats */

#ifndef QCOW_CMD_DISGUISE_H
#define QCOW_CMD_DISGUISE_H

enum {
    DISGUISE_SECTOR = 512, /* bytes that a prober looks at */
};

/* The name of a format, or NULL: by this first sector the disk is taken for what it is. */
const char *disguise_of(const unsigned char sector[DISGUISE_SECTOR]);

/* The same by the last sector, where some formats have their header. */
const char *disguise_of_end(const unsigned char sector[DISGUISE_SECTOR]);

#endif /* QCOW_CMD_DISGUISE_H */
