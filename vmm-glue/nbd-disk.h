/* SPDX-License-Identifier: BSD-3-Clause */
/* nbd-disk.h - a disk: an NBD export and our connections to it */

#ifndef VMM_NBD_DISK_H
#define VMM_NBD_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "nbd-conn.h"
#include "options.h"

#define NBD_MAX_CONNECTIONS 16

/* Immutable after nbd_disk_open but for lost.  A disk outlives the resets of the
 * machine that uses it.
 */
struct nbd_disk {
    const struct disk_options *options;
    uint64_t size; /* bytes, a multiple of block_size */
    bool readonly; /* by the server or by the user */
    bool can_flush;
    bool can_fua;
    bool can_trim;
    bool can_zero;
    uint32_t block_size;     /* bytes; requests are multiples of it, 512 to 4096 */
    uint32_t preferred_size; /* bytes; a multiple of block_size */
    uint32_t max_payload;    /* bytes of one read or write; a multiple of block_size */
    bool lost;               /* atomic; a connection died */
    unsigned conn_count;
    struct nbd_conn conns[NBD_MAX_CONNECTIONS];
};

/* Connects as often as wanted if the server allows several connections to work
 * together, else once.
 */
int nbd_disk_open(struct nbd_disk *disk, const struct disk_options *options, unsigned wanted);

/* Starts the threads, without which no request makes progress. */
int nbd_disk_start(struct nbd_disk *disk);

/* Works in the sandbox, too: it needs no right to remove a file or to send a signal. */
void nbd_disk_close(struct nbd_disk *disk);

#endif
