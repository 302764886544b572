/* SPDX-License-Identifier: BSD-3-Clause */
/* compressed.h - writing compressed clusters */

#ifndef QCOW2_GUEST_COMPRESSED_H
#define QCOW2_GUEST_COMPRESSED_H

#include "guest/guest.h"

/* Write whole clusters (or up to the end of the disk) compressed where that makes them smaller. */
int guest_write_compressed(struct guest *guest, const void *buf, size_t count, uint64_t offset);

/* The same in two halves, so that many threads can compress while one writes in order.  The stream
 * of one cluster; its size is 0 if it would not be smaller.  out has room for a cluster. */
ssize_t guest_compress(struct guest *guest, const void *buf, size_t count, void *out);
int guest_write_stream(struct guest *guest, const void *stream, size_t size, uint64_t offset);

#endif
