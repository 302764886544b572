/* SPDX-License-Identifier: BSD-3-Clause */
/* qcow2.h - the public interface of libqcow2
 *
 * A library that reads and writes disk images in the qcow2 format (and raw files beside them).
 *
 * Conventions
 *   - Handles are opaque.  All offsets, sizes and counts are in bytes; every alignment works.
 *   - Functions that can fail return -1 or NULL and leave, for the calling thread, an errno value
 *     and a sentence: qcow2_get_errno, qcow2_get_error.
 *   - A qcow2_image may be used from any number of threads at once, with the one exception of
 *     qcow2_close, which must be the last call.  Options objects belong to one thread at a time.
 *   - flags of 0 are always right; a flag that a call does not know is EINVAL.
 *   - Strings that a function returns belong to the handle and live until it is closed, also when
 *     what they say has changed since, unless the function says otherwise.
 *   - Nothing here prints, exits or installs signal handlers.
 *
 * Durability
 *   What qcow2_flush (or a call with QCOW2_FUA) has acknowledged survives a power cut at any later
 *   instant.  Until then every 512-byte sector reads, after a cut, as its old value or as one
 *   written since.  Snapshot operations and growing are atomic, and durable when they return 0; see
 *   qcow2_resize for shrinking.
 */

#ifndef QCOW2_H
#define QCOW2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) && __GNUC__ >= 4
#define QCOW2_PUBLIC __attribute__((visibility("default")))
#else
#define QCOW2_PUBLIC
#endif

typedef struct qcow2_image qcow2_image;
typedef struct qcow2_open_options qcow2_open_options;
typedef struct qcow2_create_options qcow2_create_options;
typedef struct qcow2_amend_options qcow2_amend_options;

/* ------------------------------------------------------------------------------------------------
 * Errors
 */

/* The sentence and the errno value of this thread's last failed call.  The string is valid until
 * the thread's next call into the library. */
QCOW2_PUBLIC const char *qcow2_get_error(void);
QCOW2_PUBLIC int qcow2_get_errno(void);

/* The version of the library, for example "0.1.0". */
QCOW2_PUBLIC const char *qcow2_get_version(void);

/* Load now the shared libraries for encryption and the compression level "fast", which are
 * otherwise loaded when they are first needed: for a program that gives up the right to open files.
 * -1 with ENOTSUP if one is not there; what needs it then fails with the same error, all else
 * works. */
QCOW2_PUBLIC int qcow2_load_libraries(void);

/* ------------------------------------------------------------------------------------------------
 * Opening and closing
 */

/* Flags of qcow2_open_options_set_flags. */
#define QCOW2_OPEN_READ_ONLY 0x0001u    /* never write a byte */
#define QCOW2_OPEN_FORCE_SHARE 0x0002u  /* take no exclusive lock; only with READ_ONLY */
#define QCOW2_OPEN_NO_LOCK 0x0004u      /* take no lock at all */
#define QCOW2_OPEN_DIRECT 0x0008u       /* bypass the host's page cache (O_DIRECT) */
#define QCOW2_OPEN_WRITETHROUGH 0x0010u /* every write is durable when it returns */
#define QCOW2_OPEN_UNSAFE 0x0020u  /* flushes order nothing: a power cut may destroy the image */
#define QCOW2_OPEN_DISCARD 0x0040u /* give the host space of freed clusters back (punch holes) */
#define QCOW2_OPEN_NO_IO 0x0080u   /* metadata only: guest reads and writes are refused */
/* For qcow2_check: open despite the dirty or corrupt bit and despite damage that only a check can
 * describe; implies NO_IO. */
#define QCOW2_OPEN_CHECK 0x0100u
/* With READ_ONLY: nobody writes meanwhile, a raw image either. */
#define QCOW2_OPEN_NO_WRITERS 0x0200u
/* A stranger made the image: a password that would take more than some seconds to try is not
 * tried. */
#define QCOW2_OPEN_UNTRUSTED 0x0400u
#define QCOW2_OPEN_NBD 0x10000u         /* the name is the URI of an export on an NBD server */
#define QCOW2_OPEN_BACKING_NBD 0x20000u /* names of backing files in images may be such URIs */

/* What to do with the backing file that an image names. */
typedef enum {
    QCOW2_BACKING_REFUSE,      /* an image that has a backing file does not open (the default) */
    QCOW2_BACKING_IGNORE,      /* open the image alone; reading what it does not hold is an error */
    QCOW2_BACKING_ALLOW,       /* open the chain; each backing file's format must be recorded */
    QCOW2_BACKING_ALLOW_PROBE, /* as ALLOW; a backing file without a recorded format is accepted
                                  when its content proves it to be qcow2 */
    QCOW2_BACKING_NONE,        /* open the image alone; what it does not hold reads as zeroes */
} qcow2_backing_policy;

QCOW2_PUBLIC qcow2_open_options *qcow2_open_options_new(void);
QCOW2_PUBLIC void qcow2_open_options_free(qcow2_open_options *options);

/* "qcow2" (the default), "raw", "luks", or "qcow" (version 1), which only opens read-only. */
QCOW2_PUBLIC int qcow2_open_options_set_format(qcow2_open_options *options, const char *format);
QCOW2_PUBLIC int qcow2_open_options_set_flags(qcow2_open_options *options, uint32_t flags);
QCOW2_PUBLIC int qcow2_open_options_set_backing_policy(qcow2_open_options *options,
                                                       qcow2_backing_policy policy);

/* A say in which backing files are opened, after the policy has allowed them.  It is called with
 * what will be opened, the path of a file or the URI of an export, and with the format (NULL if
 * nobody states it), and returns 0 to allow. */
typedef int qcow2_backing_filter(void *opaque, const char *filename, const char *format);
QCOW2_PUBLIC int qcow2_open_options_set_backing_filter(qcow2_open_options *options,
                                                       qcow2_backing_filter *filter, void *opaque);

/* Use this backing file instead of the one the image names, whatever the policy, and this format
 * instead of the recorded one.  Either may be NULL: as recorded. */
QCOW2_PUBLIC int qcow2_open_options_set_backing(qcow2_open_options *options, const char *filename,
                                                const char *format);

/* How the backing file is opened: its caches, its own backing file and the policy for that, its
 * flags; without this they are those of the image above (the format is always that of
 * qcow2_open_options_set_backing, or the recorded one).  It is opened read-only, whatever its flags
 * say, and with FORCE_SHARE, NO_LOCK, DIRECT, NO_IO, UNTRUSTED and BACKING_NBD where the image
 * above is; with NO_IO only there.  Without a callback for passwords of its own it has that of the
 * image above. backing belongs to options afterwards, unless -1 is returned: it can be given to one
 * only. */
QCOW2_PUBLIC int qcow2_open_options_set_backing_options(qcow2_open_options *options,
                                                        qcow2_open_options *backing);

/* What to do with the external data file that an image names. */
typedef enum {
    QCOW2_DATA_FILE_REFUSE, /* such an image does not open, unless the caller names the file (the
                               default) */
    QCOW2_DATA_FILE_ALLOW,  /* open it, of this image and of its backing files; a relative name is
                               looked for in the image's directory, then in the working directory,
                               as QEMU does, and must not be in both */
} qcow2_data_file_policy;
QCOW2_PUBLIC int qcow2_open_options_set_data_file_policy(qcow2_open_options *options,
                                                         qcow2_data_file_policy policy);

/* Use this data file instead of the one the image names.  EINVAL from qcow2_open if the image is
 * not one that has a data file. */
QCOW2_PUBLIC int qcow2_open_options_set_data_file(qcow2_open_options *options,
                                                  const char *filename);

/* How that data file is opened: as an image of the format set here, whose disk is then the data
 * file
 * ("raw": the file itself, or the part of it that "offset" and "size" tell), with its flags, which
 * tell what its name means, and READ_ONLY, FORCE_SHARE, NO_LOCK, DIRECT, UNSAFE and UNTRUSTED where
 * the image is.  As above for whom it belongs to. */
QCOW2_PUBLIC int qcow2_open_options_set_data_file_options(qcow2_open_options *options,
                                                          qcow2_open_options *data_file);

/* The image is not stored in the named file, but in the disk of an image that is: these are the
 * options of that one, with the same flags from above.  It keeps its size.  A raw one with "offset"
 * and "size" is a part of the file; there may be one below the other.  As above for whom it belongs
 * to. */
QCOW2_PUBLIC int qcow2_open_options_set_file_options(qcow2_open_options *options,
                                                     qcow2_open_options *file);

/* What the image is called, where the file's name would not tell it from others: because it is a
 * part of the file, say, or lies in the disk of an image that does.  The library only hands the
 * name out, through qcow2_get_name, and as the place of extents that lie in this image's disk.
 * NULL, the default: the file's name. */
QCOW2_PUBLIC int qcow2_open_options_set_name(qcow2_open_options *options, const char *name);

/* Open the state of an internal snapshot (an id or a name) as a read-only image of its own. */
QCOW2_PUBLIC int qcow2_open_options_set_snapshot(qcow2_open_options *options,
                                                 const char *id_or_name);

/* The password of an encrypted image: size bytes, which are copied, and wiped when the options are
 * freed.  It is this image's alone: its backing files ask the callback. */
QCOW2_PUBLIC int qcow2_open_options_set_secret(qcow2_open_options *options, const void *secret,
                                               size_t size);

/* Asked for the password of each encrypted image of the chain that has none set: the file name, and
 * its depth (0: the image itself, 1: its backing file ...).  Returns 0 with *secret and *size
 * filled in, which stay the caller's and must live until qcow2_open returns; anything else: there
 * is none. */
typedef int qcow2_secret_callback(void *opaque, const char *filename, uint32_t depth,
                                  const void **secret, size_t *size);
QCOW2_PUBLIC int qcow2_open_options_set_secret_callback(qcow2_open_options *options,
                                                        qcow2_secret_callback *callback,
                                                        void *opaque);

/* Open the backing file at this depth (1: the image's own) for writing, too: for qcow2_commit.  0:
 * none, the default. */
QCOW2_PUBLIC int qcow2_open_options_set_writable_backing(qcow2_open_options *options,
                                                         unsigned depth);

/* Bytes of memory for L2 tables (0: 32 MiB) and for refcount blocks (0: 2 MiB). */
QCOW2_PUBLIC int qcow2_open_options_set_l2_cache_size(qcow2_open_options *options, uint64_t size);
QCOW2_PUBLIC int qcow2_open_options_set_refcount_cache_size(qcow2_open_options *options,
                                                            uint64_t size);

/* Set one option of an open image by the name and in the spelling of QEMU's --image-opts; numbers
 * are plain decimal.  EINVAL for a bad value, ENOENT for a name that no image knows:
 *   overlap-check, overlap-check.template, overlap-check.CLASS  what writes are held against
 *   pass-discard-request, -snapshot, -other                     what QCOW2_OPEN_DISCARD gives back
 *   cache-size, l2-cache-size, l2-cache-entry-size, refcount-cache-size, cache-clean-interval
 *   discard-no-unref    "on": discarded clusters keep their place; refused for version 2
 *   lazy-refcounts      in place of what the image says; refused for version 2
 *   compression-level   "default", "fast", "best", or a number from 1 on (zlib: to 9, with a window
 *                       of 15 to 12; zstd: to 19): how clusters that are compressed are made
 *   compression-window  zlib: log2 of the bytes that a stream refers back to, 9 to 15 (12)
 *   encrypt.format      "luks" or "aes": what a qcow2 image must be encrypted with
 *   offset, size        bytes: the part of its file that a raw image is; without a size (a multiple
 *                       of 512) up to the end, and it may grow
 *   open-timeout        seconds: for so long, connecting to an NBD server is tried again (0: once)
 *   reconnect-delay     seconds: for so long, a lost NBD server is connected to again while
 *                       requests wait (0: not at all); what it had not flushed is kept in memory
 *                       and written once more
 *   tls-hostname        the name that the certificate of an NBD server must bear, if not its host's
 *   x-dirty-bitmap      "qemu:dirty-bitmap:NAME": qcow2_map tells what this bitmap of an NBD
 *                       server's has (QCOW2_EXTENT_DIRTY), instead of where its holes are
 * What the image's version or compression type does not have, and what contradicts each other,
 * makes qcow2_open fail. */
QCOW2_PUBLIC int qcow2_open_options_set(qcow2_open_options *options, const char *name,
                                        const char *value);

/* Open the named file.  options may be NULL: read-write, qcow2, no backing file.  Only this file,
 * and the backing and data files that the policies allow, are opened; with QCOW2_OPEN_NO_IO no data
 * file is.  ENOKEY: the image is encrypted and no password was given (QCOW2_OPEN_NO_IO needs none);
 * EKEYREJECTED: it is the wrong one.  AES-encrypted qcow2 images have no way to tell a wrong
 * password, and open read-only. */
QCOW2_PUBLIC qcow2_image *qcow2_open(const char *filename, const qcow2_open_options *options);

/* Flush, release and free the handle; the handle is gone even when -1 is returned (which says that
 * the last changes may not be durable). */
QCOW2_PUBLIC int qcow2_close(qcow2_image *image);

/* What the content of a file looks like: "qcow2", "raw", "qcow", "luks", or the name of a format
 * that other tools know ("vmdk" ...), which qcow2_open will refuse.  The file is opened read-only.
 * A static string.  Content that a guest may write must not decide the format: see the manual. */
QCOW2_PUBLIC const char *qcow2_probe(const char *filename);

/* The same for a file that these options would open (their flags tell what its name means).  The
 * connection to an NBD server is kept with the options, for the next qcow2_open with them; so is
 * that of an image which is open with READ_ONLY and NO_IO when it is closed. */
QCOW2_PUBLIC const char *qcow2_probe_with(const char *filename, const qcow2_open_options *options);

/* ------------------------------------------------------------------------------------------------
 * The guest's view
 */

/* Flags of the calls below.  Reading, flushing and compressing take none. */
#define QCOW2_FUA 0x0001u       /* all that write, zero or discard: durable when the call returns */
#define QCOW2_MAY_UNMAP 0x0002u /* qcow2_zero: the space may be given back */
#define QCOW2_FAST_ZERO 0x0004u /* qcow2_zero: ENOTSUP rather than zeroes written as data */
#define QCOW2_MAP_SHALLOW 0x0008u /* qcow2_map: this image only, do not ask its backing files */
#define QCOW2_MAP_DAMAGE 0x0010u  /* qcow2_map: what damaged tables hide is an extent, too */

/* The size of the virtual disk. */
QCOW2_PUBLIC uint64_t qcow2_get_size(const qcow2_image *image);

/* The calls of this section: errors EINVAL beyond the end of the disk, EROFS or EACCES on a
 * read-only image, EIO, ENOSPC, ENOTSUP for a feature that this version does not handle.  A failed
 * write may have been done in part, sector by sector. */
QCOW2_PUBLIC int qcow2_pread(qcow2_image *image, void *buf, size_t count, uint64_t offset,
                             uint32_t flags);
QCOW2_PUBLIC int qcow2_pwrite(qcow2_image *image, const void *buf, size_t count, uint64_t offset,
                              uint32_t flags);
QCOW2_PUBLIC int qcow2_zero(qcow2_image *image, uint64_t count, uint64_t offset, uint32_t flags);

/* Write whole clusters, or up to the end of the disk, compressed; a cluster that would not become
 * smaller is written as it is.  ENOTSUP for raw images. */
QCOW2_PUBLIC int qcow2_pwrite_compressed(qcow2_image *image, const void *buf, size_t count,
                                         uint64_t offset, uint32_t flags);

/* The same in two halves, for callers that compress in many threads and write in order.
 * qcow2_compress compresses one cluster (count bytes of it, the rest taken as zeroes) into out,
 * which has room for a whole cluster, and returns the size of the stream, 0 if it would not be
 * smaller, -1 on errors; the same input gives the same stream.  qcow2_pwrite_stream writes such a
 * stream as the cluster at offset. */
QCOW2_PUBLIC int64_t qcow2_compress(qcow2_image *image, const void *buf, size_t count, void *out);
QCOW2_PUBLIC int qcow2_pwrite_stream(qcow2_image *image, const void *stream, size_t size,
                                     uint64_t offset, uint32_t flags);

/* A discarded range reads as zeroes where a whole cluster was discarded and as before elsewhere; in
 * an image of version 2 with a backing file nothing is changed. */
QCOW2_PUBLIC int qcow2_discard(qcow2_image *image, uint64_t count, uint64_t offset, uint32_t flags);
QCOW2_PUBLIC int qcow2_flush(qcow2_image *image, uint32_t flags);

/* Bits of qcow2_extent.status. */
#define QCOW2_EXTENT_PRESENT 0x01u /* some image of the chain holds it (allocated) */
#define QCOW2_EXTENT_ZERO 0x02u    /* reads as zeroes */
#define QCOW2_EXTENT_DATA 0x04u   /* the content comes from host storage; with ZERO: a hole there */
#define QCOW2_EXTENT_OFFSET 0x08u /* host_offset is valid: plain bytes at that place */
#define QCOW2_EXTENT_COMPRESSED 0x10u /* stored as compressed clusters */
#define QCOW2_EXTENT_DIRTY 0x20u      /* a bitmap of an NBD server's has it, which was asked for */
#define QCOW2_EXTENT_DAMAGED 0x40u    /* cannot be read; QCOW2_MAP_DAMAGE asked for that */

typedef struct {
    uint64_t guest_offset; /* where on the virtual disk */
    uint64_t length;       /* never 0 */
    uint64_t host_offset;  /* in what filename names, when QCOW2_EXTENT_OFFSET is set */
    uint32_t status;       /* QCOW2_EXTENT_... */
    uint32_t depth;        /* 0: this image; 1: its backing file; ... */
    const char *filename;  /* of the image at that depth; NULL when not PRESENT */
} qcow2_extent;

/* filename is the name of what the image is stored in, or of its data file: a file, an export, or
 * an image in whose disk it lies, which is called as qcow2_get_name would say.  A raw image is
 * looked through: what is told is where the bytes lie in its file, or as the image tells that it is
 * stored in. */

/* Returns 0 to go on; anything else ends the walk, and qcow2_map returns it.  It may use the
 * image. */
typedef int qcow2_extent_callback(void *opaque, const qcow2_extent *extent);

/* The extents of a range, in order, without gaps, neighbours that continue each other merged within
 * reason. */
QCOW2_PUBLIC int qcow2_map(qcow2_image *image, uint64_t count, uint64_t offset, uint32_t flags,
                           qcow2_extent_callback *callback, void *opaque);

/* ------------------------------------------------------------------------------------------------
 * Facts
 */

/* Bits of qcow2_info.features.  (0x0008 is that of a compression type, which has its own
 * member.) */
#define QCOW2_FEATURE_DIRTY 0x0001u
#define QCOW2_FEATURE_CORRUPT 0x0002u
#define QCOW2_FEATURE_DATA_FILE 0x0004u
#define QCOW2_FEATURE_EXTENDED_L2 0x0010u
#define QCOW2_FEATURE_LAZY_REFCOUNTS 0x0020u
#define QCOW2_FEATURE_BITMAPS 0x0040u
#define QCOW2_FEATURE_DATA_FILE_RAW 0x0080u

typedef struct {
    const char *format;                /* "qcow2", "raw", "luks" or "qcow" */
    uint64_t virtual_size;             /* bytes */
    uint64_t actual_size;              /* bytes the file occupies; UINT64_MAX: unknown */
    uint64_t file_length;              /* bytes from start to end of the file */
    uint64_t cluster_size;             /* bytes; of raw, what it lies in; or 0 */
    uint32_t version;                  /* 2 or 3; qcow: 1; raw and luks: 0 */
    uint32_t refcount_bits;            /* 1 to 64; 0 for raw, luks and qcow */
    uint32_t features;                 /* QCOW2_FEATURE_... */
    uint32_t compression_type;         /* 0 deflate ("zlib"), 1 zstd */
    uint32_t crypt_method;             /* 0 none, 1 AES, 2 LUKS (also that of luks images) */
    uint32_t nb_snapshots;             /* internal snapshots */
    const char *backing_filename;      /* as recorded, or NULL */
    const char *full_backing_filename; /* resolved against the image's directory, or NULL */
    const char *backing_format;        /* as recorded, or NULL */
    const char *data_file;             /* as recorded, or NULL */
    bool read_only;
    bool unknown_features;        /* compatible or autoclear ones that this version does not know */
    uint64_t l1_table_size;       /* bytes; 0 for other formats than qcow2 */
    uint64_t refcount_table_size; /* the same */
    const char *snapshots_lost;   /* why their table is not in the file, which is open read-only; or
                                     NULL */
} qcow2_info;

/* info_size is sizeof(qcow2_info) of the caller's header. */
QCOW2_PUBLIC int qcow2_get_info(qcow2_image *image, qcow2_info *info, size_t info_size);

/* More rounds than this are not begun with QCOW2_OPEN_UNTRUSTED. */
#define QCOW2_MOST_UNTRUSTED_ROUNDS (UINT64_C(1) << 25)

/* A place for a password. */
typedef struct {
    bool active;
    uint32_t iterations; /* of PBKDF2; 0 if not active */
    uint32_t stripes;    /* of the key material */
    uint64_t key_offset; /* bytes, of the key material, from the start of the LUKS header */
} qcow2_keyslot;

#define QCOW2_KEYSLOTS 8

typedef struct {
    const char *format; /* "aes" or "luks"; NULL: not encrypted.  For luks also: */
    const char *cipher_alg;
    const char *cipher_mode;
    const char *ivgen_alg;
    const char *ivgen_hash_alg; /* NULL: it needs none */
    const char *hash_alg;
    const char *uuid;
    uint64_t payload_offset; /* bytes, from the start of the LUKS header */
    uint32_t master_key_iterations;
    qcow2_keyslot slots[QCOW2_KEYSLOTS];
    uint64_t password_rounds; /* of PBKDF2, to try a password in all active slots */
} qcow2_encryption;

/* How the image is encrypted.  encryption_size is sizeof(qcow2_encryption) of the caller's
 * header. */
QCOW2_PUBLIC int qcow2_get_encryption(qcow2_image *image, qcow2_encryption *encryption,
                                      size_t encryption_size);

/* The name of the file, or the URI of the export, that the image was opened by. */
QCOW2_PUBLIC const char *qcow2_get_filename(const qcow2_image *image);

/* What it is called: as qcow2_open_options_set_name said, or the same. */
QCOW2_PUBLIC const char *qcow2_get_name(const qcow2_image *image);

/* The opened backing image, or NULL.  It belongs to the image and must not be closed; reading,
 * mapping and asking for facts are allowed. */
QCOW2_PUBLIC qcow2_image *qcow2_get_backing(qcow2_image *image);

/* 1: the image, a layer below it, a data file, or a backing file of one of these is stored in this
 * file, by whatever names they were opened and the file is named: to write to the file is to write
 * to them.  0: not, or there is no such file.  Exports on servers are never recognized.  -1 on
 * failure.  Of a data file that was not opened (QCOW2_OPEN_NO_IO) only the name is known: a file
 * of this name beside the image, and one in the working directory, both count. */
QCOW2_PUBLIC int qcow2_uses_file(qcow2_image *image, const char *filename);

/* 1: what is changed in the other image is written to bytes of a file in which the first one is
 * stored, as above; the other one's backing files are not written.  0: not.  -1 on failure.  Parts
 * of a file that do not overlap are different files.  The images may be the same one. */
QCOW2_PUBLIC int qcow2_uses_file_of(qcow2_image *image, qcow2_image *written);

/* ------------------------------------------------------------------------------------------------
 * Internal snapshots (ENOTSUP for raw, luks and qcow)
 */

typedef struct {
    const char *id;
    const char *name;
    uint64_t vm_state_size; /* bytes */
    uint64_t disk_size;     /* bytes; of the virtual disk in the snapshot */
    uint32_t date_sec;      /* seconds since 1970, UTC */
    uint32_t date_nsec;
    uint64_t vm_clock_nsec;
    uint64_t icount; /* UINT64_MAX: not recorded */
} qcow2_snapshot;

typedef int qcow2_snapshot_callback(void *opaque, const qcow2_snapshot *snapshot);

/* In the table's order; of a raw image that lies in the disk of another one those of that one.
 * ENOTSUP: another format has none.  The strings live for the callback only, which may use the
 * image and returns 0 to go on; anything else ends the list, and is returned. */
QCOW2_PUBLIC int qcow2_snapshot_list(qcow2_image *image, qcow2_snapshot_callback *callback,
                                     void *opaque);
/* From now on the image, which is open read-only and has no backing file open, shows the disk of
 * the snapshot of this index, from 0, in the order of the list: its size, what is read, its map.
 * EINVAL: it is not so open.  After a failure (ENOENT: there is no such snapshot; EINVAL; EIO)
 * nothing of it may be read until another one is shown. */
QCOW2_PUBLIC int qcow2_snapshot_show(qcow2_image *image, uint32_t index);
/* Creating, applying or deleting a snapshot is done, or not at all.  If something fails when it is
 * done (space that is to be free now), the sentence begins so: "Snapshot 'x' is deleted, but". */
QCOW2_PUBLIC int qcow2_snapshot_create(qcow2_image *image, const char *name);

/* An id is looked for first, then a name.  ENOENT if there is none. */
QCOW2_PUBLIC int qcow2_snapshot_apply(qcow2_image *image, const char *id_or_name);
QCOW2_PUBLIC int qcow2_snapshot_delete(qcow2_image *image, const char *id_or_name);

/* The VM state: room beside the virtual disk, for the memory of the machine that runs on it.
 * Snapshots keep it together with the disk.  A machine is saved by writing its state (offsets are
 * counted from the start of the state), then creating a snapshot that records its size; the
 * snapshot has taken the state over from then on.  The state is read after the snapshot was
 * applied, or with the snapshot opened as an image of its own (qcow2_open_options_set_snapshot).
 *
 * What was not written reads as zeroes.  qcow2_resize drops a state that no snapshot holds.  Writes
 * are durable after qcow2_flush, with QCOW2_FUA, and when a snapshot has been created.  Errors as
 * of qcow2_pread and qcow2_pwrite, except: EFBIG, there is no room for so much; ENOTSUP, there is
 * no such room (raw, luks and qcow images, images with an external data file or with AES). */
QCOW2_PUBLIC int qcow2_vm_state_pread(qcow2_image *image, void *buf, size_t count, uint64_t offset,
                                      uint32_t flags);
QCOW2_PUBLIC int qcow2_vm_state_pwrite(qcow2_image *image, const void *buf, size_t count,
                                       uint64_t offset, uint32_t flags);

/* Create a snapshot with all that is given but id and disk_size, which are the library's.
 * snapshot_size is sizeof(qcow2_snapshot) of the caller's header.  The snapshot stands even if
 * the active image could not give up the state that it has taken over: that costs space only. */
QCOW2_PUBLIC int qcow2_snapshot_create_with_state(qcow2_image *image,
                                                  const qcow2_snapshot *snapshot,
                                                  size_t snapshot_size);

/* ------------------------------------------------------------------------------------------------
 * Persistent bitmaps (version 3 images; ENOTSUP for others)
 *
 * A bitmap has a bit for every piece of granularity bytes of the virtual disk.  While it is
 * enabled, each change that a guest could see sets the bits of the pieces it touches: writing,
 * zeroing, discarding, applying a snapshot, growing.
 *
 * The calls that change a bitmap are atomic, and durable when they return 0, with one exception:
 * the bits of an enabled bitmap are kept in memory from the first change of the disk until
 * qcow2_close.  A program that does not get that far leaves the bitmap inconsistent, which is found
 * when the image is opened the next time; it can then only be removed.
 */

/* Bits of qcow2_bitmap.flags. */
#define QCOW2_BITMAP_ENABLED 0x0001u      /* changes of the disk set bits */
#define QCOW2_BITMAP_INCONSISTENT 0x0002u /* may lack bits: useless */

typedef struct {
    const char *name;
    uint64_t granularity; /* bytes, a power of two from 512 to 2 GiB */
    uint32_t flags;       /* QCOW2_BITMAP_... */
} qcow2_bitmap;

typedef int qcow2_bitmap_callback(void *opaque, const qcow2_bitmap *bitmap);

/* In the directory's order.  The strings live for the callback only, which may use the image and
 * returns 0 to go on; anything else ends the list, and is returned. */
QCOW2_PUBLIC int qcow2_bitmap_list(qcow2_image *image, qcow2_bitmap_callback *callback,
                                   void *opaque);

/* A new bitmap without a bit set.  The name has 1 to 1023 bytes.  granularity 0: the cluster size,
 * but at least 4 KiB and at most 64 KiB.  flags: QCOW2_BITMAP_ENABLED or 0.  EEXIST if there is one
 * of that name. */
QCOW2_PUBLIC int qcow2_bitmap_add(qcow2_image *image, const char *name, uint64_t granularity,
                                  uint32_t flags);

/* The calls below: ENOENT if there is none of that name; EINVAL if it is inconsistent, except for
 * removing. */
QCOW2_PUBLIC int qcow2_bitmap_remove(qcow2_image *image, const char *name);
QCOW2_PUBLIC int qcow2_bitmap_clear(qcow2_image *image, const char *name);
QCOW2_PUBLIC int qcow2_bitmap_enable(qcow2_image *image, const char *name);
QCOW2_PUBLIC int qcow2_bitmap_disable(qcow2_image *image, const char *name);

/* Set the bits of the pieces that a bitmap of another image, or of the same one, has set a bit for.
 * The virtual disks have the same size; the granularities may differ. */
QCOW2_PUBLIC int qcow2_bitmap_merge(qcow2_image *image, const char *name, qcow2_image *source,
                                    const char *source_name);

/* A range of the disk whose bits are all set (dirty) or all clear.  Returns 0 to go on; anything
 * else ends the walk, and qcow2_bitmap_extents returns it.  It may use the image. */
typedef int qcow2_bitmap_extent_callback(void *opaque, uint64_t offset, uint64_t length,
                                         bool dirty);

/* The extents of a range, in order, without gaps, neighbours merged. */
QCOW2_PUBLIC int qcow2_bitmap_extents(qcow2_image *image, const char *name, uint64_t count,
                                      uint64_t offset, qcow2_bitmap_extent_callback *callback,
                                      void *opaque);

/* ------------------------------------------------------------------------------------------------
 * Creating and changing images
 */

QCOW2_PUBLIC qcow2_create_options *qcow2_create_options_new(void);
QCOW2_PUBLIC void qcow2_create_options_free(qcow2_create_options *options);

/* Set one option by the name and in the spelling of qemu-img's -o.  Numbers are plain decimal;
 * suffixes are the caller's business.  A switch is "on" or "off", or as QEMU has it "yes", "no",
 * "true", "false", "y", "n".  EINVAL for a bad value, ENOENT for an unknown name, ENOTSUP for what
 * is not handled:
 *   size, cluster_size          bytes
 *   compat                      "0.10" or "v2", "1.1" or "v3"
 *   refcount_bits               1 to 64, a power of two
 *   lazy_refcounts, extended_l2, data_file_raw                  switches
 *   backing_file, backing_fmt, data_file                        names
 *   preallocation               "off", "metadata", "falloc", "full"
 *   compression_type            "zlib", "zstd"
 *   compression_level, compression_window                       accepted if the image could
 *                               be written with them (qcow2_open_options_set), and not kept
 *   encryption                  a switch: "on" is ENOTSUP
 *   encrypt.format              "luks"; "aes" is ENOTSUP
 *   encrypt.cipher-alg, encrypt.cipher-mode, encrypt.ivgen-alg, encrypt.ivgen-hash-alg,
 *   encrypt.hash-alg, encrypt.iter-time (milliseconds)          for luks without "encrypt." */
QCOW2_PUBLIC int qcow2_create_options_set(qcow2_create_options *options, const char *name,
                                          const char *value);
/* "qcow2" (the default), "raw" or "luks". */
QCOW2_PUBLIC int qcow2_create_options_set_format(qcow2_create_options *options, const char *format);

/* The password of an encrypted image: size bytes, which are copied, and wiped when the options are
 * freed. */
QCOW2_PUBLIC int qcow2_create_options_set_secret(qcow2_create_options *options, const void *secret,
                                                 size_t size);

/* Flags of qcow2_create_options_set_flags. */
/* The name is the URI of an export on an NBD server, large enough. */
#define QCOW2_CREATE_NBD 0x0001u

QCOW2_PUBLIC int qcow2_create_options_set_flags(qcow2_create_options *options, uint32_t flags);

/* How long the file may become when the image is filled, in bytes; qcow2_measure tells.  The
 * refcount table is made so large that it need not grow on the way, which would leave holes in the
 * file: then what was measured is not exceeded.  0, the default: not known.  Of no effect with a
 * data file and for formats other than qcow2. */
QCOW2_PUBLIC int qcow2_create_options_set_expected_length(qcow2_create_options *options,
                                                          uint64_t bytes);

/* Create or overwrite the named file.  The backing file, if any, is recorded and not opened. */
QCOW2_PUBLIC int qcow2_create(const char *filename, const qcow2_create_options *options);

typedef struct {
    uint64_t required; /* bytes the new image takes at most when it holds the source's data */
    uint64_t fully_allocated; /* bytes it takes when every cluster is allocated */
    uint64_t bitmaps; /* bytes that the source's bitmaps take beside that, if both may have some */
} qcow2_measurement;

/* How large an image with these options would become: with the content of source, or with none if
 * source is NULL (then the options' size counts). */
QCOW2_PUBLIC int qcow2_measure(const qcow2_create_options *options, qcow2_image *source,
                               qcow2_measurement *measurement, size_t measurement_size);

/* Flags of qcow2_resize.  Of the last three, which are for growing, the last that is given
 * counts. */
#define QCOW2_RESIZE_SHRINK 0x0001u   /* allow a smaller size */
#define QCOW2_RESIZE_METADATA 0x0002u /* map the new part to host clusters (qcow2 only) */
#define QCOW2_RESIZE_FALLOC 0x0004u   /* and reserve the space */
#define QCOW2_RESIZE_FULL 0x0008u     /* and write zeroes to it */

/* Change the size of the virtual disk (qcow2: a multiple of 512).  A new part reads as zeroes.
 * After a power cut the size is the old or the new one; when shrinking, what lies beyond the new
 * size may read as zeroes before it is gone.  EINVAL for a smaller size that was not allowed, for
 * preallocation with it, and for an image that was opened with QCOW2_OPEN_NO_IO or without its
 * backing file; EROFS; ENOTSUP for what the format cannot do (a version 2 image with snapshots);
 * EFBIG; ENOSPC. */
QCOW2_PUBLIC int qcow2_resize(qcow2_image *image, uint64_t size, uint32_t flags);

/* How far a long call has come: done of total units, whatever they are.  Returns 0 to go on;
 * anything else ends the call with ECANCELED, unless it is complete (done == total).  It must not
 * use the image. */
typedef int qcow2_progress_callback(void *opaque, uint64_t done, uint64_t total);

QCOW2_PUBLIC qcow2_amend_options *qcow2_amend_options_new(void);
QCOW2_PUBLIC void qcow2_amend_options_free(qcow2_amend_options *options);

/* Set what is to be changed, by the name and in the spelling of qemu-img's amend -o: compat, size
 * (bytes), refcount_bits, lazy_refcounts, data_file, data_file_raw; backing_file and backing_fmt
 * only as they are.  A value of NULL: leave it as it is, after all.  EINVAL for a bad value, ENOENT
 * for an unknown name. */
QCOW2_PUBLIC int qcow2_amend_options_set(qcow2_amend_options *options, const char *name,
                                         const char *value);

/* Flags of qcow2_amend_options_set_flags. */
#define QCOW2_AMEND_FORCE 0x0001u /* change key slots even where that loses the disk */

QCOW2_PUBLIC int qcow2_amend_options_set_flags(qcow2_amend_options *options, uint32_t flags);

/* The password that a key slot gets, and the one that tells which slots are erased; both are
 * copied. encrypt.state, encrypt.keyslot (0 to 7) and encrypt.iter-time (milliseconds; the same
 * names without "encrypt." do for images of the format luks) say what is done with them. */
QCOW2_PUBLIC int qcow2_amend_options_set_new_secret(qcow2_amend_options *options,
                                                    const void *secret, size_t size);
QCOW2_PUBLIC int qcow2_amend_options_set_old_secret(qcow2_amend_options *options,
                                                    const void *secret, size_t size);

/* Change an existing image.  What the guest and the snapshots hold stays the same (but for what a
 * smaller size cuts off); bitmaps are lost when the version becomes 2.  After a power cut the image
 * is as before or as after; a new size takes effect at an instant of its own, and so does each key
 * slot, which opens with the old or the new password whenever the power is cut (unless all eight
 * were active and one is overwritten).  The progress callback may be NULL.  EINVAL, ENOTSUP and
 * EXDEV (another backing file: qcow2_rebase) say what is not possible, before anything has
 * changed. */
QCOW2_PUBLIC int qcow2_amend(qcow2_image *image, const qcow2_amend_options *options,
                             qcow2_progress_callback *progress, void *opaque);

/* Flags of qcow2_rebase. */
#define QCOW2_REBASE_UNSAFE 0x0001u /* change the recorded name only */

/* Record another backing file (NULL or "": none) and its format.  new_backing is that file, opened,
 * which no other thread may change until the call returns; the image gets what differs between the
 * old backing file and the new one, so that the guest sees the same at every instant, power cuts
 * included.  Internal snapshots are not looked at.  With QCOW2_REBASE_UNSAFE neither file is looked
 * at, and new_backing may be NULL.  The handle goes on with the old backing file: close it and open
 * the image anew.  EINVAL, ENOTSUP; ENOSPC if the name does not fit in the first cluster.  In bytes
 * of the disk, progress tells how far the comparison is. */
QCOW2_PUBLIC int qcow2_rebase(qcow2_image *image, const char *backing_file,
                              const char *backing_format, qcow2_image *new_backing, uint32_t flags,
                              qcow2_progress_callback *progress, void *opaque);

/* Flags of qcow2_commit. */
#define QCOW2_COMMIT_KEEP 0x0001u /* do not empty the image */

/* Write what the image and the backing files above the one at this depth (1: its own) hold into
 * that one, which must have been opened for writing (qcow2_open_options_set_writable_backing) and
 * grows if it is shorter.  When that is durable the image is emptied, which needs depth 1: EINVAL.
 * The guest sees the same at every instant. rate_limit: bytes copied in a second, 0: any.  In bytes
 * of the disk, progress tells how far the copy is; ended by it, both images are as good as
 * before. */
QCOW2_PUBLIC int qcow2_commit(qcow2_image *image, unsigned depth, uint64_t rate_limit,
                              uint32_t flags, qcow2_progress_callback *progress, void *opaque);

/* ------------------------------------------------------------------------------------------------
 * Checking
 */

typedef struct {
    uint64_t corruptions;         /* errors found, and not repaired */
    uint64_t leaks;               /* clusters in use by nobody, and not repaired */
    uint64_t check_errors;        /* what could not be looked at */
    uint64_t corruptions_fixed;   /* errors repaired */
    uint64_t leaks_fixed;         /* clusters given back */
    uint64_t image_end_offset;    /* bytes, to the end of the last cluster in use; 0: unknown */
    uint64_t total_clusters;      /* guest clusters of the disk */
    uint64_t allocated_clusters;  /* those that have a place in the file */
    uint64_t fragmented_clusters; /* those that do not follow the one before them in the file */
    uint64_t compressed_clusters; /* those that are compressed */
    uint64_t uncounted; /* those of corruptions that are in use with a count of 0, or lead there */
} qcow2_check_result;

/* One finding, in the wording of qemu-img ("ERROR cluster 5 refcount=1 reference=2"). */
typedef void qcow2_check_message(void *opaque, const char *message);

/* Flags of qcow2_check. */
#define QCOW2_CHECK_REPAIR_LEAKS 0x0001u /* give lost space back */
#define QCOW2_CHECK_REPAIR_ALL 0x0002u   /* and correct errors */

/* Compare the image's reference counts with its references, and repair what the flags say.  The
 * image is kept busy meanwhile: message must not use it.  Returns 0 when the check could be done,
 * whatever it found.
 *
 * To be repaired the image must be opened with QCOW2_OPEN_CHECK and without QCOW2_OPEN_READ_ONLY
 * (EINVAL, EROFS).  What was repaired is counted in leaks_fixed and corruptions_fixed, what could
 * not be is in leaks and corruptions; a second check tells what is left.  With REPAIR_LEAKS alone,
 * EUCLEAN says that the reference counts must be rebuilt as a whole.  The data of the disk and of
 * its snapshots are never written; with REPAIR_ALL what lies beyond the end of the file is given
 * up, and reads as zeroes, if there is a message to tell it to.  A power cut meanwhile leaves an
 * image that a later call repairs. The dirty and corrupt bits are cleared when nothing is left that
 * they speak of. */
QCOW2_PUBLIC int qcow2_check(qcow2_image *image, uint32_t flags, qcow2_check_result *result,
                             size_t result_size, qcow2_check_message *message, void *opaque);

#ifdef __cplusplus
}
#endif

#endif /* QCOW2_H */
