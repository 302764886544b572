/* SPDX-License-Identifier: BSD-3-Clause */
/* verb.c - a verb's work, and what becomes of its output */

#include "verb.h"

#include <stdlib.h>

#include "output.h"

static bool prints_its_result(const verb *v, const options *o)
{
    return v->reports || o->output == OUTPUT_JSON || o->creation_help;
}

/* Nobody waits for the rest of a report that changes nothing. */
static bool ends_with_reader(const verb *v, const options *o)
{
    return v->reports && !o->repair && o->snapshot_action <= SNAPSHOT_LIST;
}

int verb_run(const verb *v, const options *o)
{
    int status;

    if (!ends_with_reader(v, o))
        output_outlive_reader();
    status = v->run(o);
    if (prints_its_result(v, o) && output_end_result() && status == EXIT_SUCCESS)
        status = v->bit == VERB_COMPARE ? 2 : EXIT_FAILURE; /* 1 says that the disks differ */
    return status;
}
