/* SPDX-License-Identifier: BSD-3-Clause */
/* bad-fields.h - where the fields lie that the rows of bad-*.c damage: place and bytes */

#ifndef QCOW2_TESTS_BAD_FIELDS_H
#define QCOW2_TESTS_BAD_FIELDS_H

#include "bad-images.h"
#include "format/disk.h"

#define C ENTRY_COPIED
#define MIB (UINT64_C(1) << 20)

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
