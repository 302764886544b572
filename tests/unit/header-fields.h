/* SPDX-License-Identifier: BSD-3-Clause */
/* header-fields.h - where the fields of a header lie that tests damage: place and bytes */

#ifndef QCOW2_TESTS_HEADER_FIELDS_H
#define QCOW2_TESTS_HEADER_FIELDS_H

#include <stdint.h>

/* A big-endian number of so many bytes; 0 bytes: no patch. */
struct patch {
    uint64_t at;
    uint32_t bytes;
    uint64_t value;
};

#define FORMAT_VERSION 4, 4
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

#endif
