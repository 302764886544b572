/* SPDX-License-Identifier: BSD-3-Clause */
/* nbd_library.h - the functions of libnbd that are used here, loaded when they are first needed
 *
 * libnbd brings some twenty shared libraries with it (TLS, XML).  A program that only opens files
 * does not pay for them.
 */

#ifndef QCOW2_STORE_NBD_LIBRARY_H
#define QCOW2_STORE_NBD_LIBRARY_H

#include <libnbd.h>

#include "base/library.h"

/* Newer than the oldest libnbd that will do. */
#ifndef LIBNBD_HAVE_NBD_SET_TLS_HOSTNAME
int nbd_set_tls_hostname(struct nbd_handle *handle, const char *hostname);
#endif

#define NBD_FUNCTIONS(X)            \
    X(nbd_create)                   \
    X(nbd_close)                    \
    X(nbd_get_error)                \
    X(nbd_get_errno)                \
    X(nbd_add_meta_context)         \
    X(nbd_can_meta_context)         \
    X(nbd_set_pread_initialize)     \
    X(nbd_set_uri_allow_local_file) \
    X(nbd_aio_connect_uri)          \
    X(nbd_aio_is_connecting)        \
    X(nbd_aio_is_ready)             \
    X(nbd_aio_is_dead)              \
    X(nbd_aio_is_closed)            \
    X(nbd_aio_get_fd)               \
    X(nbd_aio_get_direction)        \
    X(nbd_aio_notify_read)          \
    X(nbd_aio_notify_write)         \
    X(nbd_aio_disconnect)           \
    X(nbd_aio_pread_structured)     \
    X(nbd_aio_pwrite)               \
    X(nbd_aio_zero)                 \
    X(nbd_aio_trim)                 \
    X(nbd_aio_flush)                \
    X(nbd_aio_block_status)         \
    X(nbd_get_size)                 \
    X(nbd_get_block_size)           \
    X(nbd_is_read_only)             \
    X(nbd_can_flush)                \
    X(nbd_can_trim)                 \
    X(nbd_can_zero)                 \
    X(nbd_can_fast_zero)            \
    X(nbd_can_multi_conn)           \
    X(nbd_set_tls_hostname)

#define NBD_OPTIONAL 1 /* the last one */

struct nbd_library {
    NBD_FUNCTIONS(LIBRARY_MEMBER)
};

/* NULL with the error set when libnbd cannot be loaded. */
const struct nbd_library *nbd_library(void);

#endif
