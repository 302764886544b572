/* SPDX-License-Identifier: BSD-3-Clause */
/* scenario.h - what is done to an image while the power may fail */

#ifndef CRASH_SCENARIO_H
#define CRASH_SCENARIO_H

#include "crash/session.h"

struct script {
    const char *name;
    const char *rules; /* what it is about: R1-R7 of table/tables.h, I1-I13 of the README */
    bool chain;        /* for shapes with other images below, else for those without */
    void (*run)(struct session *session);
    bool (*suits)(const struct shape *shape); /* NULL: every shape */
};

/* Both end with an entry without a name.  A scenario is a script on a shape: "writes-512". */
extern const struct script scripts[];
extern const struct shape shapes[];

#endif
