/* SPDX-License-Identifier: BSD-3-Clause */
/* damage.h - whole images, and every way in which one field of them is made hostile
 *
 * A recipe makes an image with one or more structures.  A field is a place in a structure.  A value
 * is a rule that makes a hostile number of what the field holds and of where other things lie.  The
 * cases are all recipes x fields of the structures that the recipe is there for x values, and some
 * that stand for themselves: truncated files, streams that never end, tables that are named
 * thousands of times.
 */

#ifndef QCOW2_TESTS_DAMAGE_H
#define QCOW2_TESTS_DAMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The file that images name lies beside them, and another one with data to write. */
#define CANARY "canary"

struct bytes {
    uint8_t *data;
    size_t size;
};

struct damage_case {
    char name[96];
    const char *format; /* of -f */
    bool encrypted;     /* the password is "hostile" */
    bool endless;       /* its disk is so large that reading all of it is no matter of seconds */
    struct bytes image; /* freed by the caller */
};

/* In an empty folder, which is the current one: make what the cases start from. */
void damage_prepare(void);
/* The next case, false: there is none.  Start with a number of 0, which counts them. */
bool damage_next(size_t *number, struct damage_case *c);
/* How many there are. */
size_t damage_count(void);

#endif
