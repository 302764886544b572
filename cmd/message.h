/* SPDX-License-Identifier: BSD-3-Clause */
/* message.h - what the commands say on standard error, and names made fit to print
 *
 * A file name inside an image was written by whoever made the image.  It may hold an escape
 * sequence for the reader's terminal, or bytes that are no UTF-8, so nothing goes out raw: such
 * bytes are printed as \xNN.
 */

#ifndef QCOW_CMD_MESSAGE_H
#define QCOW_CMD_MESSAGE_H

#include <stddef.h>

/* The name the program was called by, which opens every message. */
void message_set_program(const char *argv0);
const char *message_program(void);

/* "qcow-img version 0.1.0 (qcow-tools)".  Under QEMU's own name scripts want to know what they can
 * expect: "qemu-img version 7.2.0 (qcow-tools 0.1.0)", the version whose ways are followed. */
void message_print_version(const char *version);

/* Called before each message: it takes away what stands in the way on a terminal.  NULL:
 * nothing. */
void message_set_prelude(void (*prelude)(void));

/* "qcow-img: SENTENCE" and a newline on standard error, made printable but for its newlines. */
void error_report(const char *format, ...) __attribute__((format(printf, 1, 2)));
void warning_report(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Reports the sentence and the line that points to the help; returns 1, the exit status. */
int usage_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A copy of text that is safe on a terminal: valid UTF-8 without control characters.  The caller
 * frees it; never NULL. */
char *printable(const char *text);

/* A copy of text in which each byte that kept() does not take becomes \xNN; kept() says how many
 * bytes at from stay as they are.  The caller frees it; never NULL. */
char *escaped(const char *text, size_t (*kept)(const unsigned char *from));

/* The allocation functions of a program that has nothing better to do than to stop when memory is
 * gone. */
void *xrealloc(void *old, size_t size);
char *xstrdup(const char *text);
/* What others have allocated, unless it is NULL. */
void *xgot(void *allocated);
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif /* QCOW_CMD_MESSAGE_H */
