/* SPDX-License-Identifier: BSD-3-Clause */
/* options.h - how an image is to be opened, created or amended */

#ifndef QCOW2_IMAGE_OPTIONS_H
#define QCOW2_IMAGE_OPTIONS_H

#include <stdbool.h>

#include "crypto/luks.h"
#include "guest/compressor.h"
#include "qcow2.h"
#include "store/nbd.h"

struct store;

enum image_format { FORMAT_QCOW2, FORMAT_RAW, FORMAT_QCOW1, FORMAT_LUKS };

/* Besides the flags of qcow2.h: the name comes from an image; it is opened to look at, and again
 * soon. */
#define QCOW2_OPEN_FOREIGN_NAME 0x80000000u
#define QCOW2_OPEN_LOOK 0x40000000u

struct overlap_template {
    const char *name;
    uint32_t classes; /* enum metadata_class */
};

/* How an image behaves while it is open (runtime.c).  What nobody named has its default; sizes:
 * 0. */
struct runtime_options {
    uint64_t cache_size; /* bytes, of both together */
    uint64_t l2_cache_size;
    uint64_t refcount_cache_size;
    uint64_t l2_cache_entry_size;
    uint64_t clean_interval; /* seconds; 0: never */
    bool clean_interval_named;
    bool lazy_refcounts_named, lazy_refcounts; /* not as the image says */
    bool discard_keeps;                        /* clusters are not given up by discards */
    uint32_t discard_named, discard_on;        /* enum freed_by */
    const struct overlap_template *overlap_check, *overlap_template; /* two names of one choice */
    uint32_t overlap_named, overlap_on;                              /* enum metadata_class */
};

/* The part of its file that a raw image is. */
struct file_part {
    bool has_offset, has_size;
    uint64_t offset; /* bytes */
    uint64_t size;   /* bytes; without has_size: up to the end */
};

/* Make the refcounts of a dirty image right and the image clean; header follows what is written. */
struct header;
typedef int image_repair(struct store *store, struct header *header);

struct qcow2_open_options {
    const struct qcow2_open_options *owner; /* which frees it; NULL: the caller */
    char *name;                             /* to be shown; NULL: the file's name */
    enum image_format format;
    uint32_t flags;                  /* QCOW2_OPEN_... */
    struct qcow2_open_options *file; /* of the image in whose disk this one is; NULL: in a file */
    struct file_part part;
    struct nbd_options nbd; /* with QCOW2_OPEN_NBD */
    qcow2_backing_policy backing_policy;
    qcow2_backing_filter *backing_filter;
    void *backing_filter_opaque;
    char *backing_file;   /* instead of the recorded one; NULL: none given */
    char *backing_format; /* of the backing file, instead of the recorded one; NULL: none given */
    struct qcow2_open_options *backing; /* how the backing file is opened; NULL: as this image */
    qcow2_data_file_policy data_file_policy;
    char *data_file; /* instead of the recorded one; NULL: none given */
    struct qcow2_open_options
        *data_file_options;   /* how that one is opened; NULL: as a plain file */
    struct store *data_store; /* the same, open, and still the caller's; NULL: none given */
    bool store_lent; /* the store on which it is opened stays the caller's, whatever fails */
    char *snapshot;  /* id or name; NULL: the active state */
    unsigned writable_depth; /* of the backing file that is opened for writing; 0: none */
    uint32_t crypt_method;   /* what the image must be encrypted with; CRYPT_NONE: anything */
    struct secret secret;    /* of this image alone */
    qcow2_secret_callback *secret_callback; /* asked for what secret does not give; or NULL */
    void *secret_opaque;
    struct runtime_options runtime;
    struct compression compression;    /* of written clusters; the type is the image's */
    image_repair *repair_dirty;        /* before a dirty image is written; NULL: it is refused */
    const struct qcow2_image *overlay; /* set when this is a backing file: whose */
};

enum preallocation {
    PREALLOCATION_OFF,
    PREALLOCATION_METADATA,
    PREALLOCATION_FALLOC,
    PREALLOCATION_FULL,
};

struct qcow2_create_options {
    enum image_format format;
    uint32_t flags; /* QCOW2_CREATE_... */
    uint64_t size;  /* bytes */
    uint32_t version;
    uint64_t cluster_size;
    uint32_t refcount_bits;
    bool lazy_refcounts;
    bool extended_l2;
    struct compression compression; /* level and window are only checked: no image records them */
    enum preallocation preallocation;
    uint64_t expected_length; /* bytes that the file may grow to soon; 0: not known */
    char *backing_file;
    char *backing_format;
    char *data_file; /* NULL: none */
    bool data_file_raw;
    uint32_t crypt_method;
    struct luks_options luks; /* what is not given is filled in when the image is created */
    bool luks_given;          /* some of them were set */
    struct secret secret;
};

enum amend_switch { AMEND_AS_IT_IS, AMEND_OFF, AMEND_ON };

enum keyslot_state { KEYSLOT_STATE_UNSAID, KEYSLOT_STATE_ACTIVE, KEYSLOT_STATE_INACTIVE };

/* Which key slots get or lose a password (image/keyslots.c). */
struct keyslot_change {
    enum keyslot_state state;
    bool has_keyslot;
    uint64_t keyslot;
    bool has_iter_time;
    uint64_t iter_time; /* milliseconds */
    struct secret new_secret;
    struct secret old_secret;
};

/* What is to be changed; zero and NULL: as it is. */
struct qcow2_amend_options {
    uint32_t flags; /* QCOW2_AMEND_... */
    uint32_t version;
    uint32_t refcount_bits;
    enum amend_switch lazy_refcounts;
    bool has_size;
    uint64_t size;        /* bytes */
    char *backing_file;   /* not changed here: must be what is recorded */
    char *backing_format; /* the same */
    char *data_file;      /* "": no name is recorded */
    enum amend_switch data_file_raw;
    struct keyslot_change keyslots;
};

/* "qcow2", "raw", "qcow" or "luks"; ENOTSUP for other formats. */
int image_format_parse(const char *name, enum image_format *format);
const char *image_format_name(enum image_format format);

/* The version that a compatibility level ("1.1", "v3") stands for; 0: none is called so. */
uint32_t image_version_parse(const char *level);

/* The setter of an option (base/option.h) whose member is a uint32_t: the width of refcounts. */
struct option;
int options_set_refcount_bits(const struct option *option, void *object, const char *value);

#endif
