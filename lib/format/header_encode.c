/* SPDX-License-Identifier: BSD-3-Clause */
/* header_encode.c - writing the first cluster: of a new image, or anew */

#include "format/header_encode.h"

#include <errno.h>
#include <inttypes.h>

#include "base/error.h"

const struct header_layout header_layout_new = { .feature_names = true };

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

/* ------------------------------------------------------------------------------------------------
 * Pieces
 */

static int encode_bytes(struct encoder *e, const void *data, size_t count)
{
    if (e->used > e->size || count > e->size - e->used)
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
    uint8_t head[EXTENSION_HEAD];

    store_be32(head, type);
    store_be32(head + 4, (uint32_t)count);
    if (encode_bytes(e, head, sizeof head) == -1 || encode_bytes(e, data, count) == -1)
        return -1;
    return encode_bytes(e, padding, round_up(count, 8) - count);
}

static int encode_text(struct encoder *e, uint32_t type, const char *text)
{
    return text ? encode_extension(e, type, text, strlen(text)) : 0;
}

static int encode_crypto(struct encoder *e, const struct header *h)
{
    uint8_t data[16];

    if (h->crypt_method != CRYPT_LUKS)
        return 0;
    store_be64(data + EXTENSION_CRYPTO_OFFSET_AT, h->crypto_offset);
    store_be64(data + EXTENSION_CRYPTO_LENGTH_AT, h->crypto_length);
    return encode_extension(e, EXTENSION_CRYPTO, data, sizeof data);
}

static int encode_bitmaps(struct encoder *e, const struct header *h)
{
    uint8_t data[24] = { 0 };

    if (!h->has_bitmaps)
        return 0;
    store_be32(data + EXTENSION_BITMAPS_NB_AT, h->nb_bitmaps);
    store_be64(data + EXTENSION_BITMAPS_SIZE_AT, h->bitmap_directory_size);
    store_be64(data + EXTENSION_BITMAPS_OFFSET_AT, h->bitmap_directory_offset);
    return encode_extension(e, EXTENSION_BITMAPS, data, sizeof data);
}

/* The image's own table where it has one: it may name features that nobody here knows. */
static int encode_feature_names(struct encoder *e, const struct header *h)
{
    if (h->version < 3)
        return 0;
    if (h->feature_names.data != NULL)
        return encode_extension(e, EXTENSION_FEATURE_NAMES, h->feature_names.data,
                                h->feature_names.size);
    return h->geometry.cluster_size >= FEATURE_NAMES_MIN_CLUSTER
               ? encode_extension(e, EXTENSION_FEATURE_NAMES, feature_names, sizeof feature_names)
               : 0;
}

static int encode_padding(struct encoder *e, uint64_t extensions_at)
{
    uint8_t head[EXTENSION_HEAD];

    if (extensions_at == 0)
        return 0;
    store_be32(head, EXTENSION_PADDING);
    store_be32(head + 4, (uint32_t)(extensions_at - e->used - EXTENSION_HEAD));
    if (encode_bytes(e, head, sizeof head) == -1)
        return -1;
    e->used = extensions_at;
    return 0;
}

static int encode_extensions(struct encoder *e, const struct header *h,
                             const struct header_layout *layout)
{
    if (encode_text(e, EXTENSION_BACKING_FORMAT, h->backing_format) == -1 ||
        encode_text(e, EXTENSION_DATA_FILE, h->data_file) == -1 || encode_crypto(e, h) == -1 ||
        encode_bitmaps(e, h) == -1 ||
        encode_bytes(e, h->unknown_extensions.data, h->unknown_extensions.size) == -1)
        return -1;
    if (layout->feature_names && encode_feature_names(e, h) == -1)
        return -1;
    return encode_extension(e, EXTENSION_END, NULL, 0);
}

static void encode_fixed(const struct header *h, uint32_t header_length, struct disk_header *disk)
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
        .header_length = htobe32(header_length),
        .compression_type = (uint8_t)h->compression_type,
    };
}

/* ------------------------------------------------------------------------------------------------
 * The whole
 */

int header_encode(const struct header *h, const struct header_layout *layout, uint8_t *cluster,
                  struct header_used *used)
{
    struct encoder e = { .cluster = cluster, .size = h->geometry.cluster_size };
    uint32_t fixed = h->version >= 3 ? HEADER_LENGTH : HEADER_V2_LENGTH;
    struct disk_header disk;

    *used = (struct header_used){ .header_end = fixed };
    if (h->version >= 3)
        used->header_end += h->unknown_fields.size;
    encode_fixed(h, (uint32_t)used->header_end, &disk);
    e.used = fixed;
    if (encode_bytes(&e, h->unknown_fields.data, used->header_end - fixed) == -1 ||
        encode_padding(&e, layout->extensions_at) == -1)
        return -1;
    used->extensions_at = e.used;
    if (encode_extensions(&e, h, layout) == -1)
        return -1;
    used->extensions_end = e.used;
    if (h->backing_file) {
        size_t size = strlen(h->backing_file);

        e.used = layout->name_at ? layout->name_at : e.used;
        used->name_at = e.used;
        disk.backing_file_offset = htobe64(e.used);
        disk.backing_file_size = htobe32((uint32_t)size);
        if (encode_bytes(&e, h->backing_file, size) == -1)
            return -1;
        used->name_end = e.used;
    }
    memcpy(cluster, &disk, fixed);
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * What is in use
 */

static void measure_extensions(const uint8_t *cluster, uint64_t limit, struct header_used *used)
{
    uint64_t at = used->header_end;

    used->extensions_at = at;
    while (limit - at >= EXTENSION_HEAD) {
        uint32_t type = load_be32(cluster + at);
        uint64_t next = at + EXTENSION_HEAD + round_up(load_be32(cluster + at + 4), 8);

        if (type == EXTENSION_PADDING && at == used->header_end && next <= limit)
            used->extensions_at = next;
        at = type == EXTENSION_END ? at + EXTENSION_HEAD : min_u64(next, limit);
        if (type == EXTENSION_END)
            break;
    }
    used->extensions_end = at;
}

void header_used_by(const uint8_t *cluster, uint64_t cluster_size, struct header_used *used)
{
    struct disk_header disk;
    uint64_t limit = cluster_size;

    memcpy(&disk, cluster, sizeof disk);
    *used = (struct header_used){
        .header_end =
            be32toh(disk.version) >= 3 ? be32toh(disk.header_length) : (uint64_t)HEADER_V2_LENGTH,
        .name_at = be64toh(disk.backing_file_offset),
    };
    if (used->name_at != 0) {
        used->name_end = min_u64(used->name_at + be32toh(disk.backing_file_size), cluster_size);
        limit = min_u64(used->name_at, cluster_size);
    }
    measure_extensions(cluster, max_u64(limit, used->header_end), used);
}
