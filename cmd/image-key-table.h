/* SPDX-License-Identifier: BSD-3-Clause */
/* image-key-table.h - the keys that a layer of an image may have, for image-keys.c */

#ifndef QCOW_CMD_IMAGE_KEY_TABLE_H
#define QCOW_CMD_IMAGE_KEY_TABLE_H

#include "image-keys.h"

/* A layer of keys: those that begin with the prefix. */
typedef struct {
    const keyval_list *keys;
    char *prefix;       /* "", "file.", "backing.", "backing.file." ...; owned */
    const char *driver; /* a static string */
    image_target *target;
} layer;

enum {
    IN_QCOW2 = 1,
    IN_QCOW1 = 2,
    IN_RAW = 4,
    IN_FILE = 8,
    IN_NBD = 16,
    IN_LUKS = 32,
    IN_FORMAT = IN_QCOW2 | IN_QCOW1 | IN_RAW | IN_LUKS,
    IN_PROTOCOL = IN_FILE | IN_NBD,
    ANYWHERE = IN_FORMAT | IN_PROTOCOL,
};

/* The value of the layer's key, or NULL. */
const char *layer_get(const layer *l, const char *key);

/* Is it a number of JSON's, not a text? */
bool layer_is_number(const layer *l, const char *key);

/* Reads a key, without its prefix, of a layer whose driver is here (one of IN_...).  On failure
 * returns -1 and in *why a sentence that the caller frees. */
int layer_read_key(layer *l, int here, const char *key, const char *value, char **why);

/* Sets *why to the library's last sentence; returns -1. */
int image_keys_fail_library(char **why);

#endif /* QCOW_CMD_IMAGE_KEY_TABLE_H */
