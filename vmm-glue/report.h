/* SPDX-License-Identifier: BSD-3-Clause */
/* report.h - one sentence on standard error */

#ifndef VMM_REPORT_H
#define VMM_REPORT_H

/* Prints "qcow-vmm: " and the sentence as one line.  Any thread may call it.
 * A function that fails reports where it happened and returns -1 or NULL, so
 * callers only pass the failure on.
 */
void report(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
