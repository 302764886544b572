/* SPDX-License-Identifier: BSD-3-Clause */
/* nbd-address.h - where an export is: the spellings that people use, and the one URI for them
 *
 *     nbd:HOST:PORT[:exportname=NAME]   nbd:unix:PATH[:exportname=NAME]   as QEMU once had it
 *     nbd://HOST[:PORT][/NAME]          nbd+unix:///[NAME]?socket=PATH    and others of their kind
 *     driver=nbd,server.type=...        keys (image-keys.c)
 */

#ifndef QCOW_CMD_NBD_ADDRESS_H
#define QCOW_CMD_NBD_ADDRESS_H

#include <stdbool.h>

#include "nbd-uri.h"

/* The URI, which the caller frees. */
char *nbd_address_uri(const nbd_address *address);

/* Is this one of the names above, and not that of a file? */
bool nbd_is_name(const char *name);

/* The URI of such a name.  On failure returns NULL and in *why a sentence that the caller frees. */
char *nbd_uri_of_name(const char *name, char **why);

#endif /* QCOW_CMD_NBD_ADDRESS_H */
