/* SPDX-License-Identifier: BSD-3-Clause */
/* one-fault.c - every operation, with every request of the system that it makes refused once
 *
 *     one-fault [OPERATION [KIND [N]]]
 *
 * An operation opens an image, does something and closes it.  It is first done without a fault.
 * Then, for each kind of fault, again and again: the first request fails, the second, and so on
 * until there is no such request.  Each time the image is as it was made, and afterwards
 *
 *   - what failed said so, with an errno value and a sentence, and what did not say so is done;
 *   - no piece of memory is left over;
 *   - the image opens, checks without a corruption, and shows what the operation promises
 *     (one-fault.h);
 *   - where only one change was refused, and the image not given up, it is as it was and nothing
 *     has leaked;
 *   - if nothing has changed the operation can be done after all.
 *
 * After a failure the whole rest may fail, too (a disk that is gone): that is tried as well.  Who
 * has no room for a change that is whole or not at all has the image as it was.
 */

#include "unit/store-scratch.h"

#include <errno.h>
#include <inttypes.h>

#include "base/bits.h"
#include "unit/faults.h"
#include "unit/one-fault.h"

#define WRONGS_SHOWN 20u

static struct {
    const char *operation, *kind;
    unsigned long at;
} only;

/* What is being tried. */
static struct {
    const struct operation *operation;
    enum fault kind;
    unsigned long at;
    bool lasting;
    unsigned long runs, faults, wrongs;
} trial;

static void wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void wrong(const char *format, ...)
{
    va_list args;

    fprintf(stderr, "%s, %s %lu%s: ", trial.operation->name, fault_kinds[trial.kind].name, trial.at,
            trial.lasting ? " and all later" : "");
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    if (++trial.wrongs == WRONGS_SHOWN)
        fail();
}

static const char *looked_at(const struct operation *operation)
{
    return operation->shown ? operation->shown : operation->image;
}

/* ------------------------------------------------------------------------------------------------
 * Doing it
 */

struct outcome {
    int r;
    bool given_up; /* the image: it cannot be closed, either */
    int errnum;
    char sentence[200];
};

static void note_failure(struct outcome *outcome)
{
    if (outcome->r == 0) {
        outcome->errnum = qcow2_get_errno();
        snprintf(outcome->sentence, sizeof outcome->sentence, "%s", qcow2_get_error());
    }
    outcome->r = -1;
}

static struct outcome perform(const struct operation *operation)
{
    struct outcome outcome = { 0 };
    qcow2_image *image =
        operation->image ? image_open_in_a_way(operation->image, &operation->way) : NULL;

    if ((operation->image && image == NULL) || operation->run(image) != 0)
        note_failure(&outcome);
    if (qcow2_close(image) == -1) {
        note_failure(&outcome);
        outcome.given_up = true;
    }
    return outcome;
}

/* ------------------------------------------------------------------------------------------------
 * Judging it
 */

static bool same_bytes(const struct view *a, const struct view *b)
{
    return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

static bool same_view(const struct view *a, const struct view *b)
{
    return strcmp(a->facts, b->facts) == 0 && same_bytes(a, b);
}

/* Beyond the end there are zeroes. */
static const uint8_t *sector_of(const struct view *view, size_t at)
{
    static const uint8_t zeroes[512];

    return at < view->size ? view->bytes + at : zeroes;
}

static bool is_mixture(const struct view *now, const struct view *before, const struct view *after)
{
    for (size_t at = 0; at < now->size; at += 512) {
        const uint8_t *sector = sector_of(now, at);

        if (memcmp(sector, sector_of(before, at), 512) != 0 &&
            memcmp(sector, sector_of(after, at), 512) != 0)
            return false;
    }
    return now->size == before->size || now->size == after->size;
}

static void judge_view(const struct outcome *outcome, const struct view *now,
                       const struct view *before, const struct view *after)
{
    enum promise promise = trial.operation->promise;

    if (outcome->r == 0 ? !same_view(now, after)
        : promise == PROMISE_OPENED
            ? !same_bytes(now, before)
            : promise != PROMISE_SECTORS && !same_view(now, before) && !same_view(now, after))
        wrong("it %s, and the image shows neither\n%snor\n%sbut\n%s",
              outcome->r == 0 ? "succeeded" : outcome->sentence, before->facts, after->facts,
              now->facts);
    if (outcome->r == -1 && trial.kind == FAULT_ROOM && promise == PROMISE_OLD_OR_NEW &&
        !same_view(now, before))
        wrong("there was no room, and the image shows all the same\n%s", now->facts);
    if (promise == PROMISE_SECTORS && !is_mixture(now, before, after))
        wrong("%s: a sector is neither old nor new", outcome->sentence);
}

/* One change was refused, all else goes well, and the image was not given up: what was begun is
 * taken back. */
static bool is_taken_back(const struct outcome *outcome)
{
    return outcome->r == -1 && !outcome->given_up && !trial.lasting && trial.kind == FAULT_CHANGE &&
           !trial.operation->for_good;
}

/* Within an operation on snapshots a flag may be clear where it could be set. */
static void count_harm(void *opaque, const char *message)
{
    uint64_t *harm = opaque;

    if (strstr(message, "OFLAG_COPIED") && strstr(message, "refcount=1"))
        return;
    if (strncmp(message, "ERROR", 5) == 0 && (*harm)++ == 0)
        fprintf(stderr, "%s\n", message);
}

/* Who opens an image to write it makes a dirty one right. */
static void judge_check(const char *name, const struct outcome *outcome)
{
    qcow2_image *image = image_open_afterwards(name, &(struct way){ 0 });
    qcow2_check_result result = { 0 };
    uint64_t harm = 0;

    if (image == NULL || qcow2_close(image) == -1)
        return wrong("afterwards: %s", qcow2_get_error());
    image = image_open_afterwards(
        name, &(struct way){ .flags = QCOW2_OPEN_CHECK | QCOW2_OPEN_READ_ONLY });
    if (image == NULL || qcow2_check(image, 0, &result, sizeof result, count_harm, &harm) == -1)
        return wrong("to check it: %s", qcow2_get_error());
    if (harm || result.check_errors)
        wrong("%" PRIu64 " corruptions, %" PRIu64 " errors", harm, result.check_errors);
    if (result.leaks && is_taken_back(outcome))
        wrong("%" PRIu64 " leaks after %s", result.leaks, outcome->sentence);
    qcow2_close(image);
}

static bool is_damaged_at_the_start(const char *name)
{
    static const char *const damaged[] = { "damaged.qcow2", "incomplete.qcow2", "uncounted.qcow2" };

    for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++)
        if (strcmp(name, damaged[i]) == 0)
            return true;
    return false;
}

static bool must_be_good(const char *name, const struct outcome *outcome)
{
    return strstr(name, ".qcow2") &&
           (!is_damaged_at_the_start(name) ||
            (trial.operation->promise == PROMISE_MENDED && outcome->r == 0));
}

static void judge(const struct outcome *outcome, const struct view *before,
                  const struct view *after)
{
    const char *name = looked_at(trial.operation);
    int errnum = fault_kinds[trial.kind].errnum;
    struct view now;

    if (outcome->r == -1 && (outcome->errnum == 0 || outcome->sentence[0] == '\0'))
        wrong("it failed with errno %d and the sentence '%s'", outcome->errnum, outcome->sentence);
    if (outcome->r == -1 && errnum && outcome->errnum != errnum)
        wrong("it failed with '%s': %s", strerror(outcome->errnum), outcome->sentence);
    now = view_of(name);
    if (trial.operation->promise == PROMISE_MADE && outcome->r == -1) {
        view_free(&now);
        return;
    }
    judge_view(outcome, &now, before, after);
    if (is_taken_back(outcome) && trial.operation->promise == PROMISE_OLD_OR_NEW &&
        !same_view(&now, before))
        wrong("'%s', and the image shows all the same\n%s", outcome->sentence, now.facts);
    if (must_be_good(name, outcome))
        judge_check(name, outcome);
    if (outcome->r == -1 && trial.operation->promise != PROMISE_OPENED && same_view(&now, before)) {
        struct outcome again = perform(trial.operation);

        if (again.r == -1)
            wrong("it cannot be done afterwards: %s", again.sentence);
    }
    view_free(&now);
}

/* ------------------------------------------------------------------------------------------------
 * All of it
 */

/* Whether there was such a request. */
static bool try_once(const struct view *before, const struct view *after)
{
    size_t held = fault_memory_held();
    struct outcome outcome;
    bool happened;

    images_lay_out();
    fault_plan(trial.kind, trial.at, trial.lasting);
    outcome = perform(trial.operation);
    happened = fault_end();
    trial.runs++;
    trial.faults += happened;
    if (fault_memory_held() != held)
        wrong("%zu pieces of memory are left over", fault_memory_held() - held);
    if (happened)
        judge(&outcome, before, after);
    else if (outcome.r == -1)
        wrong("without a fault: %s", outcome.sentence);
    return happened;
}

/* From one request to the next that is tried. */
static unsigned long step(void)
{
    if (trial.kind == FAULT_CIPHER || trial.operation->slow)
        return trial.at / 4 + 1;
    return trial.lasting && trial.kind != FAULT_ROOM ? 3 : 1;
}

static void try_kind(const struct view *before, const struct view *after)
{
    for (trial.lasting = trial.kind == FAULT_ROOM;; trial.lasting = true) {
        trial.at = only.at ? only.at : 1;
        while (try_once(before, after) && only.at == 0)
            trial.at += step();
        if (trial.lasting)
            return;
    }
}

static void try_operation(const struct operation *operation)
{
    struct view before, after;
    struct outcome outcome;

    trial.operation = operation;
    trial.at = 0;
    images_lay_out();
    before = view_of(looked_at(operation));
    shown_at_start = &before;
    outcome = perform(operation);
    if (outcome.r == -1)
        wrong("without a fault: %s", outcome.sentence);
    after = view_of(looked_at(operation));
    for (trial.kind = 0; trial.kind < FAULTS; trial.kind++)
        if (!only.kind || strcmp(only.kind, fault_kinds[trial.kind].name) == 0)
            try_kind(&before, &after);
    view_free(&before);
    view_free(&after);
}

static void whatever_fails_once_is_told_and_harms_nothing(void **state)
{
    (void)state;
    assert_int_equal(fault_stand_in_for_ciphers(), 0);
    images_make();
    for (size_t i = 0; i < operation_count; i++)
        if (!only.operation || strcmp(only.operation, operations[i].name) == 0)
            try_operation(&operations[i]);
    printf("%lu runs, %lu faults\n", trial.runs, trial.faults);
    assert_int_equal(trial.wrongs, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_fails_once_is_told_and_harms_nothing),
    };

    only.operation = argc > 1 ? argv[1] : NULL;
    only.kind = argc > 2 ? argv[2] : NULL;
    only.at = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
