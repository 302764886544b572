/* SPDX-License-Identifier: BSD-3-Clause */
/* option.h - options by name: a row of a table for each, and the values they take
 *
 *     static const struct option options[] = {
 *         { "size", option_set_number, .member = offsetof(struct wishes, size) },
 *         { "colour", set_colour },
 *     };
 *     option_set(options, 2, &wishes, "size", "17");
 *
 * What is said of other values is what QEMU says of them: commands pass these sentences on.
 */

#ifndef QCOW2_BASE_OPTION_H
#define QCOW2_BASE_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct option {
    const char *name;
    int (*set)(const struct option *option, void *object, const char *value);
    size_t member; /* offset in the object of what is set, where set asks for it */
    uint32_t bit;  /* of that member, where set asks for it */
};

/* Give the object's option of this name a value.  ENOENT if there is none. */
int option_set(const struct option *options, size_t nb_options, void *object, const char *name,
               const char *value);

static inline void *option_member(const struct option *option, void *object)
{
    return (char *)object + option->member;
}

/* ------------------------------------------------------------------------------------------------
 * Setters of a member: a uint64_t, a bool, and a char pointer that is freed and gets a copy
 */

int option_set_number(const struct option *option, void *object, const char *value);
int option_set_switch(const struct option *option, void *object, const char *value);
int option_set_text(const struct option *option, void *object, const char *value);

/* ------------------------------------------------------------------------------------------------
 * Values.  -1 with the error set for those that are not of the kind.
 */

int option_number(const char *name, const char *value, uint64_t *number);
int option_switch(const char *name, const char *value, bool *on);

/* The index of the word that the value is. */
int option_choice(const char *name, const char *value, const char *const *words, size_t nb_words);

/* Says that the option does not accept the value; returns -1. */
int option_refuse(const char *name, const char *value);

#endif
