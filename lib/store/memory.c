/* SPDX-License-Identifier: BSD-3-Clause */
/* memory.c - a store in memory
 *
 * Bytes are kept in pages, and only where something was written: the store may be of any length.
 *
 *     leaves, sorted by number          pages of a leaf
 *     +-----+-----+-----+               +---+---+---+-- --+-----+
 *     |  0  |  7  | 900 |  each ------> | 0 | 1 | - | ... | 511 |   "-": not kept, reads as zeroes
 *     +-----+-----+-----+               +---+---+---+-- --+-----+
 *
 * A leaf covers 2 MiB, so finding one is a short binary search, and a hole is stepped over a leaf
 * at a time, or, where there is no leaf, at once.  Nothing outside the pages and nothing between
 * the end and the end of its page is ever non-zero, so that growing is only a matter of `size`.
 *
 * `lock` guards everything below it: shared to read, exclusive to change.
 */

#include "store/memory.h"

#include "base/bits.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/grow.h"
#include "store/iov.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#define PAGE_SIZE 4096u
#define LEAF_PAGES 512u
#define LEAF_SIZE ((uint64_t)PAGE_SIZE * LEAF_PAGES)

struct leaf {
    uint64_t number; /* of the LEAF_SIZE bytes at number * LEAF_SIZE */
    uint8_t *pages[LEAF_PAGES];
};

struct memory {
    struct store store;
    char *name;

    pthread_rwlock_t lock;
    uint64_t size;
    struct leaf **leaves;
    size_t leaf_count;
    size_t leaf_room; /* leaves that the array has room for */
    uint64_t page_count;
};

static struct memory *to_memory(struct store *store)
{
    return (struct memory *)store;
}

/* The index of the first leaf with this number or a higher one. */
static size_t find_leaf_locked(const struct memory *memory, uint64_t number)
{
    size_t low = 0, high = memory->leaf_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (memory->leaves[middle]->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The leaf that covers offset, or NULL. */
static struct leaf *get_leaf_locked(const struct memory *memory, uint64_t offset)
{
    uint64_t number = offset / LEAF_SIZE;
    size_t i = find_leaf_locked(memory, number);

    return i < memory->leaf_count && memory->leaves[i]->number == number ? memory->leaves[i] : NULL;
}

/* Where the page that covers offset is kept in its leaf. */
static uint8_t **page_slot(struct leaf *leaf, uint64_t offset)
{
    return &leaf->pages[offset % LEAF_SIZE / PAGE_SIZE];
}

static struct leaf *need_leaf_locked(struct memory *memory, uint64_t offset)
{
    struct leaf *leaf = get_leaf_locked(memory, offset);
    size_t i;

    if (leaf)
        return leaf;
    if (GROW(memory->leaves, memory->leaf_room, memory->leaf_count + 1) < 0)
        return NULL;
    leaf = calloc(1, sizeof *leaf);
    if (!leaf)
        return error_no_memory();
    leaf->number = offset / LEAF_SIZE;
    i = find_leaf_locked(memory, leaf->number);
    memmove(&memory->leaves[i + 1], &memory->leaves[i],
            (memory->leaf_count - i) * sizeof(struct leaf *));
    memory->leaves[i] = leaf;
    memory->leaf_count++;
    return leaf;
}

static uint8_t *need_page_locked(struct memory *memory, uint64_t offset)
{
    struct leaf *leaf = need_leaf_locked(memory, offset);
    uint8_t **page;

    if (!leaf)
        return NULL;
    page = page_slot(leaf, offset);
    if (!*page) {
        *page = calloc(1, PAGE_SIZE);
        if (!*page)
            return error_no_memory();
        memory->page_count++;
    }
    return *page;
}

static void drop_page_locked(struct memory *memory, uint8_t **page)
{
    if (*page)
        memory->page_count--;
    free(*page);
    *page = NULL;
}

/* How far a range that starts at offset goes within one page, or within one leaf. */
static uint64_t step_within(uint64_t unit, uint64_t count, uint64_t offset)
{
    return min_u64(count, unit - offset % unit);
}

static int check_range(const struct memory *memory, uint64_t count, uint64_t offset)
{
    if (range_within(offset, count, INT64_MAX))
        return 0;
    return error_set(EFBIG,
                     "The range of %" PRIu64 " bytes at offset 0x%" PRIx64
                     " of '%s' does not end before offset 0x%" PRIx64,
                     count, offset, memory->name, (uint64_t)INT64_MAX);
}

static int check_change(const struct memory *memory, uint64_t count, uint64_t offset)
{
    if (memory->store.read_only)
        return error_set(EROFS, "Could not write to '%s': it is read-only", memory->name);
    return check_range(memory, count, offset);
}

static int memory_pread(struct store *store, void *buf, size_t count, uint64_t offset)
{
    struct memory *memory = to_memory(store);
    uint8_t *out = buf;

    if (check_range(memory, count, offset) < 0)
        return -1;
    READ_SCOPE(&memory->lock);
    while (count > 0) {
        size_t step = step_within(PAGE_SIZE, count, offset);
        struct leaf *leaf = get_leaf_locked(memory, offset);
        const uint8_t *page = leaf ? *page_slot(leaf, offset) : NULL;

        if (page)
            memcpy(out, page + offset % PAGE_SIZE, step);
        else
            memset(out, 0, step);
        out += step;
        offset += step;
        count -= step;
    }
    return 0;
}

static int memory_pwritev(struct store *store, const struct iovec *iov, int iovcnt, uint64_t offset)
{
    struct memory *memory = to_memory(store);
    struct iov_cursor cursor = iov_start(iov, iovcnt);
    size_t count = iov_total(iov, iovcnt);

    if (check_change(memory, count, offset) < 0)
        return -1;
    WRITE_SCOPE(&memory->lock);
    while (count > 0) {
        size_t step = step_within(PAGE_SIZE, count, offset);
        uint8_t *page = need_page_locked(memory, offset);

        if (!page)
            return -1;
        iov_gather(&cursor, page + offset % PAGE_SIZE, step);
        offset += step;
        count -= step;
        memory->size = max_u64(memory->size, offset);
    }
    return 0;
}

/* Zero what is kept of a range inside one leaf. */
static void zero_in_leaf_locked(struct memory *memory, struct leaf *leaf, uint64_t count,
                                uint64_t offset, bool may_punch)
{
    while (count > 0) {
        uint64_t step = step_within(PAGE_SIZE, count, offset);
        uint8_t **page = page_slot(leaf, offset);

        if (may_punch && step == PAGE_SIZE)
            drop_page_locked(memory, page);
        else if (*page)
            memset(*page + offset % PAGE_SIZE, 0, step);
        offset += step;
        count -= step;
    }
}

static void zero_range_locked(struct memory *memory, uint64_t count, uint64_t offset,
                              bool may_punch)
{
    uint64_t end = offset + count;

    for (size_t i = find_leaf_locked(memory, offset / LEAF_SIZE); i < memory->leaf_count; i++) {
        uint64_t leaf_start = memory->leaves[i]->number * LEAF_SIZE;
        uint64_t from = max_u64(offset, leaf_start);
        uint64_t to = min_u64(end, leaf_start + LEAF_SIZE);

        if (from >= to)
            break;
        zero_in_leaf_locked(memory, memory->leaves[i], to - from, from, may_punch);
    }
}

static int memory_zero(struct store *store, uint64_t count, uint64_t offset, bool may_punch)
{
    struct memory *memory = to_memory(store);

    if (check_change(memory, count, offset) < 0)
        return -1;
    WRITE_SCOPE(&memory->lock);
    zero_range_locked(memory, count, offset, may_punch);
    if (count > 0)
        memory->size = max_u64(memory->size, offset + count);
    return 0;
}

static int memory_discard(struct store *store, uint64_t count, uint64_t offset)
{
    struct memory *memory = to_memory(store);

    if (check_change(memory, count, offset) < 0)
        return -1;
    WRITE_SCOPE(&memory->lock);
    zero_range_locked(memory, count, offset, true);
    return 0;
}

static int memory_flush(struct store *store)
{
    (void)store;
    return 0;
}

static int memory_size(struct store *store, uint64_t *size)
{
    struct memory *memory = to_memory(store);

    READ_SCOPE(&memory->lock);
    *size = memory->size;
    return 0;
}

static int memory_truncate(struct store *store, uint64_t size)
{
    struct memory *memory = to_memory(store);

    if (check_change(memory, size, 0) < 0)
        return -1;
    WRITE_SCOPE(&memory->lock);
    if (size < memory->size) {
        /* To the end of the last page, so that it goes altogether. */
        zero_range_locked(memory, round_up(memory->size, PAGE_SIZE) - size, size, true);
    }
    memory->size = size;
    return 0;
}

/* Whether the byte at offset is kept; *until says how far, at least, the same is true. */
static bool is_kept_locked(const struct memory *memory, uint64_t offset, uint64_t *until)
{
    size_t i = find_leaf_locked(memory, offset / LEAF_SIZE);
    struct leaf *leaf = i < memory->leaf_count ? memory->leaves[i] : NULL;

    if (!leaf) {
        *until = UINT64_MAX;
        return false;
    }
    if (leaf->number != offset / LEAF_SIZE) {
        *until = leaf->number * LEAF_SIZE;
        return false;
    }
    *until = round_down(offset, PAGE_SIZE) + PAGE_SIZE;
    return *page_slot(leaf, offset) != NULL;
}

static int memory_extent(struct store *store, uint64_t count, uint64_t offset,
                         struct store_extent *extent)
{
    struct memory *memory = to_memory(store);
    uint64_t end, at, until;

    READ_SCOPE(&memory->lock);
    if (offset >= memory->size) {
        *extent = (struct store_extent){ .length = count, .hole = true };
        return 0;
    }
    end = offset + min_u64(count, memory->size - offset);
    *extent = (struct store_extent){ .hole = !is_kept_locked(memory, offset, &until) };
    for (at = offset; at < end && is_kept_locked(memory, at, &until) != extent->hole;)
        at = min_u64(until, end);
    extent->length = at - offset;
    return 0;
}

static int memory_allocated(struct store *store, uint64_t *bytes)
{
    struct memory *memory = to_memory(store);

    READ_SCOPE(&memory->lock);
    *bytes = memory->page_count * PAGE_SIZE;
    return 0;
}

static void memory_close(struct store *store)
{
    struct memory *memory = to_memory(store);

    for (size_t i = 0; i < memory->leaf_count; i++) {
        for (size_t j = 0; j < LEAF_PAGES; j++)
            free(memory->leaves[i]->pages[j]);
        free(memory->leaves[i]);
    }
    free(memory->leaves);
    pthread_rwlock_destroy(&memory->lock);
    free(memory->name);
    free(memory);
}

static const struct store_ops memory_ops = {
    .pread = memory_pread,
    .pwritev = memory_pwritev,
    .zero = memory_zero,
    .discard = memory_discard,
    .flush = memory_flush,
    .size = memory_size,
    .truncate = memory_truncate,
    .extent = memory_extent,
    .allocated = memory_allocated,
    .close = memory_close,
};

struct store *store_memory_new(const char *name)
{
    struct memory *memory = calloc(1, sizeof *memory);
    char *copy = strdup(name);

    if (!memory || !copy) {
        free(memory);
        free(copy);
        return error_no_memory();
    }
    memory->name = copy;
    memory->store = (struct store){ .ops = &memory_ops, .name = copy };
    pthread_rwlock_init(&memory->lock, NULL);
    return &memory->store;
}
