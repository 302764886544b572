/* SPDX-License-Identifier: BSD-3-Clause */
/* info.c - facts about an open image */

#include "base/cleanup.h"
#include "image/image_store.h"

static uint32_t features_of(const struct header *h)
{
    static const struct {
        uint64_t incompatible, compatible, autoclear;
        uint32_t feature;
    } rows[] = {
        { INCOMPATIBLE_DIRTY, 0, 0, QCOW2_FEATURE_DIRTY },
        { INCOMPATIBLE_CORRUPT, 0, 0, QCOW2_FEATURE_CORRUPT },
        { INCOMPATIBLE_DATA_FILE, 0, 0, QCOW2_FEATURE_DATA_FILE },
        { INCOMPATIBLE_EXTENDED_L2, 0, 0, QCOW2_FEATURE_EXTENDED_L2 },
        { 0, COMPATIBLE_LAZY_REFCOUNTS, 0, QCOW2_FEATURE_LAZY_REFCOUNTS },
        { 0, 0, AUTOCLEAR_BITMAPS, QCOW2_FEATURE_BITMAPS },
        { 0, 0, AUTOCLEAR_RAW_DATA_FILE, QCOW2_FEATURE_DATA_FILE_RAW },
    };
    uint32_t features = 0;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (h->incompatible_features & rows[i].incompatible ||
            h->compatible_features & rows[i].compatible ||
            h->autoclear_features & rows[i].autoclear)
            features |= rows[i].feature;
    return features;
}

static void qcow2_facts(const struct qcow2_image *image, qcow2_info *info)
{
    const struct header *h = &image->tables.header;

    info->cluster_size = h->geometry.cluster_size;
    info->version = h->version;
    info->refcount_bits = 1u << h->geometry.refcount_order;
    info->features = features_of(h);
    info->compression_type = h->compression_type;
    info->crypt_method = h->crypt_method;
    info->nb_snapshots = image->snapshots.count;
    info->snapshots_lost = image->snapshots_lost;
    info->unknown_features = (h->compatible_features & ~COMPATIBLE_LAZY_REFCOUNTS) != 0 ||
                             (h->autoclear_features & ~AUTOCLEAR_KNOWN) != 0;
    info->l1_table_size = (uint64_t)h->l1_size * L1_ENTRY_SIZE;
    info->refcount_table_size = (uint64_t)h->refcount_table_clusters * h->geometry.cluster_size;
}

/* Of the header's and the chain's, which change, copies that stay. */
static int tell_names(struct qcow2_image *image, qcow2_info *info)
{
    const struct header *h = image->tables_open ? &image->tables.header : NULL;
    const char *full = image->full_backing_file;
    struct told *told = &image->told;

    if (told_keep(told, full ? image_backing_file(image) : NULL, &info->backing_filename) == -1 ||
        told_keep(told, full, &info->full_backing_filename) == -1 ||
        told_keep(told, h && full ? h->backing_format : NULL, &info->backing_format) == -1)
        return -1;
    return told_keep(told, h ? h->data_file : NULL, &info->data_file);
}

static void qcow1_facts(const struct qcow2_image *image, qcow2_info *info)
{
    info->cluster_size = UINT64_C(1) << image->qcow1.cluster_bits;
    info->version = QCOW1_VERSION;
    info->crypt_method = image->qcow1.crypt_method;
}

/* A raw image in another one's disk grows by the clusters of that. */
static void raw_facts(const struct qcow2_image *image, qcow2_info *info)
{
    uint64_t start;
    const struct qcow2_image *below = image_store_beneath(image->store, &start);

    if (below == NULL)
        return;
    if (below->format == FORMAT_QCOW1)
        info->cluster_size = UINT64_C(1) << below->qcow1.cluster_bits;
    else if (below->tables_open)
        info->cluster_size = below->tables.header.geometry.cluster_size;
}

int image_info(struct qcow2_image *image, qcow2_info *info)
{
    struct store *bottom;
    READ_SCOPE(&image->operations);

    *info = (qcow2_info){
        .format = image_format_name(image->format),
        .crypt_method = image->format == FORMAT_LUKS ? CRYPT_LUKS : CRYPT_NONE,
        .virtual_size = image_size(image),
        .read_only = image_read_only(image),
    };
    if (image->format == FORMAT_QCOW1)
        qcow1_facts(image, info);
    else if (image->tables_open)
        qcow2_facts(image, info);
    else if (image->format == FORMAT_RAW)
        raw_facts(image, info);
    if (tell_names(image, info) == -1 || store_size(image->store, &info->file_length) == -1)
        return -1;
    bottom = store_bottom(image->store, NULL);
    return bottom->ops->allocated(bottom, &info->actual_size);
}
