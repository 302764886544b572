/* SPDX-License-Identifier: BSD-3-Clause */
/* io-transfer.c - commands of qcow-io that move data: read, write, discard, flush and their kin
 *
 *     prepare   from a line to a transfer: where, how much, what is written or expected
 *     run       the library's call, and how long it took; in a thread of its own for aio_
 *     finish    what became of it
 *
 * The lengths of a vectored command are added up.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "io.h"
#include "message.h"
#include "ranges.h"

enum {
    MAX_LENGTH = 2147483136, /* bytes of a request: what qemu-io allows */
    DEFAULT_PATTERN = 0xcd,
    SECTOR = 512,  /* bytes */
    MISALIGN = 16, /* bytes by which -m moves a buffer */
};

/* ------------------------------------------------------------------------------------------------
 * Operations
 */

static void fail(io_transfer *t)
{
    t->error = qcow2_get_errno();
    t->sentence = xstrdup(qcow2_get_error());
}

/* The library knows how large a VM state may be. */
static void operate_read_vm_state(io_session *session, io_transfer *t)
{
    if (qcow2_vm_state_pread(session->image, t->buf, t->count, t->offset, t->flags))
        fail(t);
}

static void operate_write_vm_state(io_session *session, io_transfer *t)
{
    if (qcow2_vm_state_pwrite(session->image, t->buf, t->count, t->offset, t->flags))
        fail(t);
}

static void operate_read(io_session *session, io_transfer *t)
{
    if (io_copy_up(session, t->offset, t->count) ||
        qcow2_pread(session->image, t->buf, t->count, t->offset, t->flags))
        fail(t);
}

static void operate_write(io_session *session, io_transfer *t)
{
    if (io_disguises(session, t->buf, t->count, t->offset))
        t->error = EPERM;
    else if (qcow2_pwrite(session->image, t->buf, t->count, t->offset, t->flags))
        fail(t);
}

static void operate_write_compressed(io_session *session, io_transfer *t)
{
    if (qcow2_pwrite_compressed(session->image, t->buf, t->count, t->offset, t->flags))
        fail(t);
}

static void operate_zero(io_session *session, io_transfer *t)
{
    if (qcow2_zero(session->image, t->count, t->offset, t->flags))
        fail(t);
}

static void operate_discard(io_session *session, io_transfer *t)
{
    if (io_session_discards(session) &&
        qcow2_discard(session->image, t->count, t->offset, t->flags))
        fail(t);
}

/* Beyond the end of the disk nothing can be done, by any command; a VM state lies there. */
static bool is_inside(io_session *session, io_transfer *t)
{
    uint64_t size = qcow2_get_size(session->image);

    if (t->operate == operate_read_vm_state || t->operate == operate_write_vm_state)
        return true;
    if (t->offset <= size && t->count <= size - t->offset)
        return true;
    t->error = EIO;
    return false;
}

void io_transfer_run(io_session *session, io_transfer *t)
{
    bool changes = t->operate != operate_read && t->operate != operate_read_vm_state;
    uint64_t start = io_clock();

    if (changes)
        io_change_begin(session);
    if (is_inside(session, t))
        t->operate(session, t);
    if (changes)
        io_change_end(session);
    t->nanoseconds = io_clock() - start;
}

static void clear(io_transfer *t)
{
    free(t->memory);
    free(t->sentence);
    t->memory = NULL;
    t->sentence = NULL;
}

/* The library's own sentence says more than the system's. */
static int report_failure(const io_transfer *t)
{
    printf("%s failed: %s\n", t->what, strerror(t->error));
    if (t->sentence)
        error_report("%s", t->sentence);
    return -1;
}

static int report_success(const io_transfer *t)
{
    bool as_expected = t->expected < 0 || is_filled(t->buf + t->expected_start,
                                                    (uint8_t)t->expected, t->expected_length);

    if (!as_expected)
        printf("Pattern verification failed at offset %" PRIu64 ", %" PRIu64 " bytes\n",
               t->offset + t->expected_start, t->expected_length);
    if (t->dump && !t->quiet)
        io_dump(t->buf, t->count, t->offset);
    io_report(t);
    return as_expected ? 0 : -1;
}

int io_transfer_finish(io_transfer *t)
{
    int result = t->error ? report_failure(t) : report_success(t);

    clear(t);
    return result;
}

static int run_now(io_session *session, io_transfer *t)
{
    io_transfer_run(session, t);
    return io_transfer_finish(t);
}

/* ------------------------------------------------------------------------------------------------
 * Arguments
 */

static io_transfer transfer_of(const io_command *command, const io_request *request)
{
    return (io_transfer){
        .what = command->name,
        .expected = -1,
        .dump = request->given['v'],
        .quiet = request->given['q'],
        .machine = request->given['C'],
    };
}

/* Each command has its own sentence. */
static int refuse_length(const io_command *command, const char *length, bool is_sum)
{
    CLEANUP_FREE char *word = printable(length);

    if (!(command->traits & IO_VECTORED))
        printf("length cannot exceed %d%s, given %s\n", MAX_LENGTH,
               strcmp(command->name, "write") == 0 ? " without -n" : "", word);
    else if (is_sum)
        printf("The total number of bytes exceed the maximum size %d\n", MAX_LENGTH);
    else
        printf("Argument '%s' exceeds maximum size %d\n", word, MAX_LENGTH);
    return -1;
}

/* Offset and lengths, from the first word on. */
static int parse_span(const io_command *command, const io_request *request, io_transfer *t)
{
    bool any = request->given['n'] || ((command->traits & IO_VECTORED) && request->given['z']);
    uint64_t length, max = any ? INT64_MAX : MAX_LENGTH;

    if (io_parse_size(request->words[0], &t->offset))
        return -1;
    for (size_t i = 1; i < request->nb_words; i++) {
        if (io_parse_size(request->words[i], &length))
            return -1;
        if (length > max || t->count + length > max)
            return refuse_length(command, request->words[i], length <= max);
        t->count += length;
    }
    return 0;
}

static int parse_expectation(const io_request *request, io_transfer *t)
{
    if (request->values['P'] && io_parse_pattern(request->values['P'], &t->expected))
        return -1;
    if (request->values['l'] && io_parse_size(request->values['l'], &t->expected_length))
        return -1;
    return request->values['s'] ? io_parse_size(request->values['s'], &t->expected_start) : 0;
}

/* Once the range is known. */
static int check_expectation(const io_command *command, const io_request *request, io_transfer *t)
{
    if (!request->values['P'] && (request->values['l'] || request->values['s']))
        return io_usage(command);
    if (!request->values['l'] && t->expected_start < t->count)
        t->expected_length = t->count - t->expected_start;
    if (t->expected_start <= t->count && t->expected_length <= t->count - t->expected_start)
        return 0;
    printf("pattern verification range exceeds end of read data\n");
    return -1;
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

/* Returns the sentence, or NULL. */
static const char *contradiction(const io_request *request)
{
    for (size_t i = 0; i < sizeof write_conflicts / sizeof write_conflicts[0]; i++)
        if (any_given(request, write_conflicts[i].with) &&
            any_given(request, write_conflicts[i].letters) != write_conflicts[i].absent)
            return write_conflicts[i].complaint;
    if (request->given['z'] + request->given['P'] + request->given['s'] > 1)
        return "Only one of -z, -P, and -s can be specified at the same time";
    return NULL;
}

static int refuse(const char *sentence)
{
    if (!sentence)
        return 0;
    printf("%s\n", sentence);
    return -1;
}

/* Data are compressed, and VM states move, in whole sectors only. */
static int check_sectors(const io_request *request, const io_transfer *t)
{
    bool offset_bad = t->offset % SECTOR != 0;

    if (!any_given(request, "bc") || (!offset_bad && t->count % SECTOR == 0))
        return 0;
    printf("%" PRIu64 " is not a sector-aligned value for '%s'\n",
           offset_bad ? t->offset : t->count, offset_bad ? "offset" : "count");
    return -1;
}

/* ------------------------------------------------------------------------------------------------
 * Preparing
 */

static void take_memory(const io_session *session, io_transfer *t)
{
    t->memory = xrealloc(NULL, t->count + MISALIGN);
    t->buf = (unsigned char *)t->memory + (session->misaligned ? MISALIGN : 0);
}

/* Describe a request; -1 when it makes no sense, which has been said. */
static int prepare_read(io_session *session, const io_command *command, const io_request *request,
                        io_transfer *t)
{
    *t = transfer_of(command, request);
    t->operate = request->given['b'] ? operate_read_vm_state : operate_read;
    t->verb = "read";
    if (strcmp(t->what, "aio_read") == 0)
        t->what = "readv"; /* as qemu-io calls it */
    if (parse_expectation(request, t) || parse_span(command, request, t) ||
        check_expectation(command, request, t) || check_sectors(request, t))
        return -1;
    take_memory(session, t);
    return 0;
}

/* What is written: the content of a file, or a byte. */
static int fill(const io_session *session, const io_request *request, int byte, io_transfer *t)
{
    take_memory(session, t);
    if (!request->values['s']) {
        memset(t->buf, byte, t->count);
        return 0;
    }
    if (io_fill_from_file(request->values['s'], t->buf, t->count) == 0)
        return 0;
    clear(t);
    return -1;
}

static int prepare_write(io_session *session, const io_command *command, const io_request *request,
                         io_transfer *t)
{
    int byte = DEFAULT_PATTERN;

    *t = transfer_of(command, request);
    t->verb = "wrote";
    t->flags = request->given['f'] ? QCOW2_FUA : 0;
    if (request->values['P'] && io_parse_pattern(request->values['P'], &byte))
        return -1;
    if (parse_span(command, request, t) || check_sectors(request, t))
        return -1;
    if (request->given['z']) {
        t->operate = operate_zero;
        t->flags |= (request->given['u'] ? QCOW2_MAY_UNMAP : 0) |
                    (request->given['n'] ? QCOW2_FAST_ZERO : 0);
        return 0;
    }
    t->operate = request->given['b']   ? operate_write_vm_state
                 : request->given['c'] ? operate_write_compressed
                                       : operate_write;
    return fill(session, request, byte, t);
}

/* ------------------------------------------------------------------------------------------------
 * Commands
 */

int io_read(io_session *session, const io_command *command, const io_request *request)
{
    io_transfer t;

    if (request->nb_words != 2)
        return io_usage(command);
    return prepare_read(session, command, request, &t) ? -1 : run_now(session, &t);
}

int io_readv(io_session *session, const io_command *command, const io_request *request)
{
    io_transfer t;

    if (request->nb_words < 2)
        return io_usage(command);
    return prepare_read(session, command, request, &t) ? -1 : run_now(session, &t);
}

int io_aio_read(io_session *session, const io_command *command, const io_request *request)
{
    io_transfer t;

    if (request->given['i'])
        return refuse("injecting invalid read request"), 0;
    if (request->nb_words < 2)
        return io_usage(command);
    return prepare_read(session, command, request, &t) ? -1 : io_async_begin(session, &t);
}

int io_write(io_session *session, const io_command *command, const io_request *request)
{
    io_transfer t;

    if (request->nb_words != 2)
        return io_usage(command);
    return refuse(contradiction(request)) || prepare_write(session, command, request, &t)
               ? -1
               : run_now(session, &t);
}

int io_writev(io_session *session, const io_command *command, const io_request *request)
{
    io_transfer t;

    if (request->nb_words < 2)
        return io_usage(command);
    return prepare_write(session, command, request, &t) ? -1 : run_now(session, &t);
}

int io_aio_write(io_session *session, const io_command *command, const io_request *request)
{
    io_transfer t;

    if (request->given['i'])
        return refuse("injecting invalid write request"), 0;
    if (request->nb_words < 2)
        return io_usage(command);
    if (request->given['z'] && request->nb_words > 2)
        return refuse("-z supports only a single length parameter");
    if (request->given['u'] && !request->given['z'])
        return refuse("-u requires -z to be specified");
    return prepare_write(session, command, request, &t) ? -1 : io_async_begin(session, &t);
}

int io_discard(io_session *session, const io_command *command, const io_request *request)
{
    io_transfer t = transfer_of(command, request);

    if (request->nb_words != 2)
        return io_usage(command);
    t.operate = operate_discard;
    t.verb = "discard";
    return parse_span(command, request, &t) ? -1 : run_now(session, &t);
}

int io_flush(io_session *session, const io_command *command, const io_request *request)
{
    io_transfer t = transfer_of(command, request);

    if (qcow2_flush(session->image, 0) == 0)
        return 0;
    fail(&t);
    return io_transfer_finish(&t);
}
