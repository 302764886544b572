/* SPDX-License-Identifier: BSD-3-Clause */
/* credentials.h - what a client shows a server, and checks of it, to speak over TLS
 *
 * "--object tls-creds-x509,id=ID,dir=DIR,endpoint=client" names the folder of a certificate (and of
 * ca-cert.pem), "tls-creds-psk" that of keys.psk.  Options find them by their id (tls-creds=ID).
 */

#ifndef QCOW_CMD_CREDENTIALS_H
#define QCOW_CMD_CREDENTIALS_H

#include "keyval.h"
#include "nbd-address.h"

/* Makers of objects: on failure return -1 and in *why a sentence that the caller frees. */
int credentials_add_x509(const char *id, const keyval_list *properties, char **why);
int credentials_add_anonymous(const char *id, const keyval_list *properties, char **why);
int credentials_add_psk(const char *id, const keyval_list *properties, char **why);

/* Sets how the address is spoken to.  As above. */
int credentials_find(const char *id, nbd_address *address, char **why);

#endif /* QCOW_CMD_CREDENTIALS_H */
