/* SPDX-License-Identifier: BSD-3-Clause */
/* qcow1.h - qcow, version 1: qcow2's ancestor, as it lies on disk
 *
 * A header, an L1 table, L2 tables; no reference counts, no snapshots, no features.  All integers
 * are big-endian.
 *
 *   guest offset g:  l1_index = g >> (cluster_bits + l2_bits)
 *                    l2_index = (g >> cluster_bits) % 2^l2_bits
 *   L1 entry         offset of an L2 table; 0: none
 *   L2 entry         bit 63 clear: offset of a cluster; 0: not allocated
 *                    bit 63 set: a deflate stream; its offset in the lowest 63 - cluster_bits bits,
 *                    its length in bytes above them
 *
 * The backing file name may lie anywhere, and its format is not recorded.
 */

#ifndef QCOW2_FORMAT_QCOW1_H
#define QCOW2_FORMAT_QCOW1_H

#include <stdint.h>

#define QCOW1_VERSION 1u

struct disk_qcow1_header {
    uint32_t magic; /* QCOW2_MAGIC */
    uint32_t version;
    uint64_t backing_file_offset;
    uint32_t backing_file_size;
    uint32_t mtime; /* of the backing file, seconds since 1970; nobody uses it */
    uint64_t size;  /* of the virtual disk, bytes */
    uint8_t cluster_bits;
    uint8_t l2_bits; /* log2 of the entries of an L2 table */
    uint16_t padding;
    uint32_t crypt_method; /* CRYPT_NONE or CRYPT_AES */
    uint64_t l1_table_offset;
} __attribute__((packed));

_Static_assert(sizeof(struct disk_qcow1_header) == 48, "the header has 48 bytes");

#define QCOW1_ENTRY_SIZE 8u
#define QCOW1_COMPRESSED (UINT64_C(1) << 63)
#define QCOW1_MIN_CLUSTER_BITS 9u
#define QCOW1_MAX_CLUSTER_BITS 16u
#define QCOW1_MIN_L2_BITS 6u /* a table of 512 bytes */
#define QCOW1_MAX_L2_BITS 13u
#define QCOW1_SECTOR 512u /* clusters lie at multiples of it */
#define QCOW1_MAX_L1_BYTES (UINT64_C(1) << 31)

struct qcow1_header {
    uint64_t size; /* of the virtual disk, bytes, a multiple of 512 */
    uint32_t cluster_bits;
    uint32_t l2_bits;
    uint32_t crypt_method;
    uint64_t l1_size; /* entries */
    uint64_t l1_table_offset;
    uint64_t backing_file_offset; /* 0: none */
    uint32_t backing_file_size;   /* bytes */
};

/* The first bytes of the file, validated.  The sentence of an error does not name the file. */
int qcow1_header_decode(const struct disk_qcow1_header *disk, uint64_t file_length,
                        struct qcow1_header *header);

/* Where the stream of a compressed entry lies, and its bytes. */
static inline uint64_t qcow1_stream_offset(const struct qcow1_header *h, uint64_t entry)
{
    return entry & ((UINT64_C(1) << (63 - h->cluster_bits)) - 1);
}

static inline uint64_t qcow1_stream_length(const struct qcow1_header *h, uint64_t entry)
{
    return entry >> (63 - h->cluster_bits) & ((UINT64_C(1) << h->cluster_bits) - 1);
}

#endif
