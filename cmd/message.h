/* SPDX-License-Identifier: BSD-3-Clause */
/* message.h - what the commands say on standard error, and names made fit to print
 *
 * A file name inside an image was written by whoever made the image.  It may hold an escape
 * sequence for the reader's terminal or bytes that are no UTF-8, so nothing goes out raw: control
 * characters are printed as \xNN.
 */

#ifndef QCOW_CMD_MESSAGE_H
#define QCOW_CMD_MESSAGE_H

#include <stdio.h>

/* The name the program was called by, which opens every message. */
void message_set_program(const char *argv0);
const char *message_program(void);

/* "qcow-img: SENTENCE" and a newline on standard error. */
void error_report(const char *format, ...) __attribute__((format(printf, 1, 2)));
void warning_report(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A copy of text that is safe on a terminal: valid UTF-8, without control characters.  The caller
 * frees it; never NULL. */
char *printable(const char *text);

/* printf for lines that may hold names: the whole is passed through printable, newlines excepted. */
void print_safely(FILE *stream, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif /* QCOW_CMD_MESSAGE_H */
