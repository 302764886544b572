/* SPDX-License-Identifier: BSD-3-Clause */
/* tables.h - the metadata of an open image: what is in memory, what is on disk, in which order
 *
 * An image on disk is consistent at every instant, under any reordering of writes that no barrier
 * (a flush of the store) separates.  The rules:
 *
 *   R1  Refcount floor.  The refcount of a host cluster on disk is never lower than the number of
 *       references to it on disk.
 *   R2  COPIED.  A set flag in the active L1 or L2 tables means: one reference, this one.
 *   R3  Old or new.  A sector that was written and not flushed reads, after a cut, as its old value
 *       or as one written since.
 *   R4  Target before pointer.  A pointer is written only after what it points to is durable:
 *       content, refcount, file length.
 *   R5  Drop before free.  A refcount is lowered only after the removal of the reference is
 *       durable.
 *   R6  Quarantine.  A cluster that lost a reference is neither reused nor punched before R5 holds
 *       and every request that might still use the old reference has ended.
 *   R7  Header changes are one write inside the first 512 bytes.
 *
 * How they are kept.  Guest writes go to their host clusters at once; tables change in memory only.
 * A flush (flush.c) then writes in stages, each made durable by a barrier before the next:
 *
 *   stage 0   new refcount blocks, if there are any            barrier (rare; one more for each
 *                                                              that another new one counts)
 *   stage 1   refcount table entries; refcounts; new L2 tables; (the data were written before)
 *                                                              barrier, an external data file first
 *   stage 2   L2 entries of tables that are already in use, L1 entries of the new ones
 *                                                              barrier
 *   stage 3   in memory: what lost its last reference in stage 2 leaves the quarantine
 *
 * If nothing waits for stage 2 there is one barrier.  Refcounts in memory obey R1 and R5 at all
 * times (a lowering waits in the quarantine, not in the cache), so a refcount block may be written
 * at any moment.  L2 entries wait for the flush.  A new L2 table ("fresh": no L1 entry on disk
 * points to it yet) may be written at any moment, too.
 *
 * Lazy refcounts.  Where the image asks for them, or who opened it, a flush on behalf of guest
 * requests leaves refcounts and refcount table out of stage 1 and marks the image as dirty instead,
 * in the same stage: from the first such flush until the image is closed, R1 holds in memory only.
 * Operations on the whole image (snapshots, resizing) flush everything first, so that for them R1
 * holds on disk.  When the image is closed the mark is removed last.  A dirty image is repaired
 * before it is written again.
 *
 * Locks, in the order in which they may be taken:
 *   flush.lock   one flush at a time; callers that wait share the next one
 *   lock         all members below, unless they say otherwise: shared to look up, exclusive to
 *                change or to load into a cache.  Not held over what guests read and write;
 *                over a barrier only when the refcount table grows or tables_corrupt marks the
 *                image, and over zeroes that are written as data only by tree_expand_zeroes
 * Functions that need lock held exclusively end in _locked, or their header says it once for all
 * of them (refcount.h); those that need it at least shared say so.  Structural operations
 * (snapshots, resizing) run while the image above keeps all guest requests out.
 */

#ifndef QCOW2_TABLE_TABLES_H
#define QCOW2_TABLE_TABLES_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/error.h"
#include "format/header.h"
#include "store/store.h"
#include "table/cache.h"
#include "table/metadata_map.h"
#include "table/quarantine.h"

/* A growing list of numbers. */
struct index_list {
    uint64_t *items;
    size_t count;
    size_t capacity;
};

int index_list_add(struct index_list *list, uint64_t item);
void index_list_clear(struct index_list *list);

/* Who flushes, and who waits for whom (flush.c). */
struct flush_state {
    pthread_mutex_t lock;
    pthread_cond_t done;
    uint64_t started;  /* flushes begun */
    uint64_t finished; /* flushes ended */
    bool running;
    bool whole; /* somebody waits for the next one who needs the refcounts on disk, too */
};

struct tables {
    struct store *store; /* not owned */
    struct store *data;  /* where the guest's standard clusters lie: the store, or an external data
                            file, or what is encrypted in one of them; not owned */
    bool encrypted;      /* what was never written to data does not read as zeroes */
    _Atomic uint64_t data_length; /* bytes that the data file is known to have */
    bool read_only;
    bool lazy_refcounts;     /* guest requests leave them in memory; constant while these run */
    bool discard_keeps;      /* a discarded cluster stays with the guest's, marked as zero */
    uint32_t discard;        /* enum freed_by: for which freed clusters holes are punched */
    uint32_t overlap_checks; /* enum metadata_class: what a write is held against */
    /* Both change only while no request runs (resizing, amending), but for the dirty and corrupt
     * bits. */
    struct header header;
    struct geometry geometry;

    pthread_rwlock_t lock;

    uint64_t *l1; /* entries, host byte order */
    uint32_t l1_size;
    uint64_t l1_table_offset;
    struct index_list fresh_l2; /* L1 indices whose entry on disk is older than in l1 */

    uint64_t *refcount_table;     /* entries, host byte order */
    uint64_t refcount_table_size; /* entries */
    uint64_t refcount_table_offset;
    uint32_t refcount_table_clusters;
    struct index_list fresh_blocks; /* refcount table indices not yet in the table on disk */

    struct cache l2_cache;
    struct cache refcount_cache;
    uint64_t clean_interval; /* seconds; 0: never */
    _Atomic uint64_t
        clean_time;          /* of the monotonic clock: when the caches are to be cleaned next */
    struct metadata_map map; /* filled only when writable */

    bool streams_written; /* compressed ones: the file must end with a whole sector */
    uint64_t free_byte; /* host offset where the next compressed stream may go; 0: a new cluster */
    uint64_t free_cursor; /* host cluster where the next search for a free one begins */
    uint64_t high_water;  /* bytes; nothing at or beyond it was ever written */

    struct quarantine quarantine; /* has its own rules, see quarantine.h */
    struct flush_state flush;

    atomic_bool failed;           /* a flush failed or the image is corrupt: no more changes */
    pthread_mutex_t failure_lock; /* a leaf: guards failure */
    struct error failure;         /* why */
};

/* Do guest clusters lie in an external data file?  Then host offsets of standard clusters are
 * offsets in that file, the same as the guest's, and no refcount counts them. */
static inline bool tables_has_data_file(const struct tables *tables)
{
    return tables->header.incompatible_features & INCOMPATIBLE_DATA_FILE;
}

/* Read the refcount table (writable images only) and the L1 table of header.  The tables take over
 * header. */
int tables_open(struct tables *tables, struct store *store, struct header *header, bool read_only);
/* Read through another L1 table: a snapshot's.  The tables take it over. */
void tables_show_l1(struct tables *tables, uint64_t *l1, uint64_t l1_table_offset,
                    uint32_t l1_size);
/* Bytes of memory for both, bytes of an L2 table that are read at once, seconds after which what
 * nobody used is forgotten; 0: as it is, but of the last: never.  While nothing is in the
 * caches. */
int tables_set_caches(struct tables *tables, uint64_t l2_bytes, uint64_t refcount_bytes,
                      uint64_t l2_slice, uint64_t clean_interval);
/* Forget what nobody used, if it is time to. */
void tables_clean_caches(struct tables *tables);
void tables_close(struct tables *tables);

/* An L1 or other table of entries: count big-endian words at offset, in host byte order. */
uint64_t *tables_read_entries(struct tables *tables, uint64_t offset, uint64_t count,
                              const char *what);

/* Fail every later change with this thread's error; returns -1. */
int tables_fail(struct tables *tables);
/* 0, or -1 with the reason why no change is possible any more. */
int tables_usable(struct tables *tables);

/* Impossible metadata were met: sets the error EIO with the sentence, and on a writable image marks
 * the image as corrupt on disk (once, durably) so that nothing is written any more.  Returns -1.
 * Lock held at least shared, or image quiet. */
int tables_corrupt(struct tables *tables, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Refuse a write to [offset, offset + count) if it overlaps metadata other than of class own, as
 * far as overlap_checks goes.  Lock held at least shared. */
int tables_check_overlap(struct tables *tables, uint64_t offset, uint64_t count,
                         enum metadata_class own);
/* Refuse to free what holds metadata other than of class own: it would be given to somebody
 * else.  Lock held exclusively. */
int tables_check_release(struct tables *tables, uint64_t offset, uint64_t count,
                         enum metadata_class own);

/* Write count bytes of the header at byte at, inside its first sector, and make it durable. */
int tables_write_header(struct tables *tables, uint32_t at, const void *bytes, size_t count);

#endif
