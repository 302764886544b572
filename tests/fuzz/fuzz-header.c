/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz-header.c - the first cluster: decoded, encoded and decoded again, it says the same */

#include "fuzz/fuzz.h"

#include <string.h>

#include "format/header_encode.h"

#define FILE_LENGTH (UINT64_C(1) << 40) /* so that no table lies beyond the end */

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool same_bytes(const struct header_bytes *a, const struct header_bytes *b)
{
    return a->size == b->size && (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

static void require_same(const struct header *a, const struct header *b)
{
    fuzz_require(a->version == b->version && a->size == b->size);
    fuzz_require(a->l1_size == b->l1_size && a->l1_table_offset == b->l1_table_offset);
    fuzz_require(a->nb_snapshots == b->nb_snapshots && a->crypt_method == b->crypt_method);
    fuzz_require(a->incompatible_features == b->incompatible_features);
    fuzz_require(a->compatible_features == b->compatible_features);
    fuzz_require(a->autoclear_features == b->autoclear_features);
    fuzz_require(same_text(a->backing_file, b->backing_file));
    fuzz_require(same_text(a->backing_format, b->backing_format));
    fuzz_require(same_text(a->data_file, b->data_file));
    fuzz_require(same_bytes(&a->unknown_extensions, &b->unknown_extensions));
    fuzz_require(same_bytes(&a->unknown_fields, &b->unknown_fields));
}

static void encode_and_decode(const struct header *h)
{
    uint8_t *cluster = calloc(1, h->geometry.cluster_size);
    struct header_used used;
    struct header again;

    fuzz_require(cluster != NULL);
    if (header_encode(h, &header_layout_new, cluster, &used) == 0) {
        fuzz_require(header_decode(cluster, FILE_LENGTH, HEADER_FOR_CHECK, &again) == 0);
        require_same(h, &again);
        header_destroy(&again);
    }
    free(cluster);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t sector[HEADER_SECTOR] = { 0 }, *cluster;
    struct header header;
    size_t cluster_size;
    int bits;

    memcpy(sector, data, min_u64(size, sizeof sector));
    bits = header_decode_cluster_bits(sector);
    if (bits == -1)
        return 0;
    cluster_size = (size_t)1 << bits;
    cluster = calloc(1, cluster_size);
    fuzz_require(cluster != NULL);
    memcpy(cluster, data, min_u64(size, cluster_size));
    if (header_decode(cluster, FILE_LENGTH, HEADER_FOR_CHECK, &header) == 0) {
        encode_and_decode(&header);
        header_destroy(&header);
    }
    free(cluster);
    return 0;
}
