/* SPDX-License-Identifier: BSD-3-Clause */
/* header.c - the first cluster: header, header extensions, backing file name
 *
 * Decoding goes top down: the fixed fields, then what each says about the tables, then the
 * extensions between the header's end and the backing file name (or the end of the cluster).
 */

#include "format/header.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"

/* ------------------------------------------------------------------------------------------------
 * Decoding: fixed fields
 */

int header_decode_cluster_bits(const uint8_t *sector)
{
    struct disk_header disk;
    uint32_t version, bits;

    memcpy(&disk, sector, sizeof disk);
    if (be32toh(disk.magic) != QCOW2_MAGIC)
        return error_set(EINVAL, "Image is not in qcow2 format");
    version = be32toh(disk.version);
    if (version < 2 || version > 3)
        return error_set(ENOTSUP, "Unsupported qcow2 version %" PRIu32, version);
    bits = be32toh(disk.cluster_bits);
    if (bits < MIN_CLUSTER_BITS || bits > MAX_CLUSTER_BITS)
        return error_set(EINVAL, "Unsupported cluster size: 2^%" PRIu32 " (expected 2^%u to 2^%u)",
                         bits, MIN_CLUSTER_BITS, MAX_CLUSTER_BITS);
    return (int)bits;
}

/* The fields that version 3 added, with version 2's implied values. */
static int decode_version_3(const struct disk_header *disk, const uint8_t *cluster,
                            struct header *h, uint32_t *header_length, uint32_t cluster_bits)
{
    uint32_t order = 4;

    *header_length = HEADER_V2_LENGTH;
    if (h->version == 3) {
        order = be32toh(disk->refcount_order);
        *header_length = be32toh(disk->header_length);
        h->incompatible_features = be64toh(disk->incompatible_features);
        h->compatible_features = be64toh(disk->compatible_features);
        h->autoclear_features = be64toh(disk->autoclear_features);
        if (*header_length < HEADER_V3_MIN_LENGTH)
            return error_set(EINVAL, "qcow2 header too short: %" PRIu32 " bytes (at least %u)",
                             *header_length, HEADER_V3_MIN_LENGTH);
        if (*header_length > UINT64_C(1) << cluster_bits)
            return error_set(EINVAL, "qcow2 header exceeds cluster size: %" PRIu32 " bytes",
                             *header_length);
        if (*header_length % 8 != 0)
            return error_set(EINVAL, "qcow2 header length %" PRIu32 " is not a multiple of 8",
                             *header_length);
        if (*header_length > HEADER_V3_MIN_LENGTH)
            h->compression_type = cluster[HEADER_V3_MIN_LENGTH];
    }
    if (order > MAX_REFCOUNT_ORDER)
        return error_set(EINVAL,
                         "Reference count entry width too large; may not exceed 64 bits "
                         "(refcount_order is %" PRIu32 ")",
                         order);
    h->geometry = geometry_of(cluster_bits, order);
    return 0;
}

static int validate_table(const char *what, uint64_t offset, uint64_t bytes, uint64_t max_bytes,
                          uint64_t file_length, const struct geometry *g)
{
    if (bytes > max_bytes)
        return error_set(EFBIG, "%s too large: %" PRIu64 " bytes (at most %" PRIu64 ")", what,
                         bytes, max_bytes);
    if (offset > INT64_MAX - bytes || !is_aligned(offset, g->cluster_size))
        return error_set(EINVAL,
                         "%s offset invalid: 0x%" PRIx64
                         " (expected a multiple of the cluster size, 0x%" PRIx64 ")",
                         what, offset, g->cluster_size);
    if (bytes > 0 && offset == 0)
        return error_set(EINVAL, "%s offset invalid: 0x0 is the header", what);
    if (bytes > 0 && !range_within(offset, bytes, file_length)) /* nobody follows an empty one */
        return error_set(EINVAL,
                         "%s lies beyond the end of the file: 0x%" PRIx64 " to 0x%" PRIx64
                         ", the file ends at 0x%" PRIx64,
                         what, offset, offset + bytes, file_length);
    return 0;
}

static int validate_tables(const struct header *h, uint64_t file_length, uint32_t flags)
{
    const struct geometry *g = &h->geometry;
    uint64_t table_bytes = (uint64_t)h->refcount_table_clusters << g->cluster_bits;
    bool for_check = flags & HEADER_FOR_CHECK;
    uint64_t whole = for_check ? INT64_MAX : round_up(file_length, g->cluster_size);
    uint64_t end = for_check ? INT64_MAX : file_length;

    if (h->refcount_table_clusters == 0 && !for_check)
        return error_set(EINVAL, "Image does not contain a reference count table");
    if (validate_table("Reference count table", h->refcount_table_offset, table_bytes,
                       MAX_REFCOUNT_TABLE_BYTES, whole, g) == -1)
        return -1;
    if (validate_table("Active L1 table", h->l1_table_offset, (uint64_t)h->l1_size * L1_ENTRY_SIZE,
                       MAX_L1_BYTES, end, g) == -1)
        return -1;
    if (h->size > INT64_MAX || geometry_l1_entries(g, h->size) > h->l1_size)
        return error_set(
            EINVAL, "L1 table is too small: %" PRIu32 " entries for a disk of %" PRIu64 " bytes",
            h->l1_size, h->size);
    if (h->nb_snapshots > MAX_SNAPSHOTS)
        return error_set(EINVAL, "Snapshot table too large: %" PRIu32 " snapshots (at most %u)",
                         h->nb_snapshots, MAX_SNAPSHOTS);
    return validate_table("Snapshot table", h->snapshots_offset,
                          (uint64_t)h->nb_snapshots * sizeof(struct disk_snapshot),
                          MAX_SNAPSHOT_TABLE_BYTES, end, g);
}

/* ------------------------------------------------------------------------------------------------
 * Decoding: features
 */

/* The name that the image's feature name table gives to a bit, or NULL. */
static const char *feature_name(const uint8_t *names, uint32_t size, uint8_t type, uint32_t bit,
                                char out[47])
{
    for (uint32_t at = 0; at + sizeof(struct disk_feature_name) <= size;
         at += sizeof(struct disk_feature_name)) {
        struct disk_feature_name entry;

        memcpy(&entry, names + at, sizeof entry);
        if (entry.type == type && entry.bit == bit) {
            memcpy(out, entry.name, sizeof entry.name);
            out[sizeof entry.name] = '\0';
            for (char *c = out; *c; c++)
                if (*c < ' ' || *c > '~')
                    *c = '?';
            return out;
        }
    }
    return NULL;
}

static int refuse_features(uint64_t unknown, const uint8_t *names, uint32_t names_size)
{
    char list[512] = "";
    size_t used = 0;

    for (uint32_t bit = 0; bit < 64; bit++) {
        char buf[47];
        const char *name;

        if (!(unknown >> bit & 1) || used >= sizeof list - 1)
            continue;
        name = feature_name(names, names_size, 0, bit, buf);
        used += (size_t)(name ? snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "",
                                         name)
                              : snprintf(list + used, sizeof list - used,
                                         "%sUnknown incompatible feature: bit %" PRIu32,
                                         used ? ", " : "", bit));
    }
    return error_set(ENOTSUP, "Unsupported qcow2 feature(s): %s", list);
}

static int validate_features(const struct header *h, const uint8_t *names, uint32_t names_size)
{
    uint64_t incompatible = h->incompatible_features;
    bool compression_bit = incompatible & INCOMPATIBLE_COMPRESSION;

    if (incompatible & ~INCOMPATIBLE_KNOWN)
        return refuse_features(incompatible & ~INCOMPATIBLE_KNOWN, names, names_size);
    if (compression_bit != (h->compression_type != COMPRESSION_DEFLATE))
        return error_set(EINVAL,
                         "Compression type %" PRIu32 " contradicts the compression type "
                         "incompatible feature bit, which is %s",
                         h->compression_type, compression_bit ? "set" : "not set");
    if (h->compression_type > COMPRESSION_ZSTD)
        return error_set(ENOTSUP, "qcow2: unknown compression type: %" PRIu32, h->compression_type);
    if (h->crypt_method > CRYPT_LUKS)
        return error_set(EINVAL, "Unsupported encryption method %" PRIu32, h->crypt_method);
    if (incompatible & INCOMPATIBLE_EXTENDED_L2 &&
        h->geometry.cluster_bits < MIN_EXTENDED_L2_CLUSTER_BITS)
        return error_set(EINVAL, "Extended L2 entries need clusters of at least %u bytes",
                         1u << MIN_EXTENDED_L2_CLUSTER_BITS);
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Decoding: extensions and the backing file name
 */

struct extensions {
    const uint8_t *feature_names;
    uint32_t feature_names_size;
    bool has_crypto;
};

static int set_name(char **to, const uint8_t *data, uint32_t length, const char *what)
{
    if (*to != NULL)
        return error_set(EINVAL, "Duplicate header extension: %s", what);
    if (memchr(data, '\0', length) != NULL)
        return error_set(EINVAL, "The %s holds a NUL byte", what);
    *to = text_copy(data, length);
    return *to ? 0 : -1;
}

static int decode_extension(uint32_t type, const uint8_t *data, uint32_t length, struct header *h,
                            struct extensions *ext)
{
    switch (type) {
    case EXTENSION_BACKING_FORMAT:
        if (length > MAX_BACKING_FORMAT_SIZE)
            return error_set(EINVAL,
                             "ERROR: ext_backing_format: len=%" PRIu32 " too large (at most %u)",
                             length, MAX_BACKING_FORMAT_SIZE);
        return set_name(&h->backing_format, data, length, "backing format");
    case EXTENSION_DATA_FILE: return set_name(&h->data_file, data, length, "data file name");
    case EXTENSION_FEATURE_NAMES:
        ext->feature_names = data;
        ext->feature_names_size = length;
        return 0;
    case EXTENSION_BITMAPS:
        if (length != 24)
            return error_set(
                EINVAL, "bitmaps_ext: Invalid extension length: %" PRIu32 " (expected 24)", length);
        h->has_bitmaps = true;
        h->nb_bitmaps = load_be32(data + EXTENSION_BITMAPS_NB_AT);
        h->bitmap_directory_size = load_be64(data + EXTENSION_BITMAPS_SIZE_AT);
        h->bitmap_directory_offset = load_be64(data + EXTENSION_BITMAPS_OFFSET_AT);
        return 0;
    case EXTENSION_CRYPTO:
        if (h->crypt_method != CRYPT_LUKS)
            return error_set(EINVAL, "CRYPTO header extension only expected with LUKS encryption "
                                     "method");
        if (length != 16)
            return error_set(EINVAL,
                             "CRYPTO header extension size %" PRIu32 ", but expected "
                             "size 16",
                             length);
        ext->has_crypto = true;
        h->crypto_offset = load_be64(data + EXTENSION_CRYPTO_OFFSET_AT);
        h->crypto_length = load_be64(data + EXTENSION_CRYPTO_LENGTH_AT);
        return 0;
    default: return 0; /* unknown: stays where it is */
    }
}

static int decode_extensions(const uint8_t *cluster, uint64_t at, uint64_t end, struct header *h,
                             struct extensions *ext)
{
    while (at < end) {
        uint32_t type, length;

        if (end - at < 8)
            return error_set(EINVAL, "Header extension too large: no room for one at 0x%" PRIx64,
                             at);
        type = load_be32(cluster + at);
        length = load_be32(cluster + at + 4);
        at += 8;
        if (type == EXTENSION_END)
            return 0;
        if (length > end - at)
            return error_set(EINVAL,
                             "Header extension too large: type 0x%08" PRIx32 " at 0x%" PRIx64
                             " has %" PRIu32 " bytes, %" PRIu64 " are left",
                             type, at - 8, length, end - at);
        if (decode_extension(type, cluster + at, length, h, ext) == -1)
            return -1;
        at = round_up(at + length, 8);
    }
    return 0;
}

static int decode_backing_file(const uint8_t *cluster, uint64_t offset, uint32_t size,
                               struct header *h)
{
    if (offset == 0)
        return 0;
    if (offset > h->geometry.cluster_size)
        return error_set(
            EINVAL, "Invalid backing file offset: 0x%" PRIx64 " (must lie in the first cluster)",
            offset);
    if (size > MAX_BACKING_FILE_SIZE || size > h->geometry.cluster_size - offset)
        return error_set(EINVAL,
                         "Backing file name too long: %" PRIu32 " bytes at 0x%" PRIx64
                         " (at most %u, inside the first cluster)",
                         size, offset, MAX_BACKING_FILE_SIZE);
    return set_name(&h->backing_file, cluster + offset, size, "backing file name");
}

static int decode(const uint8_t *cluster, uint64_t file_length, uint32_t flags, struct header *h)
{
    struct extensions ext = { 0 };
    struct disk_header disk;
    uint32_t header_length;
    uint64_t backing_offset, end;
    int cluster_bits = header_decode_cluster_bits(cluster);

    if (cluster_bits == -1)
        return -1;
    memcpy(&disk, cluster, sizeof disk);
    h->version = be32toh(disk.version);
    h->size = round_down(be64toh(disk.size), 512);
    h->crypt_method = be32toh(disk.crypt_method);
    h->l1_size = be32toh(disk.l1_size);
    h->l1_table_offset = be64toh(disk.l1_table_offset);
    h->refcount_table_offset = be64toh(disk.refcount_table_offset);
    h->refcount_table_clusters = be32toh(disk.refcount_table_clusters);
    h->nb_snapshots = be32toh(disk.nb_snapshots);
    h->snapshots_offset = be64toh(disk.snapshots_offset);
    if (decode_version_3(&disk, cluster, h, &header_length, (uint32_t)cluster_bits) == -1)
        return -1;

    backing_offset = be64toh(disk.backing_file_offset);
    end = backing_offset ? min_u64(backing_offset, h->geometry.cluster_size)
                         : h->geometry.cluster_size;
    if (backing_offset != 0 && backing_offset < header_length)
        return error_set(EINVAL, "Invalid backing file offset: 0x%" PRIx64 " lies in the header",
                         backing_offset);
    if (decode_extensions(cluster, header_length, end, h, &ext) == -1)
        return -1;
    if (validate_features(h, ext.feature_names, ext.feature_names_size) == -1)
        return -1;
    if (h->crypt_method == CRYPT_LUKS && !ext.has_crypto)
        return error_set(EINVAL, "CRYPTO header extension not found; it is mandatory with LUKS");
    if (decode_backing_file(cluster, backing_offset, be32toh(disk.backing_file_size), h) == -1)
        return -1;
    return validate_tables(h, file_length, flags);
}

int header_decode(const uint8_t *cluster, uint64_t file_length, uint32_t flags,
                  struct header *header)
{
    *header = (struct header){ 0 };
    if (decode(cluster, file_length, flags, header) == -1) {
        header_destroy(header);
        return -1;
    }
    return 0;
}

void header_destroy(struct header *header)
{
    free(header->backing_file);
    free(header->backing_format);
    free(header->data_file);
    header->backing_file = header->backing_format = header->data_file = NULL;
}

/* ------------------------------------------------------------------------------------------------
 * Encoding
 */

/* What goes into a new image's feature name table, in the order that QEMU writes it, because tools
 * print and compare it. */
static const struct disk_feature_name feature_names[] = {
    { 0, 0, "dirty bit" },        { 0, 1, "corrupt bit" },         { 0, 2, "external data file" },
    { 0, 3, "compression type" }, { 0, 4, "extended L2 entries" }, { 1, 0, "lazy refcounts" },
    { 2, 0, "bitmaps" },          { 2, 1, "raw external data" },
};

#define FEATURE_NAMES_MIN_CLUSTER 8192u /* smaller clusters go without the table */

struct encoder {
    uint8_t *cluster;
    uint64_t used;
    uint64_t size;
};

static int encode_bytes(struct encoder *e, const void *data, size_t count)
{
    if (count > e->size - e->used)
        return error_set(ENOSPC,
                         "The header, its extensions and the backing file name do not fit "
                         "in the first cluster of %" PRIu64 " bytes",
                         e->size);
    if (count > 0)
        memcpy(e->cluster + e->used, data, count);
    e->used += count;
    return 0;
}

static int encode_extension(struct encoder *e, uint32_t type, const void *data, size_t count)
{
    static const uint8_t padding[8];
    uint8_t head[8];

    store_be32(head, type);
    store_be32(head + 4, (uint32_t)count);
    if (encode_bytes(e, head, sizeof head) == -1 || encode_bytes(e, data, count) == -1)
        return -1;
    return encode_bytes(e, padding, round_up(count, 8) - count);
}

static void encode_fixed(const struct header *h, struct disk_header *disk)
{
    *disk = (struct disk_header){
        .magic = htobe32(QCOW2_MAGIC),
        .version = htobe32(h->version),
        .cluster_bits = htobe32(h->geometry.cluster_bits),
        .size = htobe64(h->size),
        .crypt_method = htobe32(h->crypt_method),
        .l1_size = htobe32(h->l1_size),
        .l1_table_offset = htobe64(h->l1_table_offset),
        .refcount_table_offset = htobe64(h->refcount_table_offset),
        .refcount_table_clusters = htobe32(h->refcount_table_clusters),
        .nb_snapshots = htobe32(h->nb_snapshots),
        .snapshots_offset = htobe64(h->snapshots_offset),
        .incompatible_features = htobe64(h->incompatible_features),
        .compatible_features = htobe64(h->compatible_features),
        .autoclear_features = htobe64(h->autoclear_features),
        .refcount_order = htobe32(h->geometry.refcount_order),
        .header_length = htobe32(HEADER_LENGTH),
        .compression_type = (uint8_t)h->compression_type,
    };
}

int header_encode(const struct header *h, uint8_t *cluster)
{
    struct encoder e = { .cluster = cluster, .size = h->geometry.cluster_size };
    bool v3 = h->version >= 3;
    struct disk_header disk;

    encode_fixed(h, &disk);
    e.used = v3 ? HEADER_LENGTH : HEADER_V2_LENGTH;
    if (h->backing_format && encode_extension(&e, EXTENSION_BACKING_FORMAT, h->backing_format,
                                              strlen(h->backing_format)) == -1)
        return -1;
    if (v3 && h->geometry.cluster_size >= FEATURE_NAMES_MIN_CLUSTER &&
        encode_extension(&e, EXTENSION_FEATURE_NAMES, feature_names, sizeof feature_names) == -1)
        return -1;
    if (encode_extension(&e, EXTENSION_END, NULL, 0) == -1)
        return -1;
    if (h->backing_file) {
        size_t size = strlen(h->backing_file);

        disk.backing_file_offset = htobe64(e.used);
        disk.backing_file_size = htobe32((uint32_t)size);
        if (encode_bytes(&e, h->backing_file, size) == -1)
            return -1;
    }
    memcpy(cluster, &disk, v3 ? HEADER_LENGTH : HEADER_V2_LENGTH);
    return 0;
}
