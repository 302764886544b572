/* SPDX-License-Identifier: BSD-3-Clause */
/* nbd_kept.c - an export that was looked at stays connected until it is opened */

#include "store/nbd_kept.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/error.h"

struct nbd_kept {
    _Atomic(struct store *) store;
    atomic_uint users;
};

struct nbd_kept *nbd_kept_new(void)
{
    struct nbd_kept *kept = calloc(1, sizeof *kept);

    if (kept == NULL)
        return error_no_memory();
    return nbd_kept_ref(kept);
}

struct nbd_kept *nbd_kept_ref(struct nbd_kept *kept)
{
    atomic_fetch_add(&kept->users, 1);
    return kept;
}

void nbd_kept_unref(struct nbd_kept *kept)
{
    if (kept == NULL || atomic_fetch_sub(&kept->users, 1) > 1)
        return;
    store_close(nbd_kept_take(kept));
    free(kept);
}

void nbd_kept_put(struct nbd_kept *kept, struct store *store)
{
    store_close(atomic_exchange(&kept->store, store));
}

struct store *nbd_kept_take(struct nbd_kept *kept)
{
    return atomic_exchange(&kept->store, NULL);
}
