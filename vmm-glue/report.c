/* SPDX-License-Identifier: BSD-3-Clause */
/* report.c - one sentence on standard error */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "report.h"

/* A sentence may quote names that came from an image or a server: a terminal
 * must not be driven by them.
 */
static void defuse(char *line, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
}

void report(const char *fmt, ...)
{
    static const char prefix[] = "qcow-vmm: ";
    char line[1024] = "qcow-vmm: ";
    const size_t start = sizeof prefix - 1;
    int saved_errno = errno;
    va_list args;

    va_start(args, fmt);
    int wanted = vsnprintf(line + start, sizeof line - start - 1, fmt, args);
    va_end(args);
    if (wanted < 0)
        return;
    size_t length = start + (size_t)wanted;
    if (length > sizeof line - 2)
        length = sizeof line - 2;
    defuse(line, length);
    line[length++] = '\n';
    if (write(STDERR_FILENO, line, length) < 0)
        errno = saved_errno; /* nobody is left to be told */
    errno = saved_errno;
}
