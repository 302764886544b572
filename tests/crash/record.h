/* SPDX-License-Identifier: BSD-3-Clause */
/* record.h - a store that remembers every change since the last barrier
 *
 * It keeps two contents: what a reader sees now, and what is durable.  A change is entered in the
 * journal and becomes durable when a flush that began after it has ended.  Whoever wants to know
 * what a power cut may leave behind (states.h) looks at the durable content and at the journal,
 * just before a flush empties it.
 *
 * There are several files: the image, its external data file if it has one, and those below it in a
 * chain.  They share the journal, so that what was written to the one and what to the other are in
 * one order; but the flush of a file makes only that file's changes durable.  All lie in one
 * medium, each at a place of its own.
 */

#ifndef CRASH_RECORD_H
#define CRASH_RECORD_H

#include "store/store.h"

#define SECTOR 512u /* what arrives whole or not at all */

/* The files of a medium. */
enum part { PART_IMAGE, PART_DATA, PART_BASE, PART_OTHER, PARTS };

struct part_place {
    const char *name; /* as images record it */
    uint64_t start;   /* in the medium */
    uint64_t end;
};

#define MEDIUM_MAX (UINT64_C(128) << 20)
extern const struct part_place part_places[PARTS];

static inline uint64_t part_start(enum part part)
{
    return part_places[part].start;
}

static inline uint64_t part_end(enum part part)
{
    return part_places[part].end;
}

/* The part in which a place of the medium lies, and the part of that name; PARTS: none. */
enum part part_at(uint64_t place);
enum part part_named(const char *name);

enum change_kind {
    CHANGE_BYTES,  /* count bytes of data at offset */
    CHANGE_LENGTH, /* the file is offset bytes long */
};

struct change {
    enum change_kind kind;
    enum part part;
    uint64_t offset; /* of bytes: in the medium */
    uint64_t count;
    uint8_t *data;
    uint64_t moment; /* the recorder's moment when the change was made */
};

/* What goes wrong. */
struct fault {
    const char *name;
    uint64_t at; /* the number of the request that fails, from 1; 0: none */
    int errnum;
    bool full; /* from then on, each request that needs more room; else this one only */
};

/* Called before a flush makes the journal durable. */
typedef void flush_observer(void *opaque);

/* One of the files of a recorder. */
struct recorder_file {
    struct store store;
    enum part part;
    struct recorder *recorder;
};

struct recorder {
    struct recorder_file files[PARTS];
    uint8_t *now; /* MEDIUM_MAX bytes each, zero beyond the lengths */
    uint8_t *durable;
    uint64_t length[PARTS];
    uint64_t durable_length[PARTS];
    uint64_t durable_hash; /* sum of the sector_hash of the durable content */

    struct change *journal;
    size_t count;
    size_t capacity;

    uint64_t moment;          /* stamped on changes; the caller's clock */
    bool scribble;            /* a discarded range holds garbage, not zeroes */
    bool verbose;             /* print the faults */
    flush_observer *observer; /* NULL: nobody looks */
    void *opaque;

    uint64_t flushes;    /* ended so far */
    uint64_t lost_flush; /* the number of a flush that does nothing, from 1; 0: none */
    bool lose_flushes;   /* no flush does anything */

    uint64_t requests; /* changes and flushes asked for so far */
    struct fault fault;
    uint64_t faults;   /* that happened */
    bool flush_failed; /* then no later flush succeeds */
};

struct recorder *recorder_new(void);
void recorder_free(struct recorder *recorder);
/* The store of another file beside this one; NULL: this is not a recorder's. */
struct store *recorder_beside(struct store *store, enum part part);
/* What is in the journal becomes durable, without a flush. */
void recorder_settle(struct recorder *recorder);

/* Of one sector of a content; 0 for a sector of zeroes. */
uint64_t sector_hash(uint64_t number, const uint8_t *bytes);

static inline struct store *recorder_image(struct recorder *recorder)
{
    return &recorder->files[PART_IMAGE].store;
}

#endif
