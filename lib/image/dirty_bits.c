/* SPDX-License-Identifier: BSD-3-Clause */
/* dirty_bits.c - the bits of a bitmap that were set in memory */

#include "image/dirty_bits.h"

#include <stdlib.h>

#include "base/bits.h"
#include "base/error.h"

#define WORD_BITS 64u
#define PAGE_WORDS (DIRTY_PAGE_BITS / WORD_BITS)

struct dirty_page {
    _Atomic uint64_t words[PAGE_WORDS];
};

/* Its address is what counts: nobody looks inside. */
static struct dirty_page page_of_ones;

int dirty_bits_init(struct dirty_bits *bits, uint64_t count)
{
    uint64_t nb_pages = div_round_up(count, DIRTY_PAGE_BITS);

    *bits = (struct dirty_bits){ .count = count };
    bits->pages = calloc(nb_pages ? nb_pages : 1, sizeof bits->pages[0]);
    if (bits->pages == NULL)
        return error_no_memory(), -1;
    bits->nb_pages = nb_pages;
    return 0;
}

static struct dirty_page *page_at(const struct dirty_bits *bits, uint64_t index)
{
    if (index >= bits->nb_pages)
        return NULL;
    return atomic_load_explicit(&bits->pages[index], memory_order_acquire);
}

static void free_page(struct dirty_page *page)
{
    if (page != &page_of_ones)
        free(page);
}

void dirty_bits_destroy(struct dirty_bits *bits)
{
    for (uint64_t i = 0; i < bits->nb_pages; i++)
        free_page(page_at(bits, i));
    free(bits->pages);
    *bits = (struct dirty_bits){ 0 };
}

int dirty_bits_resize(struct dirty_bits *bits, uint64_t count)
{
    struct dirty_bits resized;

    if (dirty_bits_init(&resized, count) == -1)
        return -1;
    for (uint64_t i = 0; i < bits->nb_pages; i++) {
        struct dirty_page *page = page_at(bits, i);

        if (i < resized.nb_pages)
            atomic_init(&resized.pages[i], page);
        else
            free_page(page);
    }
    free(bits->pages);
    *bits = resized;
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Setting
 */

/* Put a page where there is none.  Returns the page that is there, ours or another thread's. */
static struct dirty_page *install(struct dirty_bits *bits, uint64_t index, struct dirty_page *page)
{
    struct dirty_page *there = NULL;

    if (atomic_compare_exchange_strong_explicit(&bits->pages[index], &there, page,
                                                memory_order_acq_rel, memory_order_acquire))
        return page;
    free_page(page);
    return there;
}

/* The page to set some of its bits in: the page of ones if all are to be set and none is. */
static struct dirty_page *page_for(struct dirty_bits *bits, uint64_t index, bool whole)
{
    struct dirty_page *page = page_at(bits, index);

    if (page != NULL)
        return page;
    page = whole ? &page_of_ones : calloc(1, sizeof *page);
    return page ? install(bits, index, page) : error_no_memory();
}

/* [first, end) of one word. */
static void set_in_word(_Atomic uint64_t *word, unsigned first, unsigned end)
{
    uint64_t mask = UINT64_MAX << first & UINT64_MAX >> (WORD_BITS - end);

    /* most writes go where others went before */
    if ((atomic_load_explicit(word, memory_order_relaxed) & mask) != mask)
        atomic_fetch_or_explicit(word, mask, memory_order_relaxed);
}

static void set_in_page(struct dirty_page *page, unsigned first, unsigned end)
{
    while (first < end) {
        unsigned word = first / WORD_BITS;
        unsigned word_end = (word + 1) * WORD_BITS < end ? (word + 1) * WORD_BITS : end;

        set_in_word(&page->words[word], first % WORD_BITS, word_end - word * WORD_BITS);
        first = word_end;
    }
}

int dirty_bits_set(struct dirty_bits *bits, uint64_t first, uint64_t end)
{
    while (first < end) {
        uint64_t index = first / DIRTY_PAGE_BITS, start = index * DIRTY_PAGE_BITS;
        uint64_t stop = min_u64(end, start + DIRTY_PAGE_BITS);
        struct dirty_page *page = page_for(bits, index, stop - first == DIRTY_PAGE_BITS);

        if (page == NULL)
            return -1;
        if (page != &page_of_ones)
            set_in_page(page, (unsigned)(first - start), (unsigned)(stop - start));
        first = stop;
    }
    return 0;
}

static int add_page(struct dirty_bits *bits, uint64_t index, struct dirty_page *from)
{
    uint64_t start = index * DIRTY_PAGE_BITS;
    struct dirty_page *to;

    if (from == &page_of_ones)
        return dirty_bits_set(bits, start, start + DIRTY_PAGE_BITS);
    to = page_for(bits, index, false);
    if (to == NULL)
        return -1;
    for (unsigned i = 0; to != &page_of_ones && i < PAGE_WORDS; i++)
        atomic_fetch_or_explicit(&to->words[i],
                                 atomic_load_explicit(&from->words[i], memory_order_relaxed),
                                 memory_order_relaxed);
    return 0;
}

int dirty_bits_add(struct dirty_bits *bits, const struct dirty_bits *from)
{
    for (uint64_t i = 0; i < from->nb_pages; i++) {
        struct dirty_page *page = page_at(from, i);

        if (page != NULL && add_page(bits, i, page) == -1)
            return -1;
    }
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Looking
 */

bool dirty_bits_any(const struct dirty_bits *bits, uint64_t first, size_t size)
{
    for (size_t i = 0; i < size / DIRTY_PAGE_BYTES; i++)
        if (page_at(bits, first / DIRTY_PAGE_BITS + i) != NULL)
            return true;
    return false;
}

static void merge_page(struct dirty_page *page, uint8_t *buf)
{
    if (page == &page_of_ones) {
        memset(buf, 0xff, DIRTY_PAGE_BYTES);
        return;
    }
    for (unsigned i = 0; i < PAGE_WORDS; i++) {
        uint64_t word, bits = atomic_load_explicit(&page->words[i], memory_order_relaxed);

        memcpy(&word, buf + i * sizeof word, sizeof word);
        word |= htole64(bits);
        memcpy(buf + i * sizeof word, &word, sizeof word);
    }
}

void dirty_bits_merge(const struct dirty_bits *bits, uint64_t first, uint8_t *buf, size_t size)
{
    for (size_t i = 0; i < size / DIRTY_PAGE_BYTES; i++) {
        struct dirty_page *page = page_at(bits, first / DIRTY_PAGE_BITS + i);

        if (page != NULL)
            merge_page(page, buf + i * DIRTY_PAGE_BYTES);
    }
}
