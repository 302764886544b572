/* SPDX-License-Identifier: BSD-3-Clause */
/* image-open.h - the one place that turns -f, --image-opts, -U, -t and --untrusted into an open
 * image
 *
 * Who may decide what a file is: the file that the user names is probed unless the user gave its
 * format.  A file that an image names is opened in the format which the image records; one without
 * a recorded format only when its content is qcow2, because anything else would let a guest that
 * writes to a raw disk choose how the host reads it.
 */

#ifndef QCOW_CMD_IMAGE_OPEN_H
#define QCOW_CMD_IMAGE_OPEN_H

#include <stdbool.h>
#include <stdint.h>

#include "image-keys.h"
#include "options.h"
#include "qcow2.h"

/* The id of the snapshot, of the image that is open for its metadata, which the caller frees; NULL
 * after it has reported that there is none. */
typedef char *snapshot_chooser(void *opaque, qcow2_image *image);

typedef struct {
    const char *filename;    /* or dotted keys, when image_opts is set */
    const char *format;      /* "qcow2", "raw", "qcow", "luks" or NULL: probe what the user named */
    bool image_opts;         /* filename is "driver=qcow2,file.filename=..." */
    const keyval_list *keys; /* more of them, besides the name; or NULL */
    bool is_path;            /* filename comes from an image: a path, however it looks */
    const char *cache;       /* a name of the cache table; NULL: writeback */
    uint32_t flags;          /* QCOW2_OPEN_..., besides those of the cache mode */
    qcow2_backing_policy backing;
    bool no_backing;                /* it is looked at alone: keys cannot tell of a backing file */
    const char *key_secret;         /* id of the secret that is the password; or NULL */
    const char *data_file;          /* instead of the one the image names; or NULL */
    const char *compression_level;  /* of clusters written compressed; NULL: the default */
    const char *compression_window; /* the same */
    unsigned writable_backing;      /* depth of the backing file to be written, too; 0: none */
    snapshot_chooser *choose; /* finds the internal snapshot to be opened; NULL: the disk is */
    void *choose_opaque;      /* for it */
    image_target *left;       /* an image on a server is left there, to be below; or NULL */
    image_target *below;      /* the backing file, instead of the one it names; or NULL */
    const char *overlay; /* an empty qcow2 file of the same size, to be opened above it; or NULL */
    uint64_t wait;       /* seconds, for an image that another program has locked */
    const char **driver; /* set to the one of the file, if that alone is named as one; or NULL */
    bool *guessed_raw;   /* set when raw was only a guess and writes need care; or NULL */
} image_source;

/* "json:{...}", which describes an image that is there. */
bool image_name_is_json(const char *name);

/* What the command line says of every image, whoever names it, and these flags: an image is opened
 * by what one of these two gives, and so as the user allows and waits for it. */
image_source image_source_common(const options *o, uint32_t flags);

/* The image that the command line names first, to be opened with these flags. */
image_source image_source_of(const options *o, uint32_t flags);

/* Opens the image.  On failure returns NULL and in *why a sentence that the caller frees; none if
 * the chooser has reported it. */
qcow2_image *try_open_image(const image_source *source, char **why);

/* Say so if the file ends before the snapshot table does: the disk can be read all the same.  name
 * can be printed. */
bool warn_of_lost_snapshots(qcow2_image *image, const char *name);

/* The same, but reports the failure: "Could not open 'x': WHY". */
qcow2_image *open_image(const image_source *source);

/* Flags of a cache mode ("none", "writeback", "writethrough", "directsync", "unsafe"); -1 when
 * there is none of that name. */
int cache_mode_flags(const char *name, uint32_t *flags);

/* Does the user's environment (QCOW_BACKING_NBD=1) allow what --backing-nbd does, for programs that
 * cannot add an option? */
bool environment_allows_backing_nbd(void);

/* Says of a backing file that is recorded now what it takes to open it later, unless it was
 * given. */
void warn_of_backing_nbd(const options *o, const char *name);

/* Reports "Invalid cache option: foo" (what is "cache") and returns -1 unless the mode is one of
 * these, or NULL. */
int check_cache_mode(const char *what, const char *mode);

/* How deep in the chain of an image a file or an export is; -1 when it is not there, or when that
 * cannot be told: then *why is a sentence, which the caller frees. */
int image_chain_depth(qcow2_image *image, const char *name, char **why);

/* Closes; reports a failure under the file's name and returns -1. */
int close_image(qcow2_image *image);

static inline void close_image_cleanup(qcow2_image **image)
{
    if (*image)
        qcow2_close(*image);
}

/* For images that were only read: there is nothing to say about closing them. */
#define CLEANUP_IMAGE __attribute__((cleanup(close_image_cleanup)))

#endif /* QCOW_CMD_IMAGE_OPEN_H */
