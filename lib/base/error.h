/* SPDX-License-Identifier: BSD-3-Clause */
/* error.h - one error per thread: an errno value and a sentence
 *
 * Whoever meets an error first sets it, once, with what happened, in which file, at which offset
 * (in hex) and what was expected.  Everybody above passes -1 or NULL on and adds nothing.  A worker
 * thread saves its error (error_save) and whoever joins it restores it (error_restore).
 */

#ifndef QCOW2_BASE_ERROR_H
#define QCOW2_BASE_ERROR_H

struct error {
    int errnum;
    char message[1024];
};

/* Set this thread's error and return -1.  errnum 0 is taken as EIO. */
int error_set(int errnum, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* As error_set, followed by ": " and the system's words for errnum. */
int error_system(int errnum, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Put words before this thread's error ("Could not open 'x': "), or a second line behind it. */
int error_prefix(const char *format, ...) __attribute__((format(printf, 1, 2)));
int error_hint(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Set ENOMEM and return NULL. */
void *error_no_memory(void);

int error_errno(void);
const char *error_message(void);

void error_save(struct error *error);
int error_restore(const struct error *error);

#endif
