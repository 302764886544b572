/* SPDX-License-Identifier: BSD-3-Clause */
/* output.c - standard output, which may be closed, full, or a pipe that nobody reads any more */

#include "output.h"

#include <signal.h>
#include <stdio.h>

#include "message.h"

void output_outlive_reader(void)
{
    signal(SIGPIPE, SIG_IGN);
}

void output_begin_result(void)
{
    fflush(stdout);
    clearerr(stdout);
}

int output_end_result(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    error_report("could not write to standard output");
    return -1;
}
