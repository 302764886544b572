/* SPDX-License-Identifier: BSD-3-Clause */
/* states.c - everything that a power cut may leave of the changes since the last barrier */

#include "crash/states.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "crash/random.h"

#define MAX_FOR_PAIRS 16
#define MAX_FOR_EACH 128 /* of longer journals prefixes and singles are a sample */

enum fate { FATE_LOST, FATE_ARRIVED, FATE_TORN };

/* ------------------------------------------------------------------------------------------------
 * One state
 */

static bool arrives(void *seed, uint64_t sector)
{
    return random_mix(*(uint64_t *)seed ^ sector * UINT64_C(0x9e3779b97f4a7c15)) & 1;
}

static void build(struct states *s)
{
    struct cut *cut = s->judge.cut;

    cut_reset(cut);
    for (size_t i = 0; i < s->recorder->count; i++) {
        uint64_t seed = random_mix(s->tear + i);

        if (s->fates[i] != FATE_LOST)
            cut_arrive(cut, &s->recorder->journal[i], s->fates[i] == FATE_TORN ? arrives : NULL,
                       &seed);
    }
}

/* The moment after which nothing arrived. */
static uint64_t last_moment(const struct states *s)
{
    for (size_t i = s->recorder->count; i > 0; i--)
        if (s->fates[i - 1] != FATE_LOST)
            return max_u64(s->recorder->journal[i - 1].moment, s->since);
    return s->since;
}

static void explain(const struct states *s)
{
    static const char *const words[] = { "lost", "arrived", "torn" };

    printf("  state %" PRIu64 ", after flush %" PRIu64 " and a length of 0x%" PRIx64 ":\n",
           s->number, s->recorder->flushes, s->recorder->durable_length[PART_IMAGE]);
    for (size_t i = 0; i < s->recorder->count; i++) {
        const struct change *c = &s->recorder->journal[i];

        if (c->kind == CHANGE_LENGTH)
            printf("    %-7s %s length 0x%" PRIx64 " (operation %" PRIu64 ")\n", words[s->fates[i]],
                   part_places[c->part].name, c->offset, c->moment);
        else
            printf("    %-7s %s bytes 0x%" PRIx64 " + 0x%" PRIx64 " (operation %" PRIu64 ")\n",
                   words[s->fates[i]], part_places[c->part].name, c->offset - part_start(c->part),
                   c->count, c->moment);
    }
}

static int judge(struct states *s)
{
    const struct effort *e = s->effort;

    s->judge.random = random_mix(s->number);
    if (judge_look(&s->judge, last_moment(s), &s->verdict) == -1)
        return -1;
    if (e->qemu_every && s->number % e->qemu_every == 0 &&
        judge_ask_qemu(&s->judge, e->directory, &s->verdict) == -1)
        return -1;
    return e->use_every && s->number % e->use_every == 0 ? judge_use(&s->judge, &s->verdict) : 0;
}

/* The state that the fates give.  One that was seen since the last barrier need not be seen again
 * unless less may show. */
static void visit(struct states *s)
{
    uint64_t hash;
    bool chosen = s->effort->only == s->number + 1;

    s->number++;
    if (s->verdict.rule != NULL || (s->effort->only && !chosen))
        return;
    build(s);
    hash = cut_hash(s->judge.cut);
    hash_set_add(s->distinct, hash);
    if (!hash_set_add(&s->judged, hash ^ random_mix(last_moment(s))) && !chosen)
        return;
    if (chosen && s->effort->verbose)
        explain(s);
    if (judge(s) == -1)
        s->bad_number = s->number;
}

/* The same with torn changes. */
static void visit_torn(struct states *s)
{
    bool any = false;

    for (size_t i = 0; i < s->recorder->count; i++) {
        if (s->fates[i] != FATE_ARRIVED || change_sectors(&s->recorder->journal[i]) < 2 ||
            random_next(&s->random) & 1)
            continue;
        s->fates[i] = FATE_TORN;
        any = true;
    }
    s->tear = random_next(&s->random);
    if (any)
        visit(s);
}

static void visit_both(struct states *s)
{
    visit(s);
    visit_torn(s);
}

/* ------------------------------------------------------------------------------------------------
 * All states of a journal
 */

static void set_fates(struct states *s, enum fate fate)
{
    memset(s->fates, fate, s->recorder->count);
}

static void visit_prefix(struct states *s, size_t length)
{
    set_fates(s, FATE_LOST);
    memset(s->fates, FATE_ARRIVED, length);
    visit_both(s);
    if (length > 0 && change_sectors(&s->recorder->journal[length - 1]) > 1) {
        set_fates(s, FATE_LOST);
        memset(s->fates, FATE_ARRIVED, length);
        s->fates[length - 1] = FATE_TORN;
        visit(s);
    }
}

/* All changes have one fate, but for one or two of them. */
static void visit_except(struct states *s, enum fate all, size_t one, size_t two)
{
    set_fates(s, all);
    s->fates[one] = s->fates[two] = all == FATE_LOST ? FATE_ARRIVED : FATE_LOST;
    visit_both(s);
}

static void visit_singles(struct states *s, size_t i)
{
    visit_except(s, FATE_LOST, i, i);
    visit_except(s, FATE_ARRIVED, i, i);
}

static void visit_pairs(struct states *s)
{
    for (size_t i = 0; i < s->recorder->count; i++)
        for (size_t j = i + 1; j < s->recorder->count; j++) {
            visit_except(s, FATE_LOST, i, j);
            visit_except(s, FATE_ARRIVED, i, j);
        }
}

static void visit_random(struct states *s)
{
    uint64_t odds = 1 + random_below(&s->random, 15);

    for (size_t i = 0; i < s->recorder->count; i++)
        s->fates[i] = random_below(&s->random, 16) < odds ? FATE_ARRIVED : FATE_LOST;
    visit_both(s);
}

static void visit_journal(struct states *s)
{
    size_t count = s->recorder->count;
    size_t step = count / MAX_FOR_EACH + 1;

    visit_prefix(s, count);
    for (size_t i = 0; i < count; i += step) {
        visit_prefix(s, i);
        visit_singles(s, i);
    }
    if (count <= MAX_FOR_PAIRS)
        visit_pairs(s);
    for (unsigned i = 0; i < s->effort->subsets && count > 1; i++)
        visit_random(s);
}

void states_visit(void *opaque)
{
    struct states *s = opaque;
    size_t count = s->recorder->count;

    if (count >= s->fates_room) {
        s->fates_room = 2 * count + 64;
        free(s->fates);
        s->fates = malloc(s->fates_room);
        if (s->fates == NULL)
            abort();
    }
    hash_set_clear(&s->judged);
    visit_journal(s);
    if (s->effort->verbose)
        printf("      flush %" PRIu64 ": %zu changes, %" PRIu64 " states\n",
               s->recorder->flushes + 1, count, s->judged.count);
    states_pass(s);
}

void states_pass(void *opaque)
{
    struct states *s = opaque;

    s->since = s->recorder->moment;
}

int states_init(struct states *s, const struct effort *effort, struct recorder *recorder,
                struct oracle *oracle, struct hash_set *distinct, uint64_t seed)
{
    *s = (struct states){
        .effort = effort,
        .recorder = recorder,
        .distinct = distinct,
        .random = seed,
        .judge = { .oracle = oracle, .cut = cut_new(recorder) },
    };
    if (s->judge.cut == NULL)
        return -1;
    place_init(&s->judge.place, cut_image(s->judge.cut), PLACE_FILE, 0);
    return 0;
}

void states_destroy(struct states *s)
{
    place_leave(&s->judge.place);
    cut_free(s->judge.cut);
    judge_destroy(&s->judge);
    hash_set_destroy(&s->judged);
    free(s->fates);
}
