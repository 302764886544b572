/* SPDX-License-Identifier: BSD-3-Clause */
/* judge.h - is what a power cut left behind acceptable?
 *
 * The verdict names the rule that does not hold:
 *
 *   open      the image does not open
 *   floor     a refcount is lower than the references to its cluster
 *   copied    a set COPIED flag on a cluster that may have more than one reference
 *   pointer   something reachable lies beyond the end of the file
 *   check     any other finding of the check
 *   view      size or snapshots are neither those of before an operation nor those of after
 *   raw       a raw data file and the disk are not the same
 *   old-new   an active sector shows what was never written to it, or what was to be gone
 *   durable   an active sector without unflushed writes changed
 *   snapshot  a snapshot's content changed
 *   below     an image below has neither its old content nor its new one
 *   around    what is around the image's place changed, or does not open
 *   state     a snapshot's VM state is not what was saved
 *   bitmap    a bitmap lacks bits, or is marked as in use without need
 *   repair    a repair fails, or does not make the image clean
 *   later     the image goes wrong in use after the cut
 *   agree     qemu-img check finds something else than our own
 */

#ifndef CRASH_JUDGE_H
#define CRASH_JUDGE_H

#include "crash/cut.h"
#include "crash/oracle.h"
#include "crash/place.h"
#include "image/image.h"

struct verdict {
    const char *rule; /* NULL: acceptable */
    char text[640];
};

int verdict_set(struct verdict *verdict, const char *rule, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* What a reader sees of one disk. */
struct seen_disk {
    char name[16];
    uint64_t size;
    uint8_t *bytes;
    size_t room;
    struct seen_state state; /* of a snapshot */
};

/* Set the size, and have room for so many bytes. */
uint8_t *seen_disk_room(struct seen_disk *seen, uint64_t size);

struct judge {
    const struct oracle *oracle;
    struct cut *cut;
    struct place place;   /* of the image in the cut */
    struct disk *backing; /* NULL: none */
    uint32_t open_flags;  /* QCOW2_OPEN_... of writers */
    struct runtime_options runtime;

    bool damaged;     /* a repair was under way */
    uint64_t too_low; /* refcounts that were, before it began */

    struct seen_disk active;
    struct seen_disk snapshots[MAX_SNAPSHOTS_KEPT];
    size_t snapshot_count;
    struct seen_bitmaps bitmaps;
    struct seen_disk second_look;
    struct seen_disk before_use;
    struct seen_disk below;
    uint64_t random; /* state, for what is done after the cut */
};

static inline struct store *judge_image(struct judge *judge)
{
    return place_store(&judge->place);
}

#define PASSWORD "open sesame" /* of encrypted images */

/* A clear COPIED flag on a cluster with one reference costs a copy and harms nobody. */
bool judge_is_harmless(const char *finding);

/* The store as an image with its backing disk; NULL: what it names, if that is a file beside it.
 * Flags as for opening.  NULL with the error set. */
struct qcow2_image *judge_open(struct store *store, struct disk *backing, uint32_t flags,
                               const char *snapshot, const struct runtime_options *runtime);
/* The same with the file at this depth open for writing, too; 0: none. */
struct qcow2_image *judge_open_chain(struct store *store, enum image_format format, uint32_t flags,
                                     unsigned writable_depth,
                                     const struct runtime_options *runtime);

/* All that can be told by looking: check, and what is read.  Nothing issued after moment arrived.
 * 0, or -1 with the verdict. */
int judge_look(struct judge *judge, uint64_t moment, struct verdict *verdict);

/* Repair an image that is dirty, or was under repair, and look at it before and after
 * (repairs.c). */
int judge_repair(struct judge *judge, struct verdict *verdict);
/* For opening. */
int judge_repair_dirty(struct store *store, struct header *header);

/* The images below the one that was looked at (chain.c). */
int judge_below(struct judge *judge, struct verdict *verdict);

bool judge_is_dirty(struct store *image);

/* Anything but leaks is a finding. */
int judge_check(struct store *store, const struct header *header, struct verdict *verdict);
int judge_see(struct qcow2_image *image, struct seen_disk *seen);
/* Is a sector one stamp, repeated?  Which? */
bool judge_is_uniform(const uint8_t *sector);
uint64_t judge_stamp(const uint8_t *sector);

/* After judge_look: use the image for writing, then look again. */
int judge_use(struct judge *judge, struct verdict *verdict);

/* After judge_look: the findings of qemu-img check, whose files go to directory. */
int judge_ask_qemu(struct judge *judge, const char *directory, struct verdict *verdict);

void judge_destroy(struct judge *judge);

#endif
