/* SPDX-License-Identifier: BSD-3-Clause */
/* image-keys.h - an image named by dotted keys: --image-opts and "json:{...}"
 *
 * Keys describe layers.  An image has a format, whose keys stand alone (driver, lazy-refcounts
 * ...); it is stored in a file, whose keys begin with "file."; and the image under it, with
 * "backing.", is again such a pair:
 *
 *     driver=qcow2   file.driver=file   file.filename=top.qcow2
 *     backing.driver=raw   backing.file.filename=base.raw
 *
 * The external data file of a qcow2 image, another layer of a file, has the keys "data-file.".
 *
 * Only what the user says is read this way, never what stands in an image.
 */

#ifndef QCOW_CMD_IMAGE_KEYS_H
#define QCOW_CMD_IMAGE_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "json.h"
#include "keyval.h"
#include "qcow2.h"

/* What is to be opened, once its name is understood. */
typedef struct {
    char *filename;     /* of the file that the image is stored in; owned */
    const char *format; /* a static string; NULL: not known yet */
    const char *driver; /* a static string: of the file, where keys name that alone; or NULL */
    bool guessed;       /* the format, from the content of the file */
    uint32_t flags;     /* QCOW2_OPEN_... */
    bool native_aio;    /* was asked for */
    qcow2_backing_policy policy;
    qcow2_open_options *options;
    bool no_backing;    /* keys of a backing file are none that this image has */
    json_t *layers;     /* for its name (layer-name.h): the keys of the layers below and beside */
    bool in_plain_file; /* the layer below is a file or an export */
    json_t *keys;       /* its own, with those layers; NULL until they are known */
} image_target;

void image_target_clear(image_target *t);

/* Makes the target's options, with its policy.  As below. */
int image_target_begin(image_target *t, char **why);

/* The target's password is the secret of this id.  As below. */
int image_target_set_secret(image_target *t, const char *id, char **why);

/* The backing file of the target's image shall be the other one, whose options it takes.  As
 * below. */
int image_target_set_backing(image_target *t, image_target *below, char **why);

/* Fills the target, whose options exist, from the keys.  A format that the target has already wins
 * over the keys' one; without either the file is probed.  On failure returns -1 and in *why a
 * sentence that the caller frees. */
int image_keys_read(image_target *t, const keyval_list *keys, char **why);

/* Adds keys to a target whose file and format are known. */
int image_keys_add(image_target *t, const keyval_list *keys, char **why);

/* Why the file could not be opened, which the library has just said: its sentence, which names the
 * file, in the words that QEMU's users know.  Those name it once where the format or a backing file
 * refuses, and twice where the host does.  The caller frees it. */
char *image_open_sentence(const char *filename);

/* Finds the format of the target's file out from its content.  As above. */
int image_probe_format(image_target *t, char **why);

/* "qcow2", "raw", "qcow" or "luks" in a static spelling; NULL when the format is not known. */
const char *format_known(const char *name);

/* The sentence about a format that is none of them; the caller frees it. */
char *format_refusal(const char *name);

/* One of QEMU's formats that are left to it? */
bool format_is_foreign(const char *name);

/* ": " and where an image of such a format can be made, "" for other names; the caller frees it. */
char *format_not_made(const char *name);

/* The known format of an image to be made (NULL: "raw"); a format that cannot be written is
 * reported, with the file's name if there is one. */
const char *format_to_create(const char *name, const char *filename);

#endif /* QCOW_CMD_IMAGE_KEYS_H */
