/* SPDX-License-Identifier: BSD-3-Clause */
/* key-slots.c - a power cut at every instant of a change of key slots
 *
 * While the recorder is flushed, what a cut may leave of the changes since the last flush is built:
 * every prefix, every single loss and arrival, random subsets, each with torn changes too.  Of each
 * state is asked which passwords open the volume.  Three have names: the one that the change takes
 * away, the one that it brings, and one in another slot that must not notice.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/bits.h"
#include "base/error.h"
#include "crash/cut.h"
#include "crash/random.h"
#include "image/image.h"
#include "store/luks_volume.h"

#define ITER_TIME 1u /* milliseconds */
#define SUBSETS 12
#define NOBODY (-1)

static uint8_t words[][8] = { "old", "new", "other" };

enum word { OLD, NEW, OTHER };

static struct secret password(enum word word)
{
    return (struct secret){ words[word], strlen((char *)words[word]) };
}

static struct luks_options quick_to_open(void)
{
    return (struct luks_options){
        .spec = { block_cipher_find("aes-128"), cipher_mode_find("cbc"), IV_PLAIN64, NULL },
        .hash = hash_find("sha1"),
        .iter_time = ITER_TIME,
    };
}

/* ------------------------------------------------------------------------------------------------
 * A volume under observation
 */

struct scene {
    struct recorder *recorder;
    struct cut *cut;
    uint64_t base; /* where the header lies */
    int other_in;  /* slot; or NOBODY */
    bool loses;    /* the change takes the old password away and brings none */
    uint64_t random;
    unsigned states;
};

static struct luks_volume load(struct store *store, uint64_t base)
{
    struct luks_volume v;
    uint64_t length;

    assert_int_equal(store_size(store, &length), 0);
    if (luks_volume_load(&v, store, base, length - base) == -1)
        fail_msg("The header is damaged: %s", error_message());
    return v;
}

static bool opens(struct store *store, uint64_t base, enum word word)
{
    struct luks_volume v = load(store, base);
    struct secret secret = password(word);
    bool r = luks_volume_unlock(&v, &secret) == 0;

    luks_volume_clear(&v);
    return r;
}

static void judge(struct scene *s)
{
    struct store *store = cut_image(s->cut);

    s->states++;
    if (s->other_in != NOBODY && !opens(store, s->base, OTHER))
        fail_msg("state %u: the other password is lost", s->states);
    if (!s->loses && !opens(store, s->base, OLD) && !opens(store, s->base, NEW))
        fail_msg("state %u: neither the old nor the new password opens", s->states);
}

static bool arrives(void *seed, uint64_t sector)
{
    return random_mix(*(uint64_t *)seed ^ sector * UINT64_C(0x9e3779b97f4a7c15)) & 1;
}

/* Bit i of arrived says whether change i arrived, of torn whether only parts of it did. */
static void visit(struct scene *s, uint64_t arrived, uint64_t torn)
{
    cut_reset(s->cut);
    for (size_t i = 0; i < s->recorder->count; i++) {
        uint64_t seed = random_next(&s->random);

        if (arrived >> i & 1)
            cut_arrive(s->cut, &s->recorder->journal[i], torn >> i & 1 ? arrives : NULL, &seed);
    }
    judge(s);
}

static void visit_both(struct scene *s, uint64_t arrived)
{
    visit(s, arrived, 0);
    visit(s, arrived, arrived);
}

static void look(void *opaque)
{
    struct scene *s = opaque;
    uint64_t all;

    assert_in_range(s->recorder->count, 0, 32);
    all = (UINT64_C(1) << s->recorder->count) - 1;
    visit_both(s, all);
    for (size_t i = 0; i < s->recorder->count; i++) {
        visit_both(s, all >> (s->recorder->count - i));
        visit_both(s, UINT64_C(1) << i);
        visit_both(s, all & ~(UINT64_C(1) << i));
    }
    for (unsigned i = 0; i < SUBSETS && s->recorder->count > 1; i++)
        visit(s, random_next(&s->random) & all, random_next(&s->random));
}

/* The volume has the old password in slot 0; the other one where it is wanted. */
static struct luks_volume begin(struct scene *s)
{
    const struct luks_options options = quick_to_open();
    struct secret old = password(OLD), other = password(OTHER);
    struct luks_volume v;

    s->recorder = recorder_new();
    assert_non_null(s->recorder);
    s->cut = cut_new(s->recorder);
    assert_non_null(s->cut);
    assert_int_equal(
        store_truncate(recorder_image(s->recorder), s->base + luks_length(&options.spec)), 0);
    assert_int_equal(luks_volume_format(&v, recorder_image(s->recorder), s->base, &options, &old),
                     0);
    v = load(recorder_image(s->recorder), s->base);
    assert_int_equal(luks_volume_unlock(&v, &old), 0);
    if (s->other_in != NOBODY)
        assert_int_equal(luks_volume_set_slot(&v, (unsigned)s->other_in, &other, ITER_TIME), 0);
    recorder_settle(s->recorder);
    s->recorder->observer = look;
    s->recorder->opaque = s;
    return v;
}

/* All is durable when the call returns. */
static void end(struct scene *s, struct luks_volume *v)
{
    assert_int_equal(s->recorder->count, 0);
    look(s);
    luks_volume_clear(v);
    cut_free(s->cut);
    recorder_free(s->recorder);
}

/* ------------------------------------------------------------------------------------------------
 * Changes
 */

static void fill(uint64_t base, unsigned slot, int other_in)
{
    struct scene s = { .base = base, .other_in = other_in, .random = slot };
    struct luks_volume v = begin(&s);
    struct secret new = password(NEW);

    assert_int_equal(luks_volume_set_slot(&v, slot, &new, ITER_TIME), 0);
    assert_true(opens(recorder_image(s.recorder), base, NEW));
    assert_int_equal(opens(recorder_image(s.recorder), base, OLD), slot != 0);
    end(&s, &v);
}

static void test_filling(void **state)
{
    (void)state;
    fill(0, 1, NOBODY);
    fill(UINT64_C(3) * 512, 6, 3); /* its fields lie in two sectors */
    fill(0, 7, 1);
}

static void test_overwriting(void **state)
{
    (void)state;
    fill(0, 0, NOBODY); /* the only one */
    fill(4096, 0, 1);
}

/* Nothing of the old key material is left. */
static void check_wiped(struct luks_volume *before, unsigned slot)
{
    size_t size = luks_material_bytes(&before->header);
    CLEANUP_SECRET struct secret material = { 0 }, key = { 0 };
    struct secret old = password(OLD);

    assert_int_equal(secret_new(&material, size), 0);
    assert_int_equal(store_pread(before->store, material.bytes, size,
                                 before->base + before->header.slots[slot].material_offset),
                     0);
    assert_int_equal(luks_open_slot(&before->header, slot, &old, &material, &key), 0);
}

static void test_erasing(void **state)
{
    struct scene s = { .other_in = 6, .loses = true };
    struct luks_volume v = begin(&s), before = v; /* its key is v's */

    (void)state;
    assert_int_equal(luks_volume_erase_slot(&v, 0), 0);
    assert_false(opens(recorder_image(s.recorder), 0, OLD));
    check_wiped(&before, 0);
    end(&s, &v);
}

/* The slot that was lent is erased again. */
static void test_slots_after_overwriting(void **state)
{
    struct scene s = { .other_in = 2 };
    struct luks_volume v = begin(&s);
    struct secret new = password(NEW);

    (void)state;
    s.recorder->observer = NULL;
    assert_int_equal(luks_volume_set_slot(&v, 0, &new, ITER_TIME), 0);
    luks_volume_clear(&v);
    v = load(recorder_image(s.recorder), 0);
    for (unsigned i = 0; i < LUKS_SLOTS; i++)
        assert_int_equal(v.header.slots[i].active, i == 0 || i == 2);
    end(&s, &v);
}

/* With eight passwords there is no slot to lend: the other seven stay. */
static void test_overwriting_one_of_eight(void **state)
{
    struct scene s = { .other_in = 5, .loses = true };
    struct luks_volume v = begin(&s);
    struct secret new = password(NEW);

    (void)state;
    s.recorder->observer = NULL;
    for (unsigned i = 1; i < LUKS_SLOTS; i++)
        if (i != 5)
            assert_int_equal(luks_volume_set_slot(&v, i, &new, ITER_TIME), 0);
    recorder_settle(s.recorder);
    s.recorder->observer = look;
    assert_int_equal(luks_volume_set_slot(&v, 0, &new, ITER_TIME), 0);
    assert_false(opens(recorder_image(s.recorder), 0, OLD));
    end(&s, &v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filling),
        cmocka_unit_test(test_overwriting),
        cmocka_unit_test(test_erasing),
        cmocka_unit_test(test_slots_after_overwriting),
        cmocka_unit_test(test_overwriting_one_of_eight),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
