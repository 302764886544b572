/* SPDX-License-Identifier: BSD-3-Clause */
/* io-transfer.c - commands of qcow-io that move data: read, write, discard, flush and their kin
 *
 * The vectored and the asynchronous commands of qemu-io are here in name: their lengths are added
 * up, and the request is done when the command returns.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "io.h"
#include "message.h"

enum {
    MAX_LENGTH = 2147483136, /* bytes of a request: what qemu-io allows */
    DEFAULT_PATTERN = 0xcd,
    SECTOR = 512, /* bytes */
};

/* Where and how much. */
typedef struct {
    uint64_t offset, count;
} span;

/* What reading is checked against. */
typedef struct {
    int byte;              /* -1: nothing */
    uint64_t start, count; /* within what was read */
} expectation;

/* ------------------------------------------------------------------------------------------------
 * Arguments
 */

/* Offset and lengths, from the first word on. */
static int parse_span(const io_request *request, const char *exception, span *s)
{
    uint64_t length;

    *s = (span){ 0 };
    if (io_parse_size(request->words[0], &s->offset))
        return -1;
    for (size_t i = 1; i < request->nb_words; i++) {
        if (io_parse_size(request->words[i], &length))
            return -1;
        if (s->count + length > MAX_LENGTH && !request->given['n']) {
            printf("length cannot exceed %d%s, given %s\n", MAX_LENGTH, exception,
                   request->words[i]);
            return -1;
        }
        s->count += length;
    }
    return 0;
}

/* Returns 1 when the options make no sense. */
static int parse_expectation(const io_request *request, const span *s, expectation *e)
{
    *e = (expectation){ .byte = -1 };
    if (request->values['P'] && io_parse_pattern(request->values['P'], &e->byte))
        return -1;
    if (request->values['l'] && io_parse_size(request->values['l'], &e->count))
        return -1;
    if (request->values['s'] && io_parse_size(request->values['s'], &e->start))
        return -1;
    if (!request->values['P'] && (request->values['l'] || request->values['s']))
        return 1;
    if (!request->values['l'])
        e->count = e->start < s->count ? s->count - e->start : 0;
    if (e->start > s->count || e->count > s->count - e->start) {
        printf("pattern verification range exceeds end of read data\n");
        return -1;
    }
    return 0;
}

/* Of options that do not go together, and of what each says. */
static const struct {
    const char *with; /* any of these letters */
    const char *letters;
    bool absent; /* of letters; else any of them */
    const char *complaint;
} write_conflicts[] = {
    { "b", "z", false, "-b and -z cannot be specified at the same time" },
    { "f", "bc", false, "-f and -b or -c cannot be specified at the same time" },
    { "n", "z", true, "-n requires -z to be specified" },
    { "u", "z", true, "-u requires -z to be specified" },
};

static bool any_given(const io_request *request, const char *letters)
{
    for (; *letters; letters++)
        if (request->given[(unsigned char)*letters])
            return true;
    return false;
}

static int check_write_options(const io_request *request)
{
    for (size_t i = 0; i < sizeof write_conflicts / sizeof write_conflicts[0]; i++)
        if (any_given(request, write_conflicts[i].with) &&
            any_given(request, write_conflicts[i].letters) != write_conflicts[i].absent) {
            puts(write_conflicts[i].complaint);
            return -1;
        }
    if (request->given['z'] + request->given['P'] + request->given['s'] > 1) {
        printf("Only one of -z, -P, and -s can be specified at the same time\n");
        return -1;
    }
    return 0;
}

/* Data are compressed, and VM states move, in whole sectors only. */
static int check_sectors(const io_request *request, const span *s)
{
    bool offset_bad = s->offset % SECTOR != 0;

    if (!any_given(request, "bc") || (!offset_bad && s->count % SECTOR == 0))
        return 0;
    printf("%" PRIu64 " is not a sector-aligned value for '%s'\n",
           offset_bad ? s->offset : s->count, offset_bad ? "offset" : "count");
    return -1;
}

/* ------------------------------------------------------------------------------------------------
 * Doing it
 */

/* Beyond the end of the disk nothing can be done, by any command.  The library's own sentence says
 * more than the system's. */
static int fail(const char *what, int error)
{
    printf("%s failed: %s\n", what, strerror(error));
    return -1;
}

static int fail_library(const char *what)
{
    int error = qcow2_get_errno();
    CLEANUP_FREE char *sentence = xstrdup(qcow2_get_error());

    fail(what, error);
    error_report("%s", sentence);
    return -1;
}

/* The library knows how large a VM state may be. */
static bool is_inside(const io_session *session, const io_request *request, const span *s)
{
    uint64_t size = qcow2_get_size(session->image);

    return request->given['b'] || (s->offset <= size && s->count <= size - s->offset);
}

static int pread_as_asked(io_session *session, const io_request *request, void *buf, const span *s)
{
    if (request->given['b'])
        return qcow2_vm_state_pread(session->image, buf, s->count, s->offset, 0);
    return qcow2_pread(session->image, buf, s->count, s->offset, 0);
}

static int read_span(io_session *session, const io_request *request, const span *s,
                     const expectation *e, const char *what)
{
    CLEANUP_FREE unsigned char *buf = NULL;
    uint64_t start;
    int result = 0;

    if (!is_inside(session, request, s))
        return fail(what, EIO);
    buf = xrealloc(NULL, s->count);
    start = io_clock();
    if (pread_as_asked(session, request, buf, s))
        return fail_library(what);
    start = io_clock() - start;
    if (e->byte >= 0 && !io_is_pattern(buf + e->start, e->byte, e->count)) {
        printf("Pattern verification failed at offset %" PRIu64 ", %" PRIu64 " bytes\n",
               s->offset + e->start, e->count);
        result = -1;
    }
    if (request->given['v'] && !request->given['q'])
        io_dump(buf, s->count, s->offset);
    io_report(request, "read", s->count, s->offset, start);
    return result;
}

static int pwrite_as_asked(io_session *session, const io_request *request, const void *buf,
                           const span *s)
{
    uint32_t flags = request->given['f'] ? QCOW2_FUA : 0;

    if (request->given['b'])
        return qcow2_vm_state_pwrite(session->image, buf, s->count, s->offset, flags);
    if (request->given['c'])
        return qcow2_pwrite_compressed(session->image, buf, s->count, s->offset, flags);
    return qcow2_pwrite(session->image, buf, s->count, s->offset, flags);
}

static int fill(const io_request *request, unsigned char *buf, size_t count)
{
    int byte = DEFAULT_PATTERN;

    if (request->values['s'])
        return io_fill_from_file(request->values['s'], buf, count);
    if (request->values['P'] && io_parse_pattern(request->values['P'], &byte))
        return -1;
    memset(buf, byte, count);
    return 0;
}

static int write_data(io_session *session, const io_request *request, const span *s,
                      const char *what)
{
    CLEANUP_FREE unsigned char *buf = xrealloc(NULL, s->count);
    uint64_t start;

    if (fill(request, buf, s->count))
        return -1;
    if (!request->given['b'] && io_disguises(session, buf, s->count, s->offset))
        return fail(what, EPERM);
    start = io_clock();
    if (pwrite_as_asked(session, request, buf, s))
        return fail_library(what);
    io_report(request, "wrote", s->count, s->offset, io_clock() - start);
    return 0;
}

static int write_zeroes(io_session *session, const io_request *request, const span *s,
                        const char *what)
{
    uint32_t flags = (request->given['f'] ? QCOW2_FUA : 0) |
                     (request->given['u'] ? QCOW2_MAY_UNMAP : 0) |
                     (request->given['n'] ? QCOW2_FAST_ZERO : 0);
    uint64_t start = io_clock();

    if (qcow2_zero(session->image, s->count, s->offset, flags))
        return fail_library(what);
    io_report(request, "wrote", s->count, s->offset, io_clock() - start);
    return 0;
}

static int write_span(io_session *session, const io_request *request, const span *s,
                      const char *what)
{
    if (!is_inside(session, request, s))
        return fail(what, EIO);
    if (request->given['z'])
        return write_zeroes(session, request, s, what);
    return write_data(session, request, s, what);
}

/* ------------------------------------------------------------------------------------------------
 * Commands
 */

static int run_read(io_session *session, const io_command *command, const io_request *request,
                    const char *what)
{
    expectation e;
    span s;
    int error;

    if (parse_span(request, "", &s))
        return -1;
    error = parse_expectation(request, &s, &e);
    if (error)
        return error > 0 ? io_usage(command) : -1;
    if (check_sectors(request, &s))
        return -1;
    return read_span(session, request, &s, &e, what);
}

int io_read(io_session *session, const io_command *command, const io_request *request)
{
    if (request->nb_words != 2)
        return io_usage(command);
    return run_read(session, command, request, "read");
}

int io_readv(io_session *session, const io_command *command, const io_request *request)
{
    if (request->nb_words < 2)
        return io_usage(command);
    return run_read(session, command, request, "readv");
}

static int run_write(io_session *session, const io_request *request, const char *what)
{
    span s;

    if (check_write_options(request) || parse_span(request, " without -n", &s) ||
        check_sectors(request, &s))
        return -1;
    return write_span(session, request, &s, what);
}

int io_write(io_session *session, const io_command *command, const io_request *request)
{
    if (request->nb_words != 2)
        return io_usage(command);
    return run_write(session, request, "write");
}

int io_writev(io_session *session, const io_command *command, const io_request *request)
{
    if (request->nb_words < 2)
        return io_usage(command);
    return run_write(session, request, command->name);
}

int io_discard(io_session *session, const io_command *command, const io_request *request)
{
    uint64_t start;
    span s;

    if (request->nb_words != 2)
        return io_usage(command);
    if (parse_span(request, "", &s))
        return -1;
    if (!is_inside(session, request, &s))
        return fail("discard", EIO);
    start = io_clock();
    if (qcow2_discard(session->image, s.count, s.offset, 0))
        return fail_library("discard");
    io_report(request, "discard", s.count, s.offset, io_clock() - start);
    return 0;
}

int io_flush(io_session *session, const io_command *command, const io_request *request)
{
    (void)command;
    (void)request;
    return qcow2_flush(session->image, 0) ? fail_library("flush") : 0;
}
