/* SPDX-License-Identifier: BSD-3-Clause */
/* secret.h - passphrases and keys that the command line hands over, found by their id
 *
 * "--object secret,id=ID,data=TEXT" or ",file=PATH" keeps a secret for the options that name it
 * (encrypt.key-secret=ID ...).  All secrets are wiped from memory when the program ends.
 */

#ifndef QCOW_CMD_SECRET_H
#define QCOW_CMD_SECRET_H

#include <stddef.h>

#include "keyval.h"

typedef struct {
    const unsigned char *data; /* belongs to the store; a zero byte follows */
    size_t length;             /* bytes */
} secret;

/* Keeps the secret that these properties describe: data or file, format (raw, base64), and for one
 * that is itself encrypted keyid and iv.  On failure returns -1 and in *why a sentence that the
 * caller frees. */
int secret_add(const char *id, const keyval_list *properties, char **why);

/* Finds a passphrase, which must be valid UTF-8.  On failure ("No secret with id 'x'") as above. */
int secret_find_text(const char *id, const char **text, char **why);

#endif /* QCOW_CMD_SECRET_H */
