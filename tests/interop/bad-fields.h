/* SPDX-License-Identifier: BSD-3-Clause */
/* bad-fields.h - where the fields lie that the rows of bad-*.c damage: place and bytes */

#ifndef QCOW2_TESTS_BAD_FIELDS_H
#define QCOW2_TESTS_BAD_FIELDS_H

#include "bad-images.h"
#include "format/disk.h"

#define C ENTRY_COPIED
#define MIB (UINT64_C(1) << 20)

/* Fields of the header. */
#define BACKING_OFFSET 8, 8
#define BACKING_SIZE 16, 4
#define CLUSTER_BITS 20, 4
#define SIZE 24, 8
#define CRYPT 32, 4
#define L1_SIZE 36, 4
#define L1_OFFSET 40, 8
#define TABLE_OFFSET 48, 8
#define TABLE_CLUSTERS 56, 4
#define NB_SNAPSHOTS 60, 4
#define SNAPSHOTS_OFFSET 64, 8
#define INCOMPATIBLE 72, 8
#define COMPATIBLE 80, 8
#define AUTOCLEAR 88, 8
#define ORDER 96, 4
#define LENGTH 100, 4
#define COMPRESSION 104, 1
#define EXTENSION 112, 4
#define EXTENSION_LENGTH 116, 4

/* Entries. */
#define TABLE_0 0x1000, 8 /* refcount table */
#define COUNT(cluster) 0x2000 + 2 * (cluster), 2
#define L1_0 0x3000, 8
#define L1_1 0x3008, 8
#define L2_0 0x4000, 8
#define EXTENDED_L2_0 0x10000, 8
#define BITMAP_0 0x10008, 8
#define NB_BITMAPS 120, 4
#define DIRECTORY_SIZE 128, 8
#define DIRECTORY_OFFSET 136, 8
#define BITMAP_ONE(at) 0xe000 + (at) /* directory entries */
#define BITMAP_TWO(at) 0xe020 + (at)
#define BITMAP_TABLE_0 0xd000, 8
#define SNAPSHOT_L1_0 0x9000, 8
#define SNAPSHOT_ENTRY(at) 0xa000 + (at)

#endif
