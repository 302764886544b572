/* SPDX-License-Identifier: BSD-3-Clause */
/* header.h - the first cluster: header, header extensions, backing file name
 *
 * header_decode is the edge at which every number of the header is validated; what it returns may
 * be trusted by everything above.  It needs one copy of the first cluster and the file's length,
 * and does no I/O.
 */

#ifndef QCOW2_FORMAT_HEADER_H
#define QCOW2_FORMAT_HEADER_H

#include <stdbool.h>
#include <stddef.h>

#include "format/geometry.h"

/* Bytes as an image has them. */
struct header_bytes {
    uint8_t *data;
    size_t size;
};

struct header {
    uint32_t version;
    uint64_t size; /* of the virtual disk, bytes, a multiple of 512 */
    uint32_t crypt_method;
    uint32_t l1_size; /* entries */
    uint64_t l1_table_offset;
    uint64_t refcount_table_offset;
    uint32_t refcount_table_clusters;
    uint32_t nb_snapshots;
    uint64_t snapshots_offset;
    uint64_t incompatible_features;
    uint64_t compatible_features;
    uint64_t autoclear_features;
    uint32_t compression_type;
    struct geometry geometry;

    char *backing_file;   /* NULL: none */
    char *backing_format; /* NULL: not recorded */
    char *data_file;      /* NULL: not recorded */
    bool has_bitmaps;     /* the bitmaps extension is there */

    /* As recorded in the extensions, and 0 without them: whoever follows them validates. */
    uint64_t crypto_offset; /* of the encryption header */
    uint64_t crypto_length; /* bytes */
    uint32_t nb_bitmaps;
    uint64_t bitmap_directory_size; /* bytes */
    uint64_t bitmap_directory_offset;

    /* Kept as they are when the header is written anew. */
    struct header_bytes feature_names;      /* the data of the extension */
    struct header_bytes unknown_extensions; /* whole, one behind the other, each padded to 8 */
    struct header_bytes unknown_fields;     /* from HEADER_LENGTH to the header's end */
};

/* Set when the image is opened only to be checked: tables may be damaged. */
#define HEADER_FOR_CHECK 0x1u
/* Set when it is opened to be read only: the disk can be read without the snapshot table. */
#define HEADER_FOR_READING 0x2u

/* log2 of the cluster size from the first 512 bytes, validated; -1 with the error set. */
int header_decode_cluster_bits(const uint8_t *sector);

/* cluster: the first cluster, as far as the file reaches, zero padded.  The sentence of an error
 * does not name the file. */
int header_decode(const uint8_t *cluster, uint64_t file_length, uint32_t flags,
                  struct header *header);
void header_destroy(struct header *header);

/* A copy that is changed before it is written (header_encode.h); header_destroy it. */
int header_copy(struct header *to, const struct header *from);

#endif
