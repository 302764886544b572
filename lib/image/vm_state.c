/* SPDX-License-Identifier: BSD-3-Clause */
/* vm_state.c - the room for a virtual machine's memory behind the disk
 *
 *     L1 entries   0 .. those of the disk - 1 | the next one ..
 *     guest view   the disk                   | the VM state, from its offset 0 on
 *
 * A snapshot keeps the L1 table, and with it the VM state.  So a machine is saved by writing its
 * state, then creating a snapshot that records how many bytes it has; the active state gives them
 * up at once, lest the next machine state be copied on writing.  Applying a snapshot brings its VM
 * state back.
 *
 * The L1 table grows as the state is written, by half at least, so that it is seldom copied.
 *
 * Nothing here is the disk's: no backing file shows through, no bitmap notes it.  For the rooms
 * below it is a second disk on the same tables, with the addresses that the disk leaves over.
 */

#include "image/vm_state.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "guest/guest.h"
#include "image/size.h"
#include "table/flush.h"

#define MAX_L1_ENTRIES (MAX_L1_BYTES / L1_ENTRY_SIZE)

/* Guest offsets that n L1 entries map. */
static uint64_t reach_of(const struct geometry *g, uint64_t l1_entries)
{
    uint64_t span = geometry_l2_span(g);

    return l1_entries <= INT64_MAX / span ? l1_entries * span : round_down(INT64_MAX, span);
}

/* The guest offset where it begins.  operations held. */
static uint64_t vm_state_offset(const struct qcow2_image *image)
{
    const struct geometry *g = &image->tables.geometry;

    return geometry_l1_entries(g, image->disk->size) * geometry_l2_span(g);
}

/* How many bytes there may be. */
static uint64_t capacity(const struct qcow2_image *image)
{
    uint64_t start = vm_state_offset(image),
             end = reach_of(&image->tables.geometry, MAX_L1_ENTRIES);

    return end > start ? end - start : 0;
}

int image_vm_state_fits(const struct qcow2_image *image, uint64_t size)
{
    if (size > capacity(image))
        return error_set(EFBIG, "'%s' has room for a VM state of %" PRIu64 " bytes, not %" PRIu64,
                         image->filename, capacity(image), size);
    return 0;
}

/* Clusters of a data file have one place each: there is none behind the disk. */
static int require_room(const struct qcow2_image *image)
{
    if (image->format != FORMAT_QCOW2)
        return error_set(ENOTSUP, "'%s' is a %s image: it has no room for a VM state",
                         image->filename, image_format_name(image->format));
    if (tables_has_data_file(&image->tables))
        return error_set(ENOTSUP, "'%s' has an external data file: it has no room for a VM state",
                         image->filename);
    if (image->tables.header.crypt_method == CRYPT_AES)
        return error_set(ENOTSUP, "The VM state of '%s' cannot be read: it is encrypted with AES",
                         image->filename);
    if (image->disk == NULL)
        return error_set(EINVAL, "'%s' was opened for its metadata only", image->filename);
    return 0;
}

static int check_range(const struct qcow2_image *image, uint64_t count, uint64_t offset)
{
    if (!range_within(offset, count, INT64_MAX - vm_state_offset(image)))
        return error_set(EINVAL,
                         "The range at offset 0x%" PRIx64 " of %" PRIu64
                         " bytes lies beyond the end of every VM state of '%s'",
                         offset, count, image->filename);
    return 0;
}

/* Bytes of the VM state that the L1 table maps.  operations held. */
static uint64_t mapped(const struct qcow2_image *image)
{
    uint64_t start = vm_state_offset(image);
    uint64_t end = reach_of(&image->tables.geometry, image->tables.l1_size);

    return end > start ? end - start : 0;
}

int image_vm_state_open(struct qcow2_image *image)
{
    const struct compression as_recorded = { 0 };

    image->vm_state = guest_disk_new(&image->tables, &as_recorded);
    if (image->vm_state == NULL)
        return -1;
    image->vm_state->size = reach_of(&image->tables.geometry, MAX_L1_ENTRIES);
    return 0;
}

int image_vm_state_read(struct qcow2_image *image, void *buf, size_t count, uint64_t offset)
{
    uint64_t inside;
    READ_SCOPE(&image->operations);

    if (require_room(image) == -1 || check_range(image, count, offset) == -1)
        return -1;
    inside = range_before(offset, count, mapped(image));
    memset((uint8_t *)buf + inside, 0, count - inside);
    return inside ? disk_read(image->vm_state, buf, inside, vm_state_offset(image) + offset) : 0;
}

/* ------------------------------------------------------------------------------------------------
 * Writing
 */

static int check_write(struct qcow2_image *image, uint64_t count, uint64_t offset)
{
    if (require_room(image) == -1 ||
        image_require_writable_qcow2(image, "Writing a VM state") == -1 ||
        check_range(image, count, offset) == -1)
        return -1;
    return image_vm_state_fits(image, offset + count);
}

enum { DONE = 0, NOT_MAPPED = 1 };

static int write_mapped(struct qcow2_image *image, const void *buf, size_t count, uint64_t offset)
{
    if (!range_within(offset, count, mapped(image)))
        return NOT_MAPPED;
    return image->vm_state->ops->write(image->vm_state, buf, count,
                                       vm_state_offset(image) + offset);
}

/* By half, as often as is needed. */
static int extend_l1(struct qcow2_image *image, uint64_t end)
{
    uint64_t needed = geometry_l1_entries(&image->tables.geometry, end);
    uint64_t entries = image->tables.l1_size ? image->tables.l1_size : 1;

    while (entries < needed)
        entries = div_round_up(entries * 3, 2);
    return image_extend_l1(image, min_u64(entries, MAX_L1_ENTRIES));
}

/* What one L2 table maps. */
static int write_piece(struct qcow2_image *image, const void *buf, size_t count, uint64_t offset)
{
    {
        READ_SCOPE(&image->operations);
        int r = write_mapped(image, buf, count, offset);

        if (r != NOT_MAPPED)
            return r;
    }
    WRITE_SCOPE(&image->operations);
    /* the disk may have another size by now */
    if (check_write(image, count, offset) == -1 ||
        extend_l1(image, vm_state_offset(image) + offset + count) == -1)
        return -1;
    return write_mapped(image, buf, count, offset);
}

static int check_whole(struct qcow2_image *image, uint64_t count, uint64_t offset)
{
    READ_SCOPE(&image->operations);

    return check_write(image, count, offset);
}

int image_vm_state_write(struct qcow2_image *image, const void *buf, size_t count, uint64_t offset,
                         uint32_t flags)
{
    const uint8_t *from = buf;

    if (check_whole(image, count, offset) == -1)
        return -1;
    while (count > 0) {
        uint64_t span = geometry_l2_span(&image->tables.geometry);
        size_t now = (size_t)min_u64(count, span - offset % span);

        if (write_piece(image, from, now, offset) == -1)
            return -1;
        from += now;
        offset += now;
        count -= now;
    }
    return flags & QCOW2_FUA || image->flags & QCOW2_OPEN_WRITETHROUGH ? image_flush(image) : 0;
}

void image_vm_state_drop(struct qcow2_image *image, uint64_t size)
{
    uint64_t count = min_u64(round_up(size, image->tables.geometry.cluster_size), mapped(image));

    if (count > 0 &&
        image->vm_state->ops->discard(image->vm_state, count, vm_state_offset(image)) == 0)
        tables_settle(&image->tables);
}
