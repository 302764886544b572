/* SPDX-License-Identifier: BSD-3-Clause */
/* location.h - where the image is that the user names plainly: a file, or an export on an NBD
 * server */

#ifndef QCOW_CMD_LOCATION_H
#define QCOW_CMD_LOCATION_H

#include <stdbool.h>

typedef struct {
    char *name; /* a path or a URI; owned */
    bool nbd;   /* a URI */
} location;

/* "file:" and "host_device:" are taken off.  On failure ("Unknown protocol 'x'") returns -1 and in
 * *why (else NULL) a sentence that the caller frees. */
int location_read(location *l, const char *name, char **why);
void location_clear(location *l);

#define CLEANUP_LOCATION __attribute__((cleanup(location_clear)))

#endif /* QCOW_CMD_LOCATION_H */
