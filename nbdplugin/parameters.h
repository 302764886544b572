/* SPDX-License-Identifier: BSD-3-Clause */
/* parameters.h - what the user said behind "nbdkit qcow2" */

#ifndef NBDPLUGIN_PARAMETERS_H
#define NBDPLUGIN_PARAMETERS_H

#include <stdbool.h>
#include <stdint.h>

#include "qcow2.h"

/* One word that a parameter takes, and what it stands for. */
struct choice {
    const char *word;
    uint32_t value;
};

struct parameters {
    char *file;                         /* absolute, because nbdkit changes directory */
    const struct choice *format;        /* word: as the library spells it */
    const char *snapshot;               /* an id or a name, or NULL; lives as long as the plugin */
    const struct choice *backing;       /* value: a qcow2_backing_policy */
    const struct choice *external_data; /* value: a qcow2_data_file_policy */
    char *data_file;                    /* absolute; or NULL: the one that the image names */
    char *passphrase;                   /* of encrypted images; or NULL: none */
    const struct choice *cache;         /* value: flags for opening */
    bool readonly;
    bool untrusted;               /* serve from a sandbox */
    uint64_t wait;                /* seconds, for an image that another program has locked */
    bool discard;                 /* punch holes into the file */
    uint64_t l2_cache_size;       /* bytes; 0: the library's choice */
    uint64_t refcount_cache_size; /* bytes; 0: the library's choice */
    const char **options;         /* "NAME=VALUE" each, for qcow2_open_options_set */
    size_t nb_options;
};

extern struct parameters parameters;

/* A line for each parameter, for nbdkit --help. */
extern const char parameters_help[];

/* .config and .config_complete: 0, or -1 after nbdkit_error. */
int parameters_set(const char *key, const char *value);
int parameters_complete(void);

/* Sets what options= names; -1: the library's error. */
int parameters_set_options(qcow2_open_options *options);

void parameters_free(void);

#endif /* NBDPLUGIN_PARAMETERS_H */
