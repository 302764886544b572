/* SPDX-License-Identifier: BSD-3-Clause */
/* check-image.c - run the library's check on files, for comparison with qemu-img check
 *
 *     check-image FILE...
 *
 * For each file the findings on stderr, and on stdout one line of counts, or "refused: " and why
 * the file does not open.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "check/check.h"

static void print_message(void *opaque, const char *message)
{
    (void)opaque;
    fprintf(stderr, "%s\n", message);
}

static int check(struct store *store, const struct header *header)
{
    qcow2_check_result r;

    if (check_run(store, header, print_message, NULL, &r) == -1)
        return -1;
    printf("corruptions=%" PRIu64 " leaks=%" PRIu64 " check-errors=%" PRIu64
           " image-end-offset=%" PRIu64 " total-clusters=%" PRIu64 " allocated-clusters=%" PRIu64
           " fragmented-clusters=%" PRIu64 " compressed-clusters=%" PRIu64 "\n",
           r.corruptions, r.leaks, r.check_errors, r.image_end_offset, r.total_clusters,
           r.allocated_clusters, r.fragmented_clusters, r.compressed_clusters);
    return 0;
}

static int check_store(struct store *store)
{
    struct header header;
    uint64_t length;
    uint8_t sector[HEADER_SECTOR];
    int bits, result;

    if (store_size(store, &length) == -1 || store_pread(store, sector, sizeof sector, 0) == -1)
        return -1;
    bits = header_decode_cluster_bits(sector);
    if (bits == -1)
        return -1;
    CLEANUP_FREE uint8_t *cluster = malloc((size_t)1 << bits);
    if (cluster == NULL || store_pread(store, cluster, (size_t)1 << bits, 0) == -1 ||
        header_decode(cluster, length, HEADER_FOR_CHECK, &header) == -1)
        return -1;
    result = check(store, &header);
    header_destroy(&header);
    return result;
}

int main(int argc, char **argv)
{
    setvbuf(stderr, NULL, _IOFBF, BUFSIZ); /* there may be millions of findings */
    for (int i = 1; i < argc; i++) {
        struct store *store = store_file_open(argv[i], STORE_READ_ONLY, STORE_LOCK_NONE);

        if (store == NULL || check_store(store) == -1)
            printf("refused: %s\n", error_message());
        fflush(NULL);
        store_close(store);
    }
    return 0;
}
