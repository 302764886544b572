/* SPDX-License-Identifier: BSD-3-Clause */
/* nbd_journal.c - changes that a server has acknowledged, and may lose until it has flushed */

#include "store/nbd_journal.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"

void journal_init(struct journal *journal)
{
    *journal = (struct journal){ 0 };
    pthread_mutex_init(&journal->lock, NULL);
}

void journal_destroy(struct journal *journal)
{
    journal_forget(journal, UINT64_MAX);
    pthread_mutex_destroy(&journal->lock);
}

static uint64_t memory_of(const struct journal_entry *entry)
{
    return sizeof *entry + (entry->is_zero ? 0 : entry->count);
}

struct journal_entry *journal_prepare(const void *bytes, uint64_t count, uint64_t offset,
                                      bool may_punch)
{
    struct journal_entry *entry = malloc(sizeof *entry + (bytes ? count : 0));

    if (entry == NULL)
        return error_no_memory();
    *entry = (struct journal_entry){
        .offset = offset,
        .count = count,
        .is_zero = bytes == NULL,
        .may_punch = may_punch,
    };
    if (bytes)
        memcpy(entry->bytes, bytes, count);
    return entry;
}

void journal_add(struct journal *journal, struct journal_entry *entry)
{
    LOCK_SCOPE(&journal->lock);

    entry->number = journal->next_number++;
    entry->next = NULL;
    if (journal->last)
        journal->last->next = entry;
    else
        journal->first = entry;
    journal->last = entry;
    journal->memory += memory_of(entry);
}

uint64_t journal_mark(struct journal *journal)
{
    LOCK_SCOPE(&journal->lock);

    return journal->next_number;
}

void journal_forget(struct journal *journal, uint64_t mark)
{
    LOCK_SCOPE(&journal->lock);

    while (journal->first && journal->first->number < mark) {
        struct journal_entry *entry = journal->first;

        journal->first = entry->next;
        journal->memory -= memory_of(entry);
        free(entry);
    }
    if (journal->first == NULL)
        journal->last = NULL;
}

uint64_t journal_memory(struct journal *journal)
{
    LOCK_SCOPE(&journal->lock);

    return journal->memory;
}

int journal_replay(struct journal *journal,
                   int (*make)(void *opaque, const struct journal_entry *entry), void *opaque)
{
    LOCK_SCOPE(&journal->lock);
    int r = 0;

    for (const struct journal_entry *entry = journal->first; entry && r == 0; entry = entry->next)
        r = make(opaque, entry);
    return r;
}
