/* SPDX-License-Identifier: BSD-3-Clause */
/* verb.h - what a verb of qcow-img is
 *
 * main.c has the table.  A verb's work is one function that is given the parsed command line and
 * returns the program's exit status; it reports its own errors.  Nothing in it looks at argv, so a
 * test may call it.
 */

#ifndef QCOW_CMD_VERB_H
#define QCOW_CMD_VERB_H

#include "options.h"

/* Is a verb called for what it prints, or for what it does (to compare: for its status)? */
#define VERB_REPORTS true
#define VERB_WORKS false

typedef struct {
    const char *name;
    verb_bit bit;
    const char *arguments; /* for the usage line: "FILE [SIZE]" */
    const char *summary;   /* for the list of verbs */
    int (*run)(const options *o);
    bool reports; /* what it prints is its result: VERB_REPORTS or VERB_WORKS */
} verb;

/* Does the work, and sees to its output.  Returns the exit status. */
int verb_run(const verb *v, const options *o);

int run_amend(const options *o);
int run_audit(const options *o);
int run_bench(const options *o);
int run_bitmap(const options *o);
int run_check(const options *o);
int run_commit(const options *o);
int run_compare(const options *o);
int run_convert(const options *o);
int run_create(const options *o);
int run_dd(const options *o);
int run_info(const options *o);
int run_map(const options *o);
int run_measure(const options *o);
int run_rebase(const options *o);
int run_resize(const options *o);
int run_snapshot(const options *o);

#endif /* QCOW_CMD_VERB_H */
