/* SPDX-License-Identifier: BSD-3-Clause */
/* nbd.h - a store on an NBD server */

#ifndef QCOW2_STORE_NBD_H
#define QCOW2_STORE_NBD_H

#include "store/nbd_kept.h"
#include "store/store.h"

/* How an export is spoken to.  What nobody said is 0 or NULL. */
struct nbd_options {
    uint64_t open_timeout;    /* seconds: for so long, connecting is tried again */
    uint64_t reconnect_delay; /* seconds: for so long, a lost server is waited for */
    char *tls_hostname;       /* that the server's certificate must bear; NULL: the URI's */
    char *dirty_bitmap;       /* the metadata context whose bits extents tell; NULL: none */
    struct nbd_kept *kept;    /* where an export that is looked at is left, and found; or NULL */
};

/* An export, named by a URI as the NBD project defines them: nbd://host/export,
 * nbds+unix:///export?socket=... and so on.  It has the length it has.  With
 * STORE_LOOK closing it leaves it where options->kept says, connected: whoever opens it in the same
 * way next has it from there. */
struct store *store_nbd_open(const char *uri, uint32_t flags, const struct nbd_options *options);

#endif
