/* SPDX-License-Identifier: BSD-3-Clause */
/* audit.c - qcow-img audit: may an image from a stranger be used?
 *
 * Each file is looked at by a process of its own, in the sandbox of --untrusted.  One that brings
 * its process to its end, or to its limits, has its verdict by that.
 */

#include <stdio.h>
#include <stdlib.h>

#include "audit.h"
#include "confine.h"
#include "message.h"
#include "output.h"
#include "qcow2.h"
#include "verb.h"

enum {
    EXIT_SAFE = 0,
    EXIT_NOT_AUDITED = 1,
    EXIT_DANGER = 2,
    EXIT_CAUTION = 3,
};

/* One file of the command line. */
typedef struct {
    const options *options;
    const char *filename;
} task;

static int exit_status(audit_level level)
{
    static const int statuses[] = { EXIT_SAFE, EXIT_CAUTION, EXIT_DANGER, EXIT_NOT_AUDITED };

    return statuses[level];
}

static void print(const options *o, const audit *a)
{
    if (o->quiet)
        return;
    if (o->output == OUTPUT_JSON)
        audit_print_json(a, o->nb_arguments > 1);
    else
        audit_print_human(a);
}

static int look(void *opaque)
{
    const task *t = opaque;
    audit a;
    int status;

    audit_begin(&a, t->filename);
    audit_image(&a, t->options->force_share ? QCOW2_OPEN_FORCE_SHARE : 0, t->options->wait);
    print(t->options, &a);
    status = exit_status(a.level);
    if (output_end_result() && status == EXIT_SAFE)
        status = EXIT_NOT_AUDITED;
    audit_end(&a);
    return status;
}

/* The verdict on a file that could not be looked at to the end. */
static int conclude(const task *t, audit_level level, const char *name, const char *text)
{
    audit a;

    audit_begin(&a, t->filename);
    audit_find(&a, level, name, "%s", text);
    print(t->options, &a);
    audit_end(&a);
    return exit_status(level);
}

static int audit_file(task *t)
{
    confinement c;
    int status;

    confine_begin(&c);
    if (confine_add_file(&c, t->filename, false)) {
        status = conclude(t, AUDIT_FAILED, "refused", "it is not a plain regular file");
    } else {
        status = confine_run(&c, look, t);
        if (c.stopped)
            status = conclude(t, AUDIT_DANGER, "stopped",
                              "the process that looked at it crashed, or met its limits");
    }
    confine_end(&c);
    return status;
}

/* Which of two exit statuses says more. */
static int worse(int a, int b)
{
    static const int rank[] = {
        [EXIT_SAFE] = 0,
        [EXIT_CAUTION] = 1,
        [EXIT_NOT_AUDITED] = 2,
        [EXIT_DANGER] = 3,
    };

    return rank[a] > rank[b] ? a : b;
}

int run_audit(const options *o)
{
    bool json = o->output == OUTPUT_JSON && !o->quiet, many = o->nb_arguments > 1;
    int status = EXIT_SAFE;

    if (o->nb_arguments == 0)
        return usage_error("Expecting image file names");
    if (json && many)
        printf("[\n");
    for (size_t i = 0; i < o->nb_arguments; i++) {
        task t = { o, o->arguments[i] };

        status = worse(status, audit_file(&t));
        if (json)
            printf("%s\n", i + 1 < o->nb_arguments ? "," : "");
    }
    if (json && many)
        printf("]\n");
    return status;
}
