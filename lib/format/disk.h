/* SPDX-License-Identifier: BSD-3-Clause */
/* disk.h - qcow2 as it lies on disk: every structure, mask and limit
 *
 * The words are those of the qcow2 specification.  All integers are big-endian; offsets into a
 * structure are given as constants where only part of it is ever rewritten, so that a change of
 * the header is one small write inside its first sector.
 */

#ifndef QCOW2_FORMAT_DISK_H
#define QCOW2_FORMAT_DISK_H

#include <stdint.h>

/* ---- Header (cluster 0) ---- */

#define QCOW2_MAGIC 0x514649fbu /* "QFI\xfb" */

struct disk_header {
    uint32_t magic;
    uint32_t version;
    uint64_t backing_file_offset;
    uint32_t backing_file_size;
    uint32_t cluster_bits;
    uint64_t size;
    uint32_t crypt_method;
    uint32_t l1_size;
    uint64_t l1_table_offset;
    uint64_t refcount_table_offset;
    uint32_t refcount_table_clusters;
    uint32_t nb_snapshots;
    uint64_t snapshots_offset;
    /* version 3 */
    uint64_t incompatible_features;
    uint64_t compatible_features;
    uint64_t autoclear_features;
    uint32_t refcount_order;
    uint32_t header_length;
    /* present if header_length says so */
    uint8_t compression_type;
    uint8_t padding[7];
} __attribute__((packed));

_Static_assert(sizeof(struct disk_header) == 112, "the header has 112 bytes");

#define HEADER_V2_LENGTH 72u
#define HEADER_V3_MIN_LENGTH 104u
#define HEADER_LENGTH 112u /* what we write */
#define HEADER_SECTOR 512u /* what one atomic write of the header may cover */

/* Fields that are rewritten in place, with their neighbours that change in the same write. */
#define HEADER_SIZE_AT 24u           /* size */
#define HEADER_L1_AT 36u             /* l1_size, l1_table_offset: 12 bytes */
#define HEADER_REFCOUNT_TABLE_AT 48u /* refcount_table_offset, _clusters: 12 bytes */
#define HEADER_SNAPSHOTS_AT 60u      /* nb_snapshots, snapshots_offset: 12 bytes */
#define HEADER_INCOMPATIBLE_AT 72u
#define HEADER_AUTOCLEAR_AT 88u

#define INCOMPATIBLE_DIRTY (UINT64_C(1) << 0)
#define INCOMPATIBLE_CORRUPT (UINT64_C(1) << 1)
#define INCOMPATIBLE_DATA_FILE (UINT64_C(1) << 2)
#define INCOMPATIBLE_COMPRESSION (UINT64_C(1) << 3)
#define INCOMPATIBLE_EXTENDED_L2 (UINT64_C(1) << 4)
#define INCOMPATIBLE_KNOWN UINT64_C(0x1f)

#define COMPATIBLE_LAZY_REFCOUNTS (UINT64_C(1) << 0)

#define AUTOCLEAR_BITMAPS (UINT64_C(1) << 0)
#define AUTOCLEAR_RAW_DATA_FILE (UINT64_C(1) << 1)
#define AUTOCLEAR_KNOWN UINT64_C(0x3)

enum { CRYPT_NONE = 0, CRYPT_AES = 1, CRYPT_LUKS = 2 };
enum { COMPRESSION_DEFLATE = 0, COMPRESSION_ZSTD = 1 };

/* ---- Header extensions ---- */

#define EXTENSION_HEAD 8u /* type and length, before the data */
#define EXTENSION_END 0x00000000u
#define EXTENSION_BACKING_FORMAT 0xe2792acau
#define EXTENSION_FEATURE_NAMES 0x6803f857u
#define EXTENSION_BITMAPS 0x23852875u
#define EXTENSION_CRYPTO 0x0537be77u
#define EXTENSION_DATA_FILE 0x44415441u
#define EXTENSION_PADDING 0x50414464u /* ours, unknown to others: "PADd" (header_encode.h) */

#define EXTENSION_BITMAPS_NB_AT 0u /* then 4 reserved bytes */
#define EXTENSION_BITMAPS_SIZE_AT 8u
#define EXTENSION_BITMAPS_OFFSET_AT 16u
#define EXTENSION_CRYPTO_OFFSET_AT 0u
#define EXTENSION_CRYPTO_LENGTH_AT 8u

struct disk_feature_name {
    uint8_t type; /* 0 incompatible, 1 compatible, 2 autoclear */
    uint8_t bit;
    char name[46]; /* zero padded, perhaps unterminated */
} __attribute__((packed));

_Static_assert(sizeof(struct disk_feature_name) == 48, "a feature name has 48 bytes");

/* ---- Tables ---- */

#define L1_ENTRY_SIZE 8u
#define L2_ENTRY_SIZE 8u
#define EXTENDED_L2_ENTRY_SIZE 16u /* a descriptor, then a bitmap of subclusters */
#define EXTENDED_L2_BITMAP_AT 8u
#define EXTENDED_L2_SUBCLUSTERS 32u
#define REFCOUNT_TABLE_ENTRY_SIZE 8u

#define ENTRY_COPIED (UINT64_C(1) << 63)
#define L1_OFFSET_MASK UINT64_C(0x00fffffffffffe00)
#define L1_RESERVED_MASK UINT64_C(0x7f000000000001ff)

#define L2_COMPRESSED (UINT64_C(1) << 62)
#define L2_ZERO (UINT64_C(1) << 0)
#define L2_OFFSET_MASK UINT64_C(0x00fffffffffffe00)
#define L2_RESERVED_MASK UINT64_C(0x3f000000000001fe)    /* of a standard descriptor */
#define L2_BITMAP_ALLOCATED UINT64_C(0x00000000ffffffff) /* bit x: subcluster x is allocated */
#define L2_BITMAP_ZERO UINT64_C(0xffffffff00000000)      /* bit 32 + x: it reads as zeroes */
#define COMPRESSED_SECTOR 512u

#define REFCOUNT_TABLE_OFFSET_MASK UINT64_C(0xfffffffffffffe00)
#define REFCOUNT_TABLE_RESERVED_MASK UINT64_C(0x1ff)

/* ---- Snapshot table entry ---- */

struct disk_snapshot {
    uint64_t l1_table_offset;
    uint32_t l1_size;
    uint16_t id_size;
    uint16_t name_size;
    uint32_t date_sec;
    uint32_t date_nsec;
    uint64_t vm_clock_nsec;
    uint32_t vm_state_size;
    uint32_t extra_data_size;
} __attribute__((packed));

_Static_assert(sizeof(struct disk_snapshot) == 40, "a snapshot entry starts with 40 bytes");

#define SNAPSHOT_EXTRA_VM_STATE_SIZE_AT 0u
#define SNAPSHOT_EXTRA_DISK_SIZE_AT 8u
#define SNAPSHOT_EXTRA_ICOUNT_AT 16u
#define SNAPSHOT_EXTRA_KNOWN 24u
#define SNAPSHOT_EXTRA_MIN_V3 16u

/* ---- Bitmaps ---- */

struct disk_bitmap {
    uint64_t table_offset;
    uint32_t table_size; /* entries */
    uint32_t flags;
    uint8_t type;
    uint8_t granularity_bits;
    uint16_t name_size;
    uint32_t extra_data_size;
} __attribute__((packed));

_Static_assert(sizeof(struct disk_bitmap) == 24, "a bitmap directory entry starts with 24 bytes");

#define BITMAP_TYPE_TRACKING 1u
#define BITMAP_IN_USE (1u << 0)
#define BITMAP_AUTO (1u << 1)
#define BITMAP_FLAGS_RESERVED 0xfffffffcu
#define BITMAP_TABLE_ENTRY_SIZE 8u
#define BITMAP_TABLE_OFFSET_MASK UINT64_C(0x00fffffffffffe00)
#define BITMAP_TABLE_RESERVED_MASK UINT64_C(0xff000000000001fe)
#define BITMAP_TABLE_ALL_ONES (UINT64_C(1) << 0)

/* ---- Limits: the specification's, and those of other implementations that we stay inside ---- */

#define MIN_CLUSTER_BITS 9u
#define MAX_CLUSTER_BITS 21u
#define MIN_EXTENDED_L2_CLUSTER_BITS 14u
#define MAX_REFCOUNT_ORDER 6u
#define MAX_L1_BYTES (UINT64_C(32) << 20)
#define MAX_REFCOUNT_TABLE_BYTES (UINT64_C(8) << 20)
#define MAX_SNAPSHOTS 65536u
#define MAX_SNAPSHOT_EXTRA 1024u
#define MAX_SNAPSHOT_TABLE_BYTES (UINT64_C(1024) * 65536)
#define MAX_BITMAPS 65535u
#define MAX_BITMAP_DIRECTORY_BYTES (UINT64_C(1024) * 65535)
#define MAX_BITMAP_TABLE_ENTRIES 0x8000000u
#define MAX_BITMAP_BYTES (UINT64_C(512) << 20)
#define MAX_BITMAP_NAME_SIZE 1023u
#define MIN_BITMAP_GRANULARITY_BITS 9u
#define MAX_BITMAP_GRANULARITY_BITS 31u
#define MAX_BACKING_FILE_SIZE 1023u
#define MAX_BACKING_FORMAT_SIZE 15u
#define MAX_HOST_OFFSET (UINT64_C(1) << 56)
#define MAX_BACKING_DEPTH 200u

#endif
