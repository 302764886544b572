/* SPDX-License-Identifier: BSD-3-Clause */
/* repairs.c - images that need a repair: damaged ones, and those that a cut left dirty
 *
 * What a cut during a repair leaves is repaired again and must then be clean; until then no
 * refcount may have become too low that was not.  What a cut leaves of an image with lazy refcounts
 * may have any refcounts, but nothing else wrong; COPIED flags are held against the refcounts after
 * the repair, which are the true ones.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/error.h"
#include "check/check.h"
#include "crash/random.h"
#include "crash/session.h"
#include "format/l2_entry.h"
#include "format/refcount_block.h"

/* ------------------------------------------------------------------------------------------------
 * The judge
 */

int judge_repair_dirty(struct store *store, struct header *header)
{
    qcow2_check_result result;

    if (check_repair(store, header, true, NULL, NULL, &result) == -1)
        return -1;
    return header->incompatible_features & INCOMPATIBLE_DIRTY ? error_set(EIO, "It is dirty yet")
                                                              : 0;
}

static void count_too_low(void *opaque, const char *finding)
{
    *(uint64_t *)opaque += strncmp(finding, "ERROR cluster ", 14) == 0;
}

/* Refcounts and the flags that follow them may be wrong. */
static void note_dirty_finding(void *opaque, const char *finding)
{
    struct verdict *verdict = opaque;

    if (verdict->rule == NULL && strncmp(finding, "ERROR ", 6) == 0 &&
        strncmp(finding, "ERROR cluster ", 14) != 0 &&
        strncmp(finding, "ERROR OFLAG_COPIED ", 19) != 0 &&
        !strstr(finding, "is outside image")) /* a refcount table that was read as it is now */
        verdict_set(verdict, strstr(finding, "end of the file") ? "pointer" : "check", "%s",
                    finding);
}

/* A flag that the repair had to clear was set on a shared cluster. */
static void note_unsound_flag(void *opaque, const char *finding)
{
    unsigned long long entry, refcount;
    const char *at = strstr(finding, "_entry=");
    struct verdict *verdict = opaque;

    if (verdict->rule == NULL && strncmp(finding, "Repairing OFLAG_COPIED ", 23) == 0 &&
        at != NULL && sscanf(at, "_entry=%llx refcount=%llu", &entry, &refcount) == 2 &&
        entry & ENTRY_COPIED)
        verdict_set(verdict, "copied", "%s", finding);
}

static void note_any(void *opaque, const char *finding)
{
    struct verdict *verdict = opaque;

    if (verdict->rule == NULL)
        verdict_set(verdict, "repair", "After the repair: %s", finding);
}

/* Before the repair. */
static int look_at_damage(struct judge *j, const struct header *header, struct verdict *verdict)
{
    struct store *store = judge_image(j);
    qcow2_check_result result;
    uint64_t too_low = 0;

    if (j->damaged) {
        if (check_run(store, header, count_too_low, &too_low, &result) == -1)
            return verdict_set(verdict, "repair", "The check fails: %s", error_message());
        if (too_low > j->too_low)
            return verdict_set(verdict, "floor",
                               "%" PRIu64 " refcounts are too low, before the repair %" PRIu64
                               " were",
                               too_low, j->too_low);
        return 0;
    }
    if (check_run(store, header, note_dirty_finding, verdict, &result) == -1)
        return verdict_set(verdict, "repair", "The check fails: %s", error_message());
    return verdict->rule ? -1 : 0;
}

static int repair_and_check(struct judge *j, struct header *header, struct verdict *verdict)
{
    struct store *store = judge_image(j);
    qcow2_check_result result;

    if (check_repair(store, header, true, j->damaged ? NULL : note_unsound_flag, verdict,
                     &result) == -1)
        return verdict_set(verdict, "repair", "The repair fails: %s", error_message());
    if (verdict->rule == NULL && check_run(store, header, note_any, verdict, &result) == -1)
        return verdict_set(verdict, "repair", "The check fails: %s", error_message());
    if (verdict->rule == NULL &&
        header->incompatible_features & (INCOMPATIBLE_DIRTY | INCOMPATIBLE_CORRUPT))
        verdict_set(verdict, "repair", "The repaired image is still marked");
    return verdict->rule ? -1 : 0;
}

int judge_repair(struct judge *j, struct verdict *verdict)
{
    struct qcow2_image *image =
        judge_open(judge_image(j), NULL, QCOW2_OPEN_CHECK | QCOW2_OPEN_NO_IO, NULL, NULL);
    int r;

    if (image == NULL)
        return verdict_set(verdict, "open", "%s", error_message());
    r = look_at_damage(j, &image->tables.header, verdict);
    if (r == 0)
        r = repair_and_check(j, &image->tables.header, verdict);
    image_close(image);
    return r;
}

/* ------------------------------------------------------------------------------------------------
 * Damage
 */

struct victim {
    struct session *session;
    struct store *store;
    const struct header *header;
    const struct geometry *geometry;
};

static uint64_t draw(const struct victim *v, uint64_t below)
{
    return random_below(&v->session->random, below);
}

static uint64_t read_word(const struct victim *v, uint64_t offset)
{
    uint8_t bytes[8] = { 0 };

    store_pread(v->store, bytes, sizeof bytes, offset);
    return load_be64(bytes);
}

static void write_word(const struct victim *v, uint64_t offset, uint64_t word)
{
    uint8_t bytes[8];

    store_be64(bytes, word);
    store_pwrite(v->store, bytes, sizeof bytes, offset);
}

/* A refcount is another one, or none, or a whole stretch is lost. */
static void damage_refcount(const struct victim *v)
{
    const struct geometry *g = v->geometry;
    uint64_t length = v->session->recorder->length[PART_IMAGE], block, bytes = g->cluster_size;
    uint64_t cluster = draw(v, div_round_up(length, g->cluster_size));
    uint64_t per_block = UINT64_C(1) << g->refcount_block_bits;
    uint8_t *buf = v->session->bytes;

    block = read_word(v, v->header->refcount_table_offset + cluster / per_block * 8);
    if (block == 0 || store_pread(v->store, buf, bytes, block) == -1)
        return;
    if (draw(v, 8) == 0)
        memset(buf + draw(v, bytes / 512) * 512, 0, 512);
    else
        refcount_block_set(buf, g->refcount_order, cluster % per_block,
                           min_u64(g->refcount_max, draw(v, 5)));
    store_pwrite(v->store, buf, bytes, block);
}

static void damage_refcount_table(const struct victim *v)
{
    uint64_t at = v->header->refcount_table_offset, entry = read_word(v, at);
    const uint64_t damaged[] = { 0, entry | 1, entry | 0x200, entry | UINT64_C(1) << 40,
                                 v->header->l1_table_offset };

    if (draw(v, 4) == 0)
        write_word(v, HEADER_REFCOUNT_TABLE_AT + 4, draw(v, 2)); /* and how many clusters it has */
    else
        write_word(v, at, damaged[draw(v, sizeof damaged / sizeof damaged[0])]);
}

/* Bits that a repair clears, or an image that is marked. */
static void damage_features(const struct victim *v)
{
    if (v->header->version < 3)
        return;
    if (draw(v, 2))
        write_word(v, HEADER_AUTOCLEAR_AT, v->header->autoclear_features | UINT64_C(1) << 40);
    else
        write_word(v, HEADER_INCOMPATIBLE_AT,
                   v->header->incompatible_features | INCOMPATIBLE_DIRTY | INCOMPATIBLE_CORRUPT);
}

/* Flags, and zero clusters that get a place in the middle of one. */
static void damage_entry(const struct victim *v, uint64_t at)
{
    uint64_t entry = read_word(v, at), cluster_size = v->geometry->cluster_size;

    if (v->geometry->l2_entry_size == L2_ENTRY_SIZE && entry == L2_ZERO && cluster_size > 512)
        write_word(v, at, entry | (512 + cluster_size * draw(v, 12)));
    else if (!(entry & L2_COMPRESSED) && entry & L2_OFFSET_MASK)
        write_word(v, at, entry ^ ENTRY_COPIED);
}

static void damage_table(const struct victim *v)
{
    uint64_t l1 = v->header->l1_table_offset + 8 * draw(v, v->header->l1_size);
    uint64_t l2 = read_word(v, l1) & L1_OFFSET_MASK;
    uint64_t step = v->geometry->l2_entry_size;

    if (l2 == 0)
        return;
    if (draw(v, 6) == 0)
        write_word(v, l1, read_word(v, l1) ^ ENTRY_COPIED);
    for (uint64_t i = 1 + draw(v, 20); i > 0; i--)
        damage_entry(v, l2 + step * draw(v, min_u64(v->geometry->cluster_size / step, 64)));
}

static void damage(const struct victim *v)
{
    for (uint64_t strokes = 1 + draw(v, 4); strokes > 0; strokes--) {
        switch (draw(v, 7)) {
        case 0: damage_features(v); break;
        case 1:
        case 2:
        case 3: damage_table(v); break;
        default: damage_refcount(v); break;
        }
    }
    if (draw(v, 4) == 0) /* last: the others find refcount blocks through it */
        damage_refcount_table(v);
}

/* ------------------------------------------------------------------------------------------------
 * The session
 */

/* The header of what is in the recorder by now. */
static int read_header(struct session *s, uint64_t cluster_size, struct header *header)
{
    uint8_t *cluster = malloc(cluster_size);
    uint64_t length;
    int r = -1;

    if (cluster != NULL && store_size(session_image(s), &length) == 0 &&
        store_pread(session_image(s), cluster, cluster_size, 0) == 0)
        r = header_decode(cluster, length, HEADER_FOR_CHECK, header);
    free(cluster);
    return r;
}

/* No fault hits the damage. */
static void damage_unhurt(struct session *s, const struct header *header)
{
    const struct victim victim = { s, session_image(s), header, &header->geometry };
    const struct fault fault = s->recorder->fault;

    s->recorder->fault = (struct fault){ 0 };
    damage(&victim);
    place_leave(&s->place);
    s->recorder->fault = fault;
    recorder_settle(s->recorder);
}

static int repair(struct session *s, struct header *header)
{
    struct store *store = session_image(s);
    struct judge *j = &s->states.judge;
    qcow2_check_result result;
    int r;

    j->too_low = 0;
    if (check_run(store, header, count_too_low, &j->too_low, &result) == -1)
        return -1;
    j->damaged = true;
    r = check_repair(store, header, true, NULL, NULL, &result);
    if (r == 0 && !s->states.effort->at_end)
        states_visit(&s->states);
    j->damaged = r == -1; /* what a failure leaves is damaged, too */
    return r;
}

/* The header of what is damaged now. */
static int open_and_damage(struct session *s, struct header *header)
{
    struct qcow2_image *image =
        judge_open(session_image(s), NULL, QCOW2_OPEN_CHECK | QCOW2_OPEN_NO_IO, NULL, NULL);
    int r;

    if (image == NULL)
        return -1;
    damage_unhurt(s, &image->tables.header);
    r = read_header(s, image->tables.geometry.cluster_size, header);
    image_close(image);
    return r;
}

/* No cut hits the damage. */
int session_damage_and_repair(struct session *s)
{
    flush_observer *observer = s->recorder->observer;
    struct header header;
    int r;

    s->recorder->observer = NULL;
    r = open_and_damage(s, &header);
    s->recorder->observer = observer;
    if (r == -1)
        return -1;
    r = repair(s, &header);
    header_destroy(&header);
    return r;
}
