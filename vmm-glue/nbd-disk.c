/* SPDX-License-Identifier: BSD-3-Clause */
/* nbd-disk.c - a disk: an NBD export and our connections to it
 *
 * What the server says about the export is believed only within bounds.
 */

#include <inttypes.h>
#include <libnbd.h>

#include "nbd-disk.h"
#include "nbd-server.h"
#include "report.h"

#define SECTOR_SIZE 512
#define MAX_BLOCK_SIZE 4096 /* what a guest's kernel can take */
#define DEFAULT_PREFERRED 4096
#define MAX_PREFERRED (UINT32_C(32) << 20)
#define DEFAULT_PAYLOAD (UINT32_C(32) << 20)

static bool is_power_of_two(int64_t n)
{
    return n > 0 && (n & (n - 1)) == 0;
}

static int learn_block_sizes(struct nbd_disk *disk, struct nbd_handle *nbd)
{
    const char *source = disk->options->source;
    int64_t minimum = nbd_get_block_size(nbd, LIBNBD_SIZE_MINIMUM);
    int64_t preferred = nbd_get_block_size(nbd, LIBNBD_SIZE_PREFERRED);
    int64_t maximum = nbd_get_block_size(nbd, LIBNBD_SIZE_MAXIMUM);
    int64_t wanted = disk->options->logical_block_size;

    if (minimum > MAX_BLOCK_SIZE || (minimum > 0 && !is_power_of_two(minimum))) {
        report("disk %s wants requests in blocks of %" PRId64
               " bytes, a guest needs a power of two up to %d",
               source, minimum, MAX_BLOCK_SIZE);
        return -1;
    }
    disk->block_size = minimum > SECTOR_SIZE ? (uint32_t)minimum : SECTOR_SIZE;
    if (wanted && wanted < disk->block_size) {
        report("disk %s wants requests in blocks of %" PRIu32 " bytes, logical_block_size=%" PRId64
               " is less",
               source, disk->block_size, wanted);
        return -1;
    }
    if (wanted)
        disk->block_size = (uint32_t)wanted;
    disk->preferred_size =
        preferred > disk->block_size && is_power_of_two(preferred) && preferred <= MAX_PREFERRED
            ? (uint32_t)preferred
            : DEFAULT_PREFERRED;
    disk->max_payload = maximum > disk->block_size && maximum < DEFAULT_PAYLOAD
                            ? (uint32_t)maximum & ~(disk->block_size - 1)
                            : DEFAULT_PAYLOAD;
    return 0;
}

static int learn_size(struct nbd_disk *disk, struct nbd_handle *nbd)
{
    const char *source = disk->options->source;
    int64_t size = nbd_get_size(nbd);

    if (size < 0) {
        report("disk %s: the NBD server does not tell a usable size: %s", source, nbd_get_error());
        return -1;
    }
    disk->size = (uint64_t)size - (uint64_t)size % disk->block_size;
    if (!disk->size) {
        report("disk %s has %" PRId64 " bytes, less than a block of %" PRIu32, source, size,
               disk->block_size);
        return -1;
    }
    if (disk->size != (uint64_t)size)
        report("disk %s: the guest does not see the last %" PRIu64
               " bytes, which are less than a block",
               source, (uint64_t)size - disk->size);
    return 0;
}

static int learn(struct nbd_disk *disk, struct nbd_handle *nbd)
{
    disk->readonly = disk->options->readonly || nbd_is_read_only(nbd) != 0;
    disk->can_flush = nbd_can_flush(nbd) == 1;
    disk->can_fua = nbd_can_fua(nbd) == 1;
    disk->can_trim = !disk->readonly && nbd_can_trim(nbd) == 1;
    disk->can_zero = !disk->readonly && nbd_can_zero(nbd) == 1;
    if (learn_block_sizes(disk, nbd) < 0)
        return -1;
    return learn_size(disk, nbd);
}

static int add_connection(struct nbd_disk *disk, struct nbd_handle *nbd)
{
    struct nbd_conn *conn = &disk->conns[disk->conn_count++];

    return nbd_conn_open(conn, nbd, disk->options->source, &disk->lost);
}

static int connect_more(struct nbd_disk *disk, struct nbd_handle *first, unsigned wanted)
{
    int64_t size = nbd_get_size(first);

    if (nbd_can_multi_conn(first) != 1)
        return 0;
    while (disk->conn_count < wanted && disk->conn_count < NBD_MAX_CONNECTIONS) {
        struct nbd_handle *nbd = nbd_server_connect_again(disk->options, first);
        if (!nbd)
            return -1;
        if (nbd_get_size(nbd) != size) {
            report("disk %s: the NBD server tells different sizes on different connections",
                   disk->options->source);
            nbd_close(nbd);
            return -1;
        }
        if (add_connection(disk, nbd) < 0)
            return -1;
    }
    return 0;
}

int nbd_disk_open(struct nbd_disk *disk, const struct disk_options *options, unsigned wanted)
{
    *disk = (struct nbd_disk){ .options = options };
    struct nbd_handle *first = nbd_server_connect(options);

    if (!first)
        return -1;
    if (learn(disk, first) < 0) {
        nbd_close(first);
        return -1;
    }
    if (add_connection(disk, first) < 0 || connect_more(disk, first, wanted) < 0) {
        nbd_disk_close(disk);
        return -1;
    }
    if (!options->is_uri)
        nbd_server_hide(first);
    return 0;
}

int nbd_disk_start(struct nbd_disk *disk)
{
    for (unsigned i = 0; i < disk->conn_count; i++)
        if (nbd_conn_start(&disk->conns[i]) < 0)
            return -1;
    return 0;
}

void nbd_disk_close(struct nbd_disk *disk)
{
    /* The first connection waits for the end of our own server, which the others hold up: it goes
     * last. */
    while (disk->conn_count)
        nbd_conn_close(&disk->conns[--disk->conn_count]);
}
