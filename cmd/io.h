/* SPDX-License-Identifier: BSD-3-Clause */
/* io.h - qcow-io: its session, its commands and what they share
 *
 *     io-main.c      the program: options, -c, the prompt
 *     io-commands.c  the table of commands; from a line to a call
 *     io-transfer.c  commands that move data: read, write, discard, ...
 *     io-manage.c    commands about the image: open, length, map, ...
 *     io-pattern.c   what buffers are filled with, checked against and dumped as
 *     io-report.c    "wrote 512/512 bytes at offset 0 ..."
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

typedef struct {
    qcow2_image *image;  /* NULL: none is open */
    image_source source; /* how it was opened, for reopen */
    char *filename;      /* source.filename, owned */
    char *format;        /* source.format, owned */
    bool guessed_raw;    /* nobody said that it is raw: its first sector must stay harmless */
    bool finished;       /* quit was said */
} io_session;

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

struct io_command {
    const char *name;
    const char *alias; /* a single letter, or NULL */
    io_runner *run;
    int min_words;       /* after the name, options counted */
    int max_words;       /* -1: any number */
    bool without_image;  /* works when nothing is open */
    bool writes;         /* needs an image that is open for writing */
    const char *letters; /* getopt's string */
    const char *arguments;
    const char *purpose;
};

io_runner io_alloc, io_close, io_discard, io_flush, io_help, io_info, io_length, io_map, io_open,
    io_quit, io_read, io_readv, io_reopen, io_sleep, io_truncate, io_write, io_writev;

/* Runs one line; -1 when it failed. */
int io_run_line(io_session *session, const char *line);

/* "NAME ARGUMENTS -- PURPOSE", the answer to a line that makes no sense; returns -1. */
int io_usage(const io_command *command);

/* Opens what session->source says (filename and format are copied); reports a failure. */
int io_session_open(io_session *session, const image_source *source);
int io_session_close(io_session *session);

/* ------------------------------------------------------------------------------------------------
 * Arguments
 */

/* A size below 8 EiB; says what is wrong and returns -1. */
int io_parse_size(const char *text, uint64_t *bytes);

/* A byte, decimal or hexadecimal. */
int io_parse_pattern(const char *text, int *byte);

/* Modes of -t and -d.  They report an error under the program's name. */
int io_parse_discard(const char *text, uint32_t *flags);

/* ------------------------------------------------------------------------------------------------
 * Buffers
 */

/* Fills a buffer with the content of a file, again and again. */
int io_fill_from_file(const char *filename, unsigned char *buf, size_t count);

/* True when count bytes are all that byte. */
bool io_is_pattern(const unsigned char *buf, int byte, size_t count);

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

/* One operation that moved count bytes in so many nanoseconds. */
void io_report(const io_request *request, const char *verb, uint64_t count, uint64_t offset,
               uint64_t nanoseconds);

uint64_t io_clock(void); /* nanoseconds since some moment */

#endif /* QCOW_CMD_IO_H */
