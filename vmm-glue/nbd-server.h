/* SPDX-License-Identifier: BSD-3-Clause */
/* nbd-server.h - reaching the server of a disk */

#ifndef VMM_NBD_SERVER_H
#define VMM_NBD_SERVER_H

#include "options.h"

struct nbd_handle;

/* A first connection to the disk's export: for a file, to an nbdkit of our own,
 * which ends with its last connection; for a URI, to the server it names.  Must
 * be called by a thread that lives to the end of the program.
 */
struct nbd_handle *nbd_server_connect(const struct disk_options *disk);

/* One more connection to the export that first is connected to. */
struct nbd_handle *nbd_server_connect_again(const struct disk_options *disk,
                                            struct nbd_handle *first);

/* Removes the private socket of a server of our own, to which nobody connects any more. */
void nbd_server_hide(struct nbd_handle *first);

#endif
