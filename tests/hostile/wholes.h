/* SPDX-License-Identifier: BSD-3-Clause */
/* wholes.h - images that are hostile as a whole */

#ifndef QCOW2_TESTS_WHOLES_H
#define QCOW2_TESTS_WHOLES_H

#include "hostile/damage.h"

struct whole {
    const char *name, *recipe;
    void (*make)(struct bytes *image, const struct whole *whole);
    bool endless;
    const char *text; /* for make, as the number is */
    uint64_t number;
};

extern const struct whole wholes[];
extern const size_t nb_wholes;

#endif
