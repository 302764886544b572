/* SPDX-License-Identifier: BSD-3-Clause */
/* standard-streams.h - standard input, output and error, which the caller may have closed
 *
 * The next file that is opened would take the place of one that is closed, and what is meant for
 * the user be written into it: progress into an image.
 */

#ifndef QCOW_COMMON_STANDARD_STREAMS_H
#define QCOW_COMMON_STANDARD_STREAMS_H

#include <fcntl.h>
#include <unistd.h>

/* To be called before anything is opened.  Reading and writing what is closed still fails. */
static inline void keep_standard_streams_apart(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/", O_PATH) < 0)
            return;
}

#endif /* QCOW_COMMON_STANDARD_STREAMS_H */
