/* SPDX-License-Identifier: BSD-3-Clause */
/* qcow1.c - the header of qcow, version 1 */

#include "format/qcow1.h"

#include <errno.h>
#include <inttypes.h>

#include "base/bits.h"
#include "base/error.h"
#include "format/disk.h"

static int check_version(const struct disk_qcow1_header *disk)
{
    uint32_t version = be32toh(disk->version);

    if (be32toh(disk->magic) != QCOW2_MAGIC)
        return error_set(EINVAL, "Image not in qcow format");
    if (version != QCOW1_VERSION) {
        error_set(ENOTSUP, "qcow (v%u) does not support qcow version %" PRIu32, QCOW1_VERSION,
                  version);
        return error_hint("Try the 'qcow2' driver instead.");
    }
    return 0;
}

static int decode_geometry(const struct disk_qcow1_header *disk, struct qcow1_header *h)
{
    h->cluster_bits = disk->cluster_bits;
    h->l2_bits = disk->l2_bits;
    if (h->cluster_bits < QCOW1_MIN_CLUSTER_BITS || h->cluster_bits > QCOW1_MAX_CLUSTER_BITS)
        return error_set(EINVAL, "Cluster size must be between 512 and 64k");
    if (h->l2_bits < QCOW1_MIN_L2_BITS || h->l2_bits > QCOW1_MAX_L2_BITS)
        return error_set(EINVAL, "L2 table size must be between 512 and 64k");
    return 0;
}

static int decode_l1(const struct disk_qcow1_header *disk, uint64_t file_length,
                     struct qcow1_header *h)
{
    uint64_t size = be64toh(disk->size), bytes;

    if (size <= 1)
        return error_set(EINVAL, "Image size is too small (must be at least 2 bytes)");
    if (size > INT64_MAX)
        return error_set(EINVAL, "Image too large");
    h->size = round_down(size, 512);
    h->l1_size = div_round_up(size, UINT64_C(1) << (h->cluster_bits + h->l2_bits));
    bytes = h->l1_size * QCOW1_ENTRY_SIZE;
    if (bytes > QCOW1_MAX_L1_BYTES)
        return error_set(EINVAL, "Image too large");
    h->l1_table_offset = be64toh(disk->l1_table_offset);
    if (!is_aligned(h->l1_table_offset, QCOW1_ENTRY_SIZE) ||
        h->l1_table_offset < sizeof(struct disk_qcow1_header))
        return error_set(EINVAL, "L1 table offset invalid: 0x%" PRIx64, h->l1_table_offset);
    if (!range_within(h->l1_table_offset, bytes, file_length))
        return error_set(EINVAL,
                         "L1 table of %" PRIu64 " bytes at 0x%" PRIx64
                         " lies beyond the end of the file, 0x%" PRIx64,
                         bytes, h->l1_table_offset, file_length);
    return 0;
}

static int decode_backing(const struct disk_qcow1_header *disk, uint64_t file_length,
                          struct qcow1_header *h)
{
    h->backing_file_offset = be64toh(disk->backing_file_offset);
    h->backing_file_size = h->backing_file_offset ? be32toh(disk->backing_file_size) : 0;
    if (h->backing_file_size > MAX_BACKING_FILE_SIZE)
        return error_set(EINVAL, "Backing file name too long: %" PRIu32 " bytes",
                         h->backing_file_size);
    if (!range_within(h->backing_file_offset, h->backing_file_size, file_length))
        return error_set(EINVAL,
                         "Backing file name at 0x%" PRIx64
                         " lies beyond the end of the file, 0x%" PRIx64,
                         h->backing_file_offset, file_length);
    return 0;
}

int qcow1_header_decode(const struct disk_qcow1_header *disk, uint64_t file_length,
                        struct qcow1_header *h)
{
    *h = (struct qcow1_header){ .crypt_method = be32toh(disk->crypt_method) };
    if (check_version(disk) == -1 || decode_geometry(disk, h) == -1)
        return -1;
    if (h->crypt_method > CRYPT_AES)
        return error_set(EINVAL, "invalid encryption method in qcow header");
    if (decode_l1(disk, file_length, h) == -1)
        return -1;
    return decode_backing(disk, file_length, h);
}
