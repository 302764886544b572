/* SPDX-License-Identifier: BSD-3-Clause */
/* check.h - compare the stored refcounts of an image with the references that its tables hold
 *
 * Reports in the words of qemu-img check and with its counts (qemu-img 7.2).  Looking depends on
 * nothing that has state: it reads every table itself, so that it can look at an image that nobody
 * else would open, and at one that a simulated power cut has left behind.  Repairs open the tables.
 */

#ifndef QCOW2_CHECK_CHECK_H
#define QCOW2_CHECK_CHECK_H

#include "format/header.h"
#include "qcow2.h"
#include "store/store.h"

/* header was decoded from store with HEADER_FOR_CHECK.  message may be NULL.  Returns 0 when the
 * image could be read, whatever was found; result->check_errors counts what could not be
 * checked. */
int check_run(struct store *store, const struct header *header, qcow2_check_message *message,
              void *opaque, qcow2_check_result *result);

/* The same, and the image is repaired: what is lost space only, or errors, too.  header is brought
 * up to date with what was written.  EUCLEAN if lost space could be repaired only together with
 * errors. */
int check_repair(struct store *store, struct header *header, bool errors,
                 qcow2_check_message *message, void *opaque, qcow2_check_result *result);

#endif
