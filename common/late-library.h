/* SPDX-License-Identifier: BSD-3-Clause */
/* late-library.h - the functions of a shared library that is loaded when it is first needed
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

#ifndef QCOW_COMMON_LATE_LIBRARY_H
#define QCOW_COMMON_LATE_LIBRARY_H

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

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

/* Load it if that has not been done.  When it, or a needed function in it, is not there: -1, and
 * dlerror() says why.  Not for several threads at a time. */
static inline int late_library_load(struct library *library)
{
    void *handle;

    if (library->loaded)
        return 0;
    handle = dlopen(library->name, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL)
        return -1;
    for (size_t i = 0; i < library->nb_functions; i++) {
        void *function = dlsym(handle, library->words[i]);

        if (function == NULL && i + library->nb_optional < library->nb_functions)
            return -1;
        memcpy((char *)library->table + i * sizeof function, &function, sizeof function);
    }
    library->loaded = true;
    return 0;
}

#endif
