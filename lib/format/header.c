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
    h->geometry =
        geometry_of(cluster_bits, order, h->incompatible_features & INCOMPATIBLE_EXTENDED_L2);
    h->geometry.external_data = h->incompatible_features & INCOMPATIBLE_DATA_FILE;
    return 0;
}

/* Where a table may lie at all. */
static int validate_place(const char *what, uint64_t offset, uint64_t bytes, uint64_t max_bytes,
                          const struct geometry *g)
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
    return 0;
}

static int refuse_cut(const char *what, uint64_t offset, uint64_t bytes, uint64_t file_length)
{
    return error_set(ENODATA,
                     "%s lies beyond the end of the file: 0x%" PRIx64 " to 0x%" PRIx64
                     ", the file ends at 0x%" PRIx64,
                     what, offset, offset + bytes, file_length);
}

static int validate_table(const char *what, uint64_t offset, uint64_t bytes, uint64_t max_bytes,
                          uint64_t file_length, const struct geometry *g)
{
    if (validate_place(what, offset, bytes, max_bytes, g) == -1)
        return -1;
    if (bytes > 0 && !range_within(offset, bytes, file_length)) /* nobody follows an empty one */
        return refuse_cut(what, offset, bytes, file_length);
    return 0;
}

/* Its last cluster need not be whole. */
static int validate_refcount_table(const struct header *h, uint64_t file_length)
{
    static const char what[] = "Reference count table";
    uint64_t bytes = (uint64_t)h->refcount_table_clusters << h->geometry.cluster_bits;
    uint64_t offset = h->refcount_table_offset;

    if (bytes == 0)
        return error_set(EINVAL, "Image does not contain a reference count table");
    if (validate_place(what, offset, bytes, MAX_REFCOUNT_TABLE_BYTES, &h->geometry) == -1)
        return -1;
    if (!range_within(offset, bytes - (h->geometry.cluster_size - 1), file_length))
        return refuse_cut(what, offset, bytes, file_length);
    return 0;
}

static int validate_tables(struct header *h, uint64_t file_length, uint32_t flags)
{
    const struct geometry *g = &h->geometry;
    bool for_check = flags & HEADER_FOR_CHECK;
    uint64_t end = for_check ? INT64_MAX : file_length;

    if (validate_refcount_table(h, end) == -1) {
        if (!for_check)
            return -1;
        h->refcount_table_offset = 0; /* what cannot be a table is none: a repair makes one */
        h->refcount_table_clusters = 0;
    }
    if (validate_table("Active L1 table", h->l1_table_offset, (uint64_t)h->l1_size * L1_ENTRY_SIZE,
                       MAX_L1_BYTES, end, g) == -1)
        return -1;
    if (h->size > INT64_MAX || geometry_l1_entries(g, h->size) > h->l1_size)
        return error_set(
            EINVAL, "L1 table is too small: %" PRIu32 " entries for a disk of %" PRIu64 " bytes",
            h->l1_size, h->size);
    if (h->nb_snapshots > MAX_SNAPSHOTS && !for_check)
        return error_set(EINVAL, "Snapshot table too large: %" PRIu32 " snapshots (at most %u)",
                         h->nb_snapshots, MAX_SNAPSHOTS);
    return validate_table("Snapshot table", h->snapshots_offset,
                          min_u64(h->nb_snapshots, MAX_SNAPSHOTS) * sizeof(struct disk_snapshot),
                          MAX_SNAPSHOT_TABLE_BYTES, flags & HEADER_FOR_READING ? INT64_MAX : end,
                          g);
}

/* ------------------------------------------------------------------------------------------------
 * Decoding: features
 */

/* The name that the image's feature name table gives to a bit, or NULL. */
static const char *feature_name(const struct header_bytes *names, uint8_t type, uint32_t bit,
                                char out[47])
{
    for (size_t at = 0; at + sizeof(struct disk_feature_name) <= names->size;
         at += sizeof(struct disk_feature_name)) {
        struct disk_feature_name entry;

        memcpy(&entry, names->data + at, sizeof entry);
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

static int refuse_features(uint64_t unknown, const struct header_bytes *names)
{
    char list[512] = "";
    size_t used = 0;

    for (uint32_t bit = 0; bit < 64; bit++) {
        char buf[47];
        const char *name;

        if (!(unknown >> bit & 1) || used >= sizeof list - 1)
            continue;
        name = feature_name(names, 0, bit, buf);
        used += (size_t)(name ? snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "",
                                         name)
                              : snprintf(list + used, sizeof list - used,
                                         "%sUnknown incompatible feature: bit %" PRIu32,
                                         used ? ", " : "", bit));
    }
    return error_set(ENOTSUP, "Unsupported qcow2 feature(s): %s", list);
}

static int validate_features(const struct header *h)
{
    uint64_t incompatible = h->incompatible_features;
    bool compression_bit = incompatible & INCOMPATIBLE_COMPRESSION;

    if (incompatible & ~INCOMPATIBLE_KNOWN)
        return refuse_features(incompatible & ~INCOMPATIBLE_KNOWN, &h->feature_names);
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

/* size bytes more, with zeroes up to padded_size. */
static int append_bytes(struct header_bytes *to, const uint8_t *data, size_t size,
                        size_t padded_size)
{
    uint8_t *grown = realloc(to->data, to->size + padded_size + 1);

    if (grown == NULL)
        return error_no_memory(), -1;
    memcpy(grown + to->size, data, size);
    memset(grown + to->size + size, 0, padded_size - size);
    to->data = grown;
    to->size += padded_size;
    return 0;
}

static int set_name(char **to, const uint8_t *data, uint32_t length, const char *what)
{
    if (*to != NULL)
        return error_set(EINVAL, "Duplicate header extension: %s", what);
    if (memchr(data, '\0', length) != NULL)
        return error_set(EINVAL, "The %s holds a NUL byte", what);
    *to = text_copy(data, length);
    return *to ? 0 : -1;
}

/* head: the extension, whose data of length bytes begin behind type and length. */
static int decode_extension(const uint8_t *head, uint32_t length, struct header *h,
                            bool *has_crypto)
{
    const uint8_t *data = head + EXTENSION_HEAD;
    uint32_t type = load_be32(head);

    switch (type) {
    case EXTENSION_BACKING_FORMAT:
        if (length > MAX_BACKING_FORMAT_SIZE)
            return error_set(EINVAL,
                             "ERROR: ext_backing_format: len=%" PRIu32 " too large (at most %u)",
                             length, MAX_BACKING_FORMAT_SIZE);
        return set_name(&h->backing_format, data, length, "backing format");
    case EXTENSION_DATA_FILE: return set_name(&h->data_file, data, length, "data file name");
    case EXTENSION_FEATURE_NAMES:
        h->feature_names.size = 0;
        return append_bytes(&h->feature_names, data, length, length);
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
        *has_crypto = true;
        h->crypto_offset = load_be64(data + EXTENSION_CRYPTO_OFFSET_AT);
        h->crypto_length = load_be64(data + EXTENSION_CRYPTO_LENGTH_AT);
        return 0;
    case EXTENSION_PADDING: return 0;
    default:
        return append_bytes(&h->unknown_extensions, head, EXTENSION_HEAD + length,
                            round_up(EXTENSION_HEAD + length, 8));
    }
}

static int decode_extensions(const uint8_t *cluster, uint64_t at, uint64_t end, struct header *h,
                             bool *has_crypto)
{
    while (at < end) {
        uint32_t type, length;

        if (end - at < EXTENSION_HEAD)
            return error_set(EINVAL, "Header extension too large: no room for one at 0x%" PRIx64,
                             at);
        type = load_be32(cluster + at);
        length = load_be32(cluster + at + 4);
        at += EXTENSION_HEAD;
        if (type == EXTENSION_END)
            return 0;
        if (length > end - at)
            return error_set(EINVAL,
                             "Header extension too large: type 0x%08" PRIx32 " at 0x%" PRIx64
                             " has %" PRIu32 " bytes, %" PRIu64 " are left",
                             type, at - EXTENSION_HEAD, length, end - at);
        if (decode_extension(cluster + at - EXTENSION_HEAD, length, h, has_crypto) == -1)
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

static int validate_length(uint32_t version, uint64_t file_length)
{
    uint32_t least = version == 3 ? HEADER_V3_MIN_LENGTH : HEADER_V2_LENGTH;

    if (file_length < least)
        return error_set(
            EINVAL, "qcow2 header too short: the file has %" PRIu64 " bytes (at least %" PRIu32 ")",
            file_length, least);
    return 0;
}

static int decode(const uint8_t *cluster, uint64_t file_length, uint32_t flags, struct header *h)
{
    bool has_crypto = false;
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
    if (validate_length(h->version, file_length) == -1 ||
        decode_version_3(&disk, cluster, h, &header_length, (uint32_t)cluster_bits) == -1)
        return -1;

    backing_offset = be64toh(disk.backing_file_offset);
    end = backing_offset ? min_u64(backing_offset, h->geometry.cluster_size)
                         : h->geometry.cluster_size;
    if (backing_offset != 0 && backing_offset < header_length)
        return error_set(EINVAL, "Invalid backing file offset: 0x%" PRIx64 " lies in the header",
                         backing_offset);
    if (header_length > HEADER_LENGTH &&
        append_bytes(&h->unknown_fields, cluster + HEADER_LENGTH, header_length - HEADER_LENGTH,
                     header_length - HEADER_LENGTH) == -1)
        return -1;
    if (decode_extensions(cluster, header_length, end, h, &has_crypto) == -1)
        return -1;
    if (validate_features(h) == -1)
        return -1;
    if (h->crypt_method == CRYPT_LUKS && !has_crypto)
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
    free(header->feature_names.data);
    free(header->unknown_extensions.data);
    free(header->unknown_fields.data);
    *header = (struct header){ 0 };
}

static int copy_text(char **to, const char *from)
{
    if (from != NULL && (*to = strdup(from)) == NULL)
        return error_no_memory(), -1;
    return 0;
}

static int copy_bytes(struct header_bytes *to, const struct header_bytes *from)
{
    *to = (struct header_bytes){ 0 };
    return from->data ? append_bytes(to, from->data, from->size, from->size) : 0;
}

int header_copy(struct header *to, const struct header *from)
{
    *to = *from;
    to->backing_file = to->backing_format = to->data_file = NULL;
    to->feature_names = to->unknown_extensions = to->unknown_fields = (struct header_bytes){ 0 };
    if (copy_text(&to->backing_file, from->backing_file) == 0 &&
        copy_text(&to->backing_format, from->backing_format) == 0 &&
        copy_text(&to->data_file, from->data_file) == 0 &&
        copy_bytes(&to->feature_names, &from->feature_names) == 0 &&
        copy_bytes(&to->unknown_extensions, &from->unknown_extensions) == 0 &&
        copy_bytes(&to->unknown_fields, &from->unknown_fields) == 0)
        return 0;
    header_destroy(to);
    return -1;
}
