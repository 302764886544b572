/* SPDX-License-Identifier: BSD-3-Clause */
/* io.h - qcow-io: its session, its commands and what they share
 *
 *     io-main.c          the program: options, -c, the prompt
 *     io-commands.c      the table of commands; from a line to a call
 *     io-transfer.c      commands that move data: read, write, discard, ...
 *     io-async.c         the same while other commands run: aio_read, aio_write, aio_flush
 *     io-copy-on-read.c  what is read from a backing file stays in the image
 *     io-manage.c        commands about the image: length, map, info, ...
 *     io-session.c       opening, closing and reopening it
 *     io-reopen.c        what reopening may change
 *     io-process.c       commands about the program itself: sleep, quit, abort, ...
 *     io-pattern.c       what buffers are filled with, checked against and dumped as
 *     io-report.c        "wrote 512/512 bytes at offset 0 ..."
 */

#ifndef QCOW_CMD_IO_H
#define QCOW_CMD_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image-open.h"
#include "qcow2.h"

enum {
    IO_LETTERS = 128,
};

typedef struct io_async io_async;

/* How an image is to be opened. */
typedef struct {
    image_source source; /* but for keys and overlay */
    keyval_list keys;    /* of open -o and reopen -o, owned */
    bool temporary;      /* writes go to a temporary overlay */
    bool copy_on_read;
    const char *aio; /* mode of -i, or NULL */
} io_choice;

typedef struct {
    qcow2_image *image; /* NULL: none is open */
    io_choice choice;   /* how it was opened, for reopen */
    char *filename;     /* choice.source.filename, owned */
    char *format;       /* choice.source.format, owned */
    int overlay;        /* file of the temporary overlay; NO_OVERLAY: none */
    bool guessed_raw;   /* nobody said that it is raw: its first sector must stay harmless */
    bool misaligned;    /* buffers begin at odd places in memory */
    bool untrusted;     /* names inside images are not followed */
    image_source every; /* what the command line says of each image that is opened */
    bool finished;      /* quit was said */
    io_async *async;    /* requests under way */
} io_session;

#define NO_OVERLAY (-1)

/* A line, parsed.  Strings live as long as the line. */
typedef struct {
    char **words; /* that are no options */
    size_t nb_words;
    bool given[IO_LETTERS];         /* by letter: the option was there */
    const char *values[IO_LETTERS]; /* by letter: its argument */
} io_request;

typedef struct io_command io_command;

/* Returns 0, or -1 when something failed, which has been said. */
typedef int io_runner(io_session *session, const io_command *command, const io_request *request);

enum {
    IO_ANYTIME = 1,  /* works when nothing is open */
    IO_WRITES = 2,   /* needs an image that is open for writing */
    IO_VECTORED = 4, /* takes any number of lengths */
    IO_REPORTS = 8,  /* fails if what it prints cannot be printed; the same with -v */
};

struct io_command {
    const char *name;
    const char *alias; /* a single letter, or NULL */
    io_runner *run;
    int min_words;       /* after the name, options counted */
    int max_words;       /* -1: any number */
    const char *letters; /* getopt's string */
    const char *arguments;
    const char *purpose;
    unsigned traits; /* IO_... */
};

io_runner io_abort, io_aio_flush, io_aio_read, io_aio_write, io_alloc, io_break, io_close,
    io_discard, io_flush, io_help, io_info, io_length, io_map, io_open, io_quit, io_read, io_readv,
    io_remove_break, io_reopen, io_resume, io_sigraise, io_sleep, io_truncate, io_wait_break,
    io_write, io_writev;

/* Runs one line; -1 when it failed. */
int io_run_line(io_session *session, const char *line);

/* "NAME ARGUMENTS -- PURPOSE", the answer to a line that makes no sense; returns -1. */
int io_usage(const io_command *command);

/* Opens what choice says (filename and format are copied, keys taken over); reports a failure. */
int io_session_open(io_session *session, io_choice *choice);

/* Closes and opens as choice says; when that fails, as it was.  As above. */
int io_session_reopen(io_session *session, io_choice *choice);

/* Whether discarding is to do anything. */
bool io_session_discards(const io_session *session);

/* Waits for what is under way, and closes. */
int io_session_close(io_session *session);

/* Frees what a closed session holds. */
void io_session_clear(io_session *session);

/* ------------------------------------------------------------------------------------------------
 * Transfers: requests that take their time
 */

typedef struct io_transfer io_transfer;

/* Does it, in any thread, without a word.  On failure sets error. */
typedef void io_operation(io_session *session, io_transfer *t);

struct io_transfer {
    io_operation *operate;
    const char *what; /* in a complaint: "writev" */
    const char *verb; /* in the report: "wrote" */
    uint64_t offset, count;
    unsigned char *buf;
    void *memory;   /* that buf lies in, owned; NULL: nothing is moved */
    uint32_t flags; /* of the library's call */
    bool compressed;

    int expected;                             /* byte that was read; -1: any */
    uint64_t expected_start, expected_length; /* where, within what was read */
    bool dump, quiet, machine;                /* how it is reported */

    int error;      /* afterwards; an errno value */
    char *sentence; /* the library's, if it was it that failed; owned */
    uint64_t nanoseconds;
};

/* Notes when it began and how long it took. */
void io_transfer_run(io_session *session, io_transfer *t);

/* Says what became of it, and clears it; -1 when it failed. */
int io_transfer_finish(io_transfer *t);

/* With copy on read: makes the image itself hold what is read there; and keeps that apart from what
 * changes the image. */
int io_copy_up(io_session *session, uint64_t offset, uint64_t count);
void io_change_begin(const io_session *session);
void io_change_end(const io_session *session);

/* Takes the request over, and returns before it is done. */
int io_async_begin(io_session *session, const io_transfer *t);

/* Reports what has been done meanwhile; then, if wait is set, what is still under way. */
void io_async_report(io_session *session, bool wait);

/* A descriptor that can be read from when there is something to report; -1: there never is. */
int io_async_descriptor(const io_session *session);
void io_async_free(io_session *session);

/* ------------------------------------------------------------------------------------------------
 * Arguments
 */

/* A size below 8 EiB; says what is wrong and returns -1. */
int io_parse_size(const char *text, uint64_t *bytes);

/* A byte, decimal or hexadecimal. */
int io_parse_pattern(const char *text, int *byte);

/* Modes of -t, -d and -i.  They report an error under the program's name. */
int io_check_cache(const char *mode);
int io_parse_discard(const char *text, uint32_t *flags);
int io_parse_aio(const char *text, const char **mode);

/* The name from the list, which outlives the line that it came in; or NULL. */
const char *io_find_mode(const char *mode, const char *const *names);

/* The same for modes of -t; NULL stays NULL. */
const char *io_lasting_cache(const char *mode);

/* ------------------------------------------------------------------------------------------------
 * Buffers
 */

/* Fills a buffer with the content of a file, again and again. */
int io_fill_from_file(const char *filename, unsigned char *buf, size_t count);

void io_dump(const unsigned char *buf, size_t count, uint64_t offset);

/* True when this write would make a disk that was taken for raw look like another format. */
bool io_disguises(io_session *session, const unsigned char *buf, size_t count, uint64_t offset);

/* ------------------------------------------------------------------------------------------------
 * Reports
 */

enum {
    IO_SIZE_LENGTH = 64,
};

/* "64 KiB", "1.500 KiB", "100 bytes".  Returns buf. */
const char *io_size_text(char buf[IO_SIZE_LENGTH], double value);

/* One operation, and how long it took. */
void io_report(const io_transfer *t);

uint64_t io_clock(void); /* nanoseconds since some moment */

#endif /* QCOW_CMD_IO_H */
