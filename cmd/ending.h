/* SPDX-License-Identifier: BSD-3-Clause */
/* ending.h - what is done before a signal ends the process */

#ifndef QCOW_CMD_ENDING_H
#define QCOW_CMD_ENDING_H

/* Does no more than a signal handler may. */
typedef void ending_function(void);

/* Call it before a signal that a user, a pipe or a limit of time sends ends the process, until it
 * is removed.  Whoever ignores such a signal, or has a handler of another kind for it, goes on to
 * do so. */
void ending_add(ending_function *function);
void ending_remove(ending_function *function);

#endif /* QCOW_CMD_ENDING_H */
