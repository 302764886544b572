/* SPDX-License-Identifier: BSD-3-Clause */
/* untrusted.h - a verb of qcow-img under --untrusted */

#ifndef QCOW_CMD_UNTRUSTED_H
#define QCOW_CMD_UNTRUSTED_H

#include "verb.h"

/* Runs the verb in the sandbox and returns its exit status. */
int untrusted_run(const verb *v, const options *o);

#endif /* QCOW_CMD_UNTRUSTED_H */
