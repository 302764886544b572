/* SPDX-License-Identifier: BSD-3-Clause */
/* nbd_refusal.h - why a server could not be reached, in sentences that tell what to do */

#ifndef QCOW2_STORE_NBD_REFUSAL_H
#define QCOW2_STORE_NBD_REFUSAL_H

/* Sets the error for an export that could not be opened: libnbd said so (NULL: nothing), with this
 * errno value (0: none).  Returns -1. */
int nbd_refusal(const char *uri, const char *said, int errnum);

#endif /* QCOW2_STORE_NBD_REFUSAL_H */
