/* SPDX-License-Identifier: BSD-3-Clause */
/* library.h - shared libraries that are loaded when they are first needed
 *
 * A program pays for each library that it is linked with at every start, libcrypto and libnbd with
 * a millisecond and more, and most runs need neither.  Who uses such a library lists the functions
 * it needs in a macro, has a table of them made of it, and calls them through the table:
 *
 *     #define FUNCTIONS(X) X(EVP_MD_fetch) X(EVP_MD_free)
 *     static struct { FUNCTIONS(LIBRARY_MEMBER) } functions;
 *     static struct library library = { .name = LIBRARY_NAME("crypto", 3), .user = "Encryption",
 *                                       LIBRARY_TABLE(FUNCTIONS, functions) };
 */

#ifndef QCOW2_BASE_LIBRARY_H
#define QCOW2_BASE_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

struct library {
    const char *name;         /* as the dynamic linker looks for it */
    const char *user;         /* what cannot be done without it: the first words of a sentence */
    const char *const *words; /* the functions' names */
    void *table;              /* their addresses, in the same order */
    size_t nb_functions;
    size_t nb_optional; /* the last so many may be missing: their addresses are NULL then */
    bool loaded;
};

#define LIBRARY_STRING(text) #text
#define LIBRARY_NAME(stem, major) "lib" stem ".so." LIBRARY_STRING(major)

#define LIBRARY_MEMBER(function) __typeof__(function) *function;
#define LIBRARY_WORD(function) #function,

#define LIBRARY_TABLE(functions, functions_table)                                                \
    .words = (const char *const[]){ functions(LIBRARY_WORD) NULL }, .table = &(functions_table), \
    .nb_functions = sizeof(functions_table) / sizeof(void *)

/* Load it if that has not been done.  -1 with ENOTSUP when it, or a needed function in it, is not
 * there. Threads may call this at the same time, and use the table after their own call. */
int library_load(struct library *library);

#endif
