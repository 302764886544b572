/* SPDX-License-Identifier: BSD-3-Clause */
/* disk.h - the one image that all connections share */

#ifndef NBDPLUGIN_DISK_H
#define NBDPLUGIN_DISK_H

#include <stdbool.h>

#include "qcow2.h"

/* Open the image that the parameters name, before nbdkit forks, so that whoever starts the server
 * reads what is wrong with it.  0, or -1 after nbdkit_error. */
int disk_get_ready(void);

/* The same in the process that serves, for an image that is not trusted: first the sandbox, then
 * the image.  Sockets are open by then. */
int disk_after_fork(void);

/* The image, for a new connection; NULL after nbdkit_error.  readonly is what nbdkit says about
 * this connection. */
qcow2_image *disk_connect(bool readonly);

void disk_close(void);

#endif /* NBDPLUGIN_DISK_H */
