/* SPDX-License-Identifier: BSD-3-Clause */
/* output.h - standard output, which may be closed, full, or a pipe that nobody reads any more
 *
 * Some print what they were called for: they have failed if it cannot be printed.  Others tell of
 * their work, which is done whether somebody hears of it or not.
 */

#ifndef QCOW_CMD_OUTPUT_H
#define QCOW_CMD_OUTPUT_H

/* A reader that goes away does not end the program any more. */
void output_outlive_reader(void);

/* What could not be printed before this did not matter. */
void output_begin_result(void);

/* Prints what waits.  Reports what could not be printed since output_begin_result, and returns
 * -1. */
int output_end_result(void);

#endif /* QCOW_CMD_OUTPUT_H */
