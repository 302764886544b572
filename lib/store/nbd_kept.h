/* SPDX-License-Identifier: BSD-3-Clause */
/* nbd_kept.h - an export that was looked at stays connected until it is opened
 *
 * A server may leave after its first client, or serve only one at a time.  So the store on which a
 * format is found out, or whose metadata alone were looked at, is not closed but put here, and the
 * opening that follows takes it.  Such a store uses the place until it is closed, which may be
 * later than the options are freed to which the place belongs.
 */

#ifndef QCOW2_STORE_NBD_KEPT_H
#define QCOW2_STORE_NBD_KEPT_H

#include "store/store.h"

/* A place for one store.  Any number of threads may put and take. */
struct nbd_kept;

/* The place, which has one user; NULL with the error set. */
struct nbd_kept *nbd_kept_new(void);

/* One user more; returns the place. */
struct nbd_kept *nbd_kept_ref(struct nbd_kept *kept);

/* One user less; the last one closes what nobody took.  Nothing is done with NULL. */
void nbd_kept_unref(struct nbd_kept *kept);

/* What was there before is closed. */
void nbd_kept_put(struct nbd_kept *kept, struct store *store);

/* The store, which is the caller's; NULL: there is none. */
struct store *nbd_kept_take(struct nbd_kept *kept);

#endif
