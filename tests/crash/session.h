/* SPDX-License-Identifier: BSD-3-Clause */
/* session.h - an image in use, every step of it under the oracle's eyes
 *
 * Each call makes one request of the image, tells the oracle before and after, and compares what
 * the image shows with what it should.  The recorder shows every flush to the states, so that power
 * cuts are tried while the request runs.  When something is wrong the session is over: further
 * calls do nothing, and session_end tells.
 */

#ifndef CRASH_SESSION_H
#define CRASH_SESSION_H

#include "crash/states.h"

enum data_file { DATA_FILE_NONE, DATA_FILE_PLAIN, DATA_FILE_RAW };

/* What kind of image. */
struct shape {
    const char *name;
    uint32_t cluster_bits;
    uint32_t refcount_bits;
    uint32_t version;
    uint32_t size;    /* of the disk, sectors */
    uint32_t backing; /* of the backing disk, sectors; 0: none */
    uint32_t base;    /* of the image below, in a file that a cut hits, too, sectors; 0: none; */
    uint32_t other;   /* and of another one, which may come in its place */
    const char *base_format, *other_format; /* NULL: qcow2 */
    bool deep;                              /* the other is below the base */
    uint32_t l2_cache;                      /* bytes; 0: the default */
    uint32_t leaked;       /* clusters that are counted and never used, so that tables must grow */
    bool extended;         /* L2 entries */
    bool lazy;             /* refcounts */
    bool lazy_opened;      /* the same, by an option of who opens it */
    bool keeps;            /* clusters that are discarded stay with the guest's */
    enum place_kind place; /* in its file */
    bool preallocated;     /* host clusters for the whole disk */
    enum data_file data_file; /* then nothing is compressed, and there are no snapshots */
    bool luks;                /* encrypted; then nothing is compressed */
    bool discard;             /* punch holes for freed clusters */
    bool scribble;            /* ... which then hold garbage */
    bool slow;                /* takes long: only where that is asked for */
    bool qemu;                /* made by QEMU, with compressed clusters and two snapshots */
};

struct session {
    const struct shape *shape;
    struct recorder *recorder;
    struct place place; /* of the image in the recorder */
    struct oracle oracle;
    struct states states;
    struct qcow2_image *image;
    struct runtime_options runtime; /* with which it is opened */
    struct store *backing_store;    /* NULL: none */
    struct disk *backing;
    uint32_t version; /* of the image as it is now */
    uint32_t refcount_bits;
    uint64_t random;
    uint64_t next_stamp;
    unsigned snapshots_made;
    unsigned bitmaps_made;
    bool compressed;        /* some clusters were: they share host clusters */
    uint64_t faults_before; /* the present request */
    uint64_t requests;      /* of the store, in the end */
    bool over;
    struct verdict verdict;
    uint8_t *bytes; /* for requests */
};

int session_begin(struct session *session, const struct shape *shape, const struct effort *effort,
                  struct hash_set *distinct, uint64_t seed);
/* Close the image, look at what is left, free everything but the verdict. */
void session_end(struct session *session);

/* Offsets and counts are in sectors. */
void session_write(struct session *session, uint64_t at, uint64_t count, bool fua);
/* Of the clusters that the range touches. */
void session_compress(struct session *session, uint64_t at, uint64_t count);
void session_zero(struct session *session, uint64_t at, uint64_t count, bool unmap);
void session_discard(struct session *session, uint64_t at, uint64_t count);
void session_flush(struct session *session);
void session_reopen(struct session *session);
void session_resize(struct session *session, uint64_t size);
/* To a version and a width of refcounts; it may be refused. */
void session_amend(struct session *session, uint32_t version, uint32_t refcount_bits);
/* At random, several things at once: the size, too. */
void session_amend_all(struct session *session);
void session_snapshot_create(struct session *session);
/* Write the state of a machine, so many sectors, and create a snapshot that records it. */
void session_save(struct session *session, uint64_t count);
/* The snapshot of this index in the list. */
void session_snapshot_apply(struct session *session, size_t index);
void session_snapshot_delete(struct session *session, size_t index);

/* Close the image, damage its refcounts and flags, repair it, open it again. */
void session_repair(struct session *session);

/* Below the image is to be the base or the other, PARTS: nothing; what the image shows stays as it
 * is, unless this is unsafe. */
void session_rebase(struct session *session, enum part below, bool unsafe);
/* Into the image at this depth below; then the image is emptied, unless it is kept. */
void session_commit(struct session *session, unsigned depth, bool keep);

/* The bitmap of this index in the list; merging: from another of the same image. */
void session_bitmap_add(struct session *session);
void session_bitmap_remove(struct session *session, size_t index);
void session_bitmap_clear(struct session *session, size_t index);
void session_bitmap_toggle(struct session *session, size_t index);
void session_bitmap_merge(struct session *session, size_t index, size_t from);
/* From an image elsewhere, with another granularity. */
void session_bitmap_merge_across(struct session *session, size_t index);

/* ---- Between session.c, session-amend.c, session-bitmaps.c, session-states.c, chain.c, repairs.c
 * ---- and start.c */

/* Before a request: is it to be made at all? */
bool session_ask(struct session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* How a request ended that changed these sectors of the disk. */
void session_end_request(struct session *session, const char *what, int r, uint64_t at,
                         uint64_t count, bool fua);
/* A snapshot that records the state. */
void session_freeze(struct session *session, const struct vm_state *state);
/* After a snapshot was applied: its state is the image's. */
void session_compare_state(struct session *session, const struct vm_state *state);
/* How an operation that proposed a view ended.  After a failure nobody knows which view holds, so
 * that the session ends there, unless the failure was foreseen. */
void session_end_change(struct session *session, const char *what, int r, bool may_refuse);
/* Nobody need be told of a request that has failed until now: behind its instant an operation may
 * do without, or try again. */
void session_forgive(struct session *session);
void session_wrong(struct session *session, const char *rule, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The image was closed: no bitmap is marked, and none lacks bits. */
void session_check_bitmaps(struct session *session);

/* Write the image that the shape describes into the recorder, durably, and tell the oracle. */
int session_make_image(struct session *session);
int session_open(struct session *session);
/* Write the images below into the recorder; then, with the image above them, tell the oracle. */
int session_make_below(struct session *session);
int session_learn_chain(struct session *session);
/* No image is open. */
int session_damage_and_repair(struct session *session);

static inline struct store *session_image(struct session *session)
{
    return place_store(&session->place);
}

static inline uint64_t session_size(const struct session *session)
{
    return session->oracle.now.size / SECTOR;
}

static inline size_t session_snapshots(const struct session *session)
{
    return session->oracle.now.count;
}

static inline size_t session_bitmaps(const struct session *session)
{
    return session->oracle.now.bitmap_count;
}

#endif
