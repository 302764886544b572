/* SPDX-License-Identifier: BSD-3-Clause */
/* vmm-scratch.h - what the tests of the virtual machine's parts share: no KVM is needed
 *
 * A test that defines report() or the irq_ calls replaces those of the library.
 */

#ifndef VMM_SCRATCH_H
#define VMM_SCRATCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The last sentence that the code under test has printed. */
static char last_report[1024];

void report(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

void report(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(last_report, sizeof last_report, fmt, args);
    va_end(args);
}

static inline void assert_reported(const char *part)
{
    if (!strstr(last_report, part))
        fail_msg("\"%s\" is not in \"%s\"", part, last_report);
    last_report[0] = '\0';
}

#endif
