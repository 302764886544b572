/* SPDX-License-Identifier: BSD-3-Clause */
/* guest.h - the virtual disk of a qcow2 image
 *
 * How a request goes: look up (lock shared, no I/O but for a table that is not in memory), then do
 * the data I/O with no lock held, then, if something was allocated, publish the L2 entries (lock
 * exclusive).  A request counts itself in the quarantine's epoch while it runs, so that no host
 * cluster it has looked up is given to somebody else.
 */

#ifndef QCOW2_GUEST_GUEST_H
#define QCOW2_GUEST_GUEST_H

#include "format/l2_entry.h"
#include "guest/disk.h"
#include "guest/inflight.h"
#include "guest/streams.h"
#include "store/crypt.h"
#include "table/tables.h"

struct guest {
    struct disk disk;      /* first member: a struct disk pointer is a struct guest pointer */
    struct tables *tables; /* not owned */
    struct inflight inflight;
    struct streams streams; /* compressed clusters */
    struct cipher *cipher;  /* of sectors numbered as the guest does (AES); or NULL */
};

/* The disk of an opened image, of tables->header.size bytes. */
struct disk *guest_disk_new(struct tables *tables, const struct compression *compression);

/* Compress and decompress as tables->header says now.  No request under way. */
int guest_disk_change_codec(struct disk *disk);

/* The guest's standard clusters are encrypted, their sectors numbered as the guest does.  The disk,
 * which takes the cipher over, can only be read from then on. */
void guest_set_cipher(struct disk *disk, struct cipher *cipher);

/* Whole clusters up to the end of an L2 table or of the disk, which will end before them: they hold
 * nothing, and show no backing file.  Version 2 has no way to say the latter: there the disk has to
 * end before them already. */
int guest_disk_cut(struct disk *disk, uint64_t count, uint64_t offset);

/* Give every cluster of the range that has none a host cluster.  With a backing file only if the
 * image has subclusters: the only one of a standard cluster becomes zeroes.  Only while nobody else
 * writes to the range. */
int guest_disk_preallocate(struct disk *disk, uint64_t count, uint64_t offset);

/* ---- Between the files of this room ---- */

/* The plan of a range (map.c); for_write refuses extents that overlap metadata. */
int guest_plan(struct guest *guest, uint64_t count, uint64_t offset, struct plan *plan,
               bool for_write);

/* Does a range inside one cluster read as zeroes, as far as metadata tell?  Only that counts: other
 * requests may write an allocated cluster at any time.  1 yes, 0 not known, -1 error. */
int guest_reads_zero(struct guest *guest, uint64_t count, uint64_t offset);

/* Read without counting as a request of its own. */
int guest_read(struct guest *guest, void *buf, size_t count, uint64_t offset);
int guest_write(struct guest *guest, const void *buf, size_t count, uint64_t offset);
int guest_zero(struct guest *guest, uint64_t count, uint64_t offset, uint32_t flags);
int guest_discard(struct guest *guest, uint64_t count, uint64_t offset);

/* What an L2 entry refers to loses that reference. */
int guest_drop_entry(struct guest *guest, const struct l2_entry *entry, enum freed_by by);

/* Is the entry possible?  0, or -1 with the error set (and the image marked). */
int guest_validate_entry(struct guest *guest, uint64_t guest_offset, const struct l2_entry *entry);

#endif
