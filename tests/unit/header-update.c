/* SPDX-License-Identifier: BSD-3-Clause */
/* header-update.c - a header written anew is the old one or the new one at every power cut
 *
 * Random headers are changed at random, in clusters of 512 bytes to 64 KiB, on a store that keeps
 * what the last flush made durable.  At each flush, and at the end, every mixture of old and new
 * sectors is decoded: it must be the header before the change or the one after it, down to the
 * extensions that nobody knows.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "crash/random.h"
#include "format/header_encode.h"
#include "table/header_update.h"
#include "unit/seed.h"

#define CLUSTERS 4u
#define MOST_SECTORS 8u /* of which all subsets are tried */
#define SOME_SUBSETS 64u

/* ------------------------------------------------------------------------------------------------
 * A store that is cut
 */

struct cut_store {
    struct store store;
    uint64_t size;
    uint8_t *durable;
    uint8_t *bytes;
    const struct header *before, *after; /* NULL: not judged */
    uint64_t states;
    uint64_t seed;
    bool fills_up; /* with the first sector: then there is no room behind it */
    bool full;
};

static struct cut_store *to_cut(struct store *store)
{
    return (struct cut_store *)store;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_bytes(const struct header_bytes *a, const struct header_bytes *b)
{
    return a->size == b->size && (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

static bool same(const struct header *a, const struct header *b)
{
    return a->version == b->version && a->size == b->size && a->crypt_method == b->crypt_method &&
           a->l1_table_offset == b->l1_table_offset && a->nb_snapshots == b->nb_snapshots &&
           a->incompatible_features == b->incompatible_features &&
           a->compatible_features == b->compatible_features &&
           a->autoclear_features == b->autoclear_features &&
           a->geometry.refcount_order == b->geometry.refcount_order &&
           a->has_bitmaps == b->has_bitmaps && a->nb_bitmaps == b->nb_bitmaps &&
           a->bitmap_directory_size == b->bitmap_directory_size &&
           a->bitmap_directory_offset == b->bitmap_directory_offset &&
           a->crypto_offset == b->crypto_offset && a->crypto_length == b->crypto_length &&
           same_text(a->backing_file, b->backing_file) &&
           same_text(a->backing_format, b->backing_format) &&
           same_text(a->data_file, b->data_file) &&
           same_bytes(&a->unknown_extensions, &b->unknown_extensions) &&
           same_bytes(&a->unknown_fields, &b->unknown_fields);
}

static void judge_state(struct cut_store *cut, const uint8_t *cluster)
{
    struct header h;

    cut->states++;
    if (header_decode(cluster, cut->size, 0, &h) == -1)
        fail_msg("seed %llu: a cut leaves no image: %s", (unsigned long long)cut->seed,
                 error_message());
    if (!same(&h, cut->before) && !same(&h, cut->after))
        fail_msg("seed %llu: a cut leaves neither the old header nor the new one",
                 (unsigned long long)cut->seed);
    header_destroy(&h);
}

/* Every mixture, or many, of the sectors of the first cluster that are not durable. */
static void judge(struct cut_store *cut)
{
    uint64_t cluster_size = cut->size / CLUSTERS, random = cut->seed;
    uint64_t at[128], n = 0, subsets;
    uint8_t *state = malloc(cluster_size);

    for (uint64_t s = 0; s < cluster_size; s += HEADER_SECTOR)
        if (memcmp(cut->durable + s, cut->bytes + s, HEADER_SECTOR) != 0)
            at[n++] = s;
    subsets = n <= MOST_SECTORS ? UINT64_C(1) << n : SOME_SUBSETS;
    for (uint64_t i = 0; i < subsets; i++) {
        uint64_t bits = n <= MOST_SECTORS ? i : random_next(&random);

        memcpy(state, cut->durable, cluster_size);
        for (uint64_t k = 0; k < n; k++)
            if (bits >> k % 64 & 1)
                memcpy(state + at[k], cut->bytes + at[k], HEADER_SECTOR);
        judge_state(cut, state);
    }
    free(state);
}

static int cut_pread(struct store *store, void *buf, size_t count, uint64_t offset)
{
    memcpy(buf, to_cut(store)->bytes + offset, count);
    return 0;
}

static int cut_pwritev(struct store *store, const struct iovec *iov, int iovcnt, uint64_t offset)
{
    struct cut_store *cut = to_cut(store);

    if (cut->full && offset >= HEADER_SECTOR)
        return error_set(ENOSPC, "there is no room");
    cut->full = cut->fills_up && offset < HEADER_SECTOR;
    for (int i = 0; i < iovcnt; i++) {
        memcpy(to_cut(store)->bytes + offset, iov[i].iov_base, iov[i].iov_len);
        offset += iov[i].iov_len;
    }
    return 0;
}

static int cut_flush(struct store *store)
{
    struct cut_store *cut = to_cut(store);

    if (cut->before)
        judge(cut);
    memcpy(cut->durable, cut->bytes, cut->size);
    return 0;
}

static int cut_size(struct store *store, uint64_t *size)
{
    *size = to_cut(store)->size;
    return 0;
}

static const struct store_ops cut_ops = {
    .pread = cut_pread, .pwritev = cut_pwritev, .flush = cut_flush, .size = cut_size
};

/* ------------------------------------------------------------------------------------------------
 * Random headers
 */

static char *random_text(uint64_t *seed, size_t most)
{
    size_t size = random_below(seed, most + 1);
    char *text = malloc(size + 1);

    for (size_t i = 0; i < size; i++)
        text[i] = (char)('a' + random_below(seed, 26));
    text[size] = '\0';
    return text;
}

static void replace_text(uint64_t *seed, char **text, size_t most)
{
    free(*text);
    *text = random_below(seed, 4) ? random_text(seed, most) : NULL;
}

/* Unknown extensions of 0 to 2 pieces. */
static void random_extensions(uint64_t *seed, struct header_bytes *to, size_t most)
{
    free(to->data);
    *to = (struct header_bytes){ .data = calloc(2, most + 16) };
    for (uint64_t n = random_below(seed, 3); n > 0; n--) {
        uint32_t size = (uint32_t)random_below(seed, most + 1);

        store_be32(to->data + to->size, 0x12340000u + (uint32_t)n);
        store_be32(to->data + to->size + 4, size);
        memset(to->data + to->size + EXTENSION_HEAD, (int)random_below(seed, 256), size);
        to->size += EXTENSION_HEAD + round_up(size, 8);
    }
}

static void random_fields(uint64_t *seed, struct header_bytes *to)
{
    free(to->data);
    *to = (struct header_bytes){ .data = calloc(1, 64), .size = 8 * random_below(seed, 4) };
    for (size_t i = 0; i < to->size; i++)
        to->data[i] = (uint8_t)random_below(seed, 256);
}

static size_t longest(const struct header *h, size_t most)
{
    return min_u64(most, h->geometry.cluster_size / 8);
}

/* Change a few things. */
static void change(uint64_t *seed, struct header *h)
{
    uint64_t what = random_next(seed);

    if (what & 1)
        replace_text(seed, &h->backing_file, longest(h, MAX_BACKING_FILE_SIZE));
    if (what & 2)
        replace_text(seed, &h->backing_format, MAX_BACKING_FORMAT_SIZE);
    if ((what & 12) == 12)
        replace_text(seed, &h->data_file, longest(h, random_below(seed, 2) ? 40 : 900));
    h->has_bitmaps = what & 16;
    h->nb_bitmaps = h->has_bitmaps ? 1 + (uint32_t)random_below(seed, 99) : 0;
    h->bitmap_directory_size = h->has_bitmaps ? random_below(seed, 4096) : 0;
    h->bitmap_directory_offset = h->has_bitmaps ? random_next(seed) : 0;
    if (what & 32) {
        h->crypt_method = random_below(seed, 2) ? CRYPT_LUKS : CRYPT_NONE;
        h->crypto_offset = h->crypt_method ? random_next(seed) : 0;
        h->crypto_length = h->crypt_method ? random_next(seed) : 0;
    }
    if ((what & 192) == 192)
        random_extensions(seed, &h->unknown_extensions, longest(h, 600));
    if ((what & 0x300) == 0x300) {
        h->version = 5 - h->version;
        h->compatible_features = h->version == 3 ? random_below(seed, 2) : 0;
        h->autoclear_features = h->version == 3 ? random_next(seed) : 0;
        free(h->unknown_fields.data);
        h->unknown_fields = (struct header_bytes){ 0 };
        if (h->version == 3 && random_below(seed, 4) == 0)
            random_fields(seed, &h->unknown_fields);
    }
    h->size = 512 * random_below(seed, 64); /* what one L1 entry of small clusters maps */
}

static void start(struct cut_store *cut, struct tables *t, uint32_t cluster_bits)
{
    uint64_t size = UINT64_C(1) << cluster_bits;
    struct header h = {
        .version = 2 + (uint32_t)random_below(&cut->seed, 2),
        .l1_size = 1,
        .l1_table_offset = 3 * size,
        .refcount_table_offset = size,
        .refcount_table_clusters = 1,
        .geometry = geometry_of(cluster_bits, 4, false),
    };
    struct header_used used;

    cut->size = CLUSTERS * size;
    cut->bytes = calloc(2, cut->size);
    cut->durable = cut->bytes + cut->size;
    cut->store = (struct store){ .ops = &cut_ops, .name = "cut" };
    assert_int_equal(header_encode(&h, &header_layout_new, cut->bytes, &used), 0);
    memcpy(cut->durable, cut->bytes, cut->size);
    assert_int_equal(tables_open(t, &cut->store, &h, true), 0);
}

/* ------------------------------------------------------------------------------------------------
 * Tests
 */

/* Returns whether the change was possible. */
static bool change_once(struct cut_store *cut, struct tables *t)
{
    struct header before, changed, after;
    bool done;

    assert_int_equal(header_copy(&before, &t->header), 0);
    assert_int_equal(header_copy(&changed, &t->header), 0);
    change(&cut->seed, &changed);
    assert_int_equal(header_copy(&after, &changed), 0);
    cut->before = &before;
    cut->after = &after;
    done = header_update(t, &changed) == 0;
    cut_flush(&cut->store);
    cut->after = done ? &after : &before;
    cut->before = cut->after;
    judge(cut);
    assert_true(same(&t->header, cut->after));
    if (!done)
        assert_int_equal(error_errno(), ENOSPC);
    cut->before = cut->after = NULL;
    header_destroy(&before);
    header_destroy(&changed);
    header_destroy(&after);
    return done;
}

static void a_cut_leaves_the_old_header_or_the_new_one(void **state)
{
    uint64_t seed = test_seed();
    uint64_t states = 0, changes = 0, refused = 0;

    (void)state;
    for (unsigned run = 0; run < 400; run++) {
        uint32_t bits = MIN_CLUSTER_BITS + run % 8;
        struct cut_store cut = { .seed = random_mix(seed * 1000 + run) };
        struct tables t;

        start(&cut, &t, bits);
        for (int i = 0; i < 12; i++) {
            bool done = change_once(&cut, &t);

            changes++;
            refused += !done;
            if (!done && bits >= 14)
                fail_msg("seed %llu: refused: %s", (unsigned long long)seed, error_message());
        }
        states += cut.states;
        tables_close(&t);
        free(cut.bytes);
    }
    print_message("seed %llu: %llu changes, %llu of them refused for want of room, %llu states\n",
                  (unsigned long long)seed, (unsigned long long)changes,
                  (unsigned long long)refused, (unsigned long long)states);
}

/* After any number of changes an ordinary image looks as a new one would. */
static void the_usual_form_comes_back(void **state)
{
    struct cut_store cut = { .seed = 1 };
    struct header changed;
    struct header_used used;
    uint8_t *fresh;
    struct tables t;

    (void)state;
    start(&cut, &t, 16);
    fresh = calloc(1, cut.size / CLUSTERS);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(header_copy(&changed, &t.header), 0);
        changed.version = 3;
        changed.has_bitmaps = i % 2;
        changed.nb_bitmaps = changed.bitmap_directory_size = 0;
        replace_text(&cut.seed, &changed.backing_file, 40);
        replace_text(&cut.seed, &changed.backing_format, MAX_BACKING_FORMAT_SIZE);
        assert_int_equal(header_update(&t, &changed), 0);
    }
    assert_int_equal(header_copy(&changed, &t.header), 0);
    free(changed.backing_file);
    free(changed.backing_format);
    changed.backing_file = changed.backing_format = NULL;
    changed.has_bitmaps = false;
    assert_int_equal(header_update(&t, &changed), 0);
    assert_int_equal(header_encode(&t.header, &header_layout_new, fresh, &used), 0);
    assert_memory_equal(fresh, cut.bytes, cut.size / CLUSTERS);
    tables_close(&t);
    free(cut.bytes);
    free(fresh);
}

/* A change that has taken effect has not failed. */
static void what_cannot_be_tidied_stays(void **state)
{
    struct cut_store cut = { .seed = 1 };
    struct header changed;
    struct tables t;

    (void)state;
    start(&cut, &t, 16);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(header_copy(&changed, &t.header), 0);
        free(changed.backing_file);
        changed.backing_file = i == 0 ? calloc(1, 701) : strdup("short");
        memset(changed.backing_file, 'x', i == 0 ? 700 : 1);
        cut.fills_up = i == 1;
        assert_int_equal(header_update(&t, &changed), 0);
    }
    assert_true(cut.full);
    assert_int_equal(tables_usable(&t), 0);
    assert_string_equal(t.header.backing_file, "xhort");
    cut.before = cut.after = &t.header;
    judge(&cut);
    tables_close(&t);
    free(cut.bytes);
}

static void what_does_not_fit_is_refused(void **state)
{
    struct cut_store cut = { .seed = 1 };
    struct header changed;
    struct tables t;

    (void)state;
    start(&cut, &t, 9);
    assert_int_equal(header_copy(&changed, &t.header), 0);
    changed.backing_file = malloc(512);
    memset(changed.backing_file, 'x', 511);
    changed.backing_file[511] = '\0';
    assert_int_equal(header_update(&t, &changed), -1);
    assert_int_equal(error_errno(), ENOSPC);
    assert_non_null(strstr(error_message(), "do not fit in the first cluster of 512 bytes"));
    assert_int_equal(tables_usable(&t), 0);
    header_destroy(&changed);
    tables_close(&t);
    free(cut.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cut_leaves_the_old_header_or_the_new_one),
        cmocka_unit_test(the_usual_form_comes_back),
        cmocka_unit_test(what_cannot_be_tidied_stays),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
