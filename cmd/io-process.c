/* SPDX-License-Identifier: BSD-3-Clause */
/* io-process.c - commands of qcow-io about the program itself: sleep, quit, signals, breakpoints */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "io.h"
#include "message.h"

int io_sleep(io_session *session, const io_command *command, const io_request *request)
{
    char *end;
    unsigned long milliseconds = strtoul(request->words[0], &end, 0);

    (void)session;
    (void)command;
    if (end == request->words[0] || *end || milliseconds > 3600 * 1000) {
        CLEANUP_FREE char *word = printable(request->words[0]);

        printf("%s is not a valid number\n", word);
        return -1;
    }
    fflush(stdout);
    usleep((useconds_t)milliseconds * 1000);
    return 0;
}

int io_quit(io_session *session, const io_command *command, const io_request *request)
{
    (void)command;
    (void)request;
    session->finished = true;
    return 0;
}

/* What was said and not yet written is lost, and so is what the image was still to get. */
int io_abort(io_session *session, const io_command *command, const io_request *request)
{
    (void)session;
    (void)command;
    (void)request;
    abort();
}

int io_sigraise(io_session *session, const io_command *command, const io_request *request)
{
    uint64_t number;

    (void)session;
    (void)command;
    if (io_parse_size(request->words[0], &number))
        return -1;
    if (number > (uint64_t)SIGRTMAX) {
        CLEANUP_FREE char *word = printable(request->words[0]);

        printf("signal argument '%s' is too large to be a valid signal\n", word);
        return -1;
    }
    fflush(stdout);
    raise((int)number);
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Breakpoints
 *
 * They stop a request at some step of QEMU's own, by way of its driver blkdebug.  There are none
 * here, and qemu-io says the same of an image that has no such driver in its chain; but for
 * waiting, which would never end.
 */

static int has_no_breakpoints(const char *what)
{
    printf("Could not %s: %s\n", what, strerror(ENOTSUP));
    return -1;
}

int io_break(io_session *session, const io_command *command, const io_request *request)
{
    (void)session;
    (void)command;
    (void)request;
    return has_no_breakpoints("set breakpoint");
}

int io_remove_break(io_session *session, const io_command *command, const io_request *request)
{
    CLEANUP_FREE char *word = printable(request->words[0]);

    (void)session;
    (void)command;
    printf("Could not remove breakpoint %s: %s\n", word, strerror(ENOTSUP));
    return -1;
}

int io_resume(io_session *session, const io_command *command, const io_request *request)
{
    (void)session;
    (void)command;
    (void)request;
    return has_no_breakpoints("resume request");
}

int io_wait_break(io_session *session, const io_command *command, const io_request *request)
{
    (void)session;
    (void)command;
    (void)request;
    return has_no_breakpoints("wait for a suspended request");
}
