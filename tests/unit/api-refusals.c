/* SPDX-License-Identifier: BSD-3-Clause */
/* api-refusals.c - what the library's functions do not accept: the errno value and the sentence */

#include "unit/store-scratch.h"

#include <errno.h>

#include "qcow2.h"

#define SIZE 200192u

static void expect_refusal(int errnum, const char *sentence)
{
    if (qcow2_get_errno() != errnum || strstr(qcow2_get_error(), sentence) == NULL)
        fail_msg("'%s' (%d) does not say '%s' (%d)", qcow2_get_error(), qcow2_get_errno(), sentence,
                 errnum);
}

static void refused(int r, int errnum, const char *sentence)
{
    assert_int_equal(r, -1);
    expect_refusal(errnum, sentence);
}

/* ------------------------------------------------------------------------------------------------
 * Words
 */

struct word {
    const char *name, *value;
    int errnum;
    const char *sentence;
};

static const struct word create_words[] = {
    { "no-such-thing", "1", ENOENT, "Invalid parameter 'no-such-thing'" },
    { "size", "1M", EINVAL, "'size' expects a number" },
    { "size", "-1", EINVAL, "expects a number" },
    { "compat", "v4", EINVAL, "'compat' does not accept value 'v4'" },
    { "cluster_size", "big", EINVAL, "expects a number" },
    { "cluster_size", "256", EINVAL, "power of two between 512 and 2048k" },
    { "cluster_size", "4194304", EINVAL, "power of two between 512 and 2048k" },
    { "cluster_size", "5000", EINVAL, "power of two" },
    { "refcount_bits", "many", EINVAL, "expects a number" },
    { "refcount_bits", "0", EINVAL, "power of two" },
    { "refcount_bits", "128", EINVAL, "may not exceed 64 bits" },
    { "lazy_refcounts", "perhaps", EINVAL, "'lazy_refcounts' expects 'on' or 'off'" },
    { "preallocation", "some", EINVAL, "'preallocation' does not accept value 'some'" },
    { "compression_type", "lzma", EINVAL, "'compression_type' does not accept value 'lzma'" },
    { "encryption", "perhaps", EINVAL, "expects 'on' or 'off'" },
};

static const struct word amend_words[] = {
    { "no-such-thing", "1", ENOENT, "Invalid parameter 'no-such-thing'" },
    { "size", "1M", EINVAL, "'size' expects a number" },
    { "compat", "v4", EINVAL, "Unknown compatibility level v4" },
    { "refcount_bits", "many", EINVAL, "expects a number" },
    { "refcount_bits", "3", EINVAL, "power of two" },
    { "lazy_refcounts", "perhaps", EINVAL, "expects 'on' or 'off'" },
    { "encrypt.state", "asleep", EINVAL, "does not accept value 'asleep'" },
    { "encrypt.keyslot", "first", EINVAL, "expects a number" },
};

static const struct word open_words[] = {
    { "no-such-thing", "1", ENOENT, "no-such-thing" },
    { "l2-cache-size", "1M", EINVAL, "l2-cache-size" },
    { "lazy-refcounts", "perhaps", EINVAL, "lazy-refcounts" },
    { "pass-discard-other", "perhaps", EINVAL, "pass-discard-other" },
    { "overlap-check", "most", EINVAL, "most" },
    { "overlap-check.main-header", "perhaps", EINVAL, "main-header" },
    { "compression-level", "20", EINVAL, "compression-level" },
    { "compression-window", "16", EINVAL, "compression-window" },
    { "encrypt.format", "rot13", EINVAL, "'encrypt.format' does not accept value 'rot13'" },
};

#define FOR_EACH_WORD(words, set)                                                            \
    for (const struct word *w = (words); w < (words) + sizeof(words) / sizeof *(words); w++) \
    refused(set(o, w->name, w->value), w->errnum, w->sentence)

static void options_know_their_words(void **state)
{
    (void)state;
    {
        qcow2_create_options *o = qcow2_create_options_new();
        char long_name[2000];

        FOR_EACH_WORD(create_words, qcow2_create_options_set);
        memset(long_name, 'a', sizeof long_name - 1);
        long_name[sizeof long_name - 1] = '\0';
        refused(qcow2_create_options_set(o, "backing_file", long_name), EINVAL, "too long");
        refused(qcow2_create_options_set(o, "backing_fmt", long_name), EINVAL, "too long");
        refused(qcow2_create_options_set_format(o, "qcow"), ENOTSUP, "creation");
        refused(qcow2_create_options_set_format(o, "vmdk"), ENOTSUP, "Unknown driver 'vmdk'");
        refused(qcow2_create_options_set_flags(o, 0x80), EINVAL, "Unknown flags 0x80");
        qcow2_create_options_free(o);
    }
    {
        qcow2_amend_options *o = qcow2_amend_options_new();

        FOR_EACH_WORD(amend_words, qcow2_amend_options_set);
        refused(qcow2_amend_options_set_flags(o, 0x80), EINVAL, "Unknown flags 0x80");
        qcow2_amend_options_free(o);
    }
    {
        qcow2_open_options *o = qcow2_open_options_new();

        FOR_EACH_WORD(open_words, qcow2_open_options_set);
        refused(qcow2_open_options_set_format(o, "vmdk"), ENOTSUP, "Unknown driver 'vmdk'");
        refused(qcow2_open_options_set_flags(o, QCOW2_OPEN_FORCE_SHARE), EINVAL, "read-only");
        refused(qcow2_open_options_set_flags(o, 0x40000000), EINVAL, "0x40000000");
        refused(qcow2_open_options_set_backing_policy(o, (qcow2_backing_policy)99), EINVAL, "99");
        refused(qcow2_open_options_set_data_file_policy(o, (qcow2_data_file_policy)99), EINVAL,
                "99");
        refused(qcow2_open_options_set_backing_options(o, o), EINVAL, "its own backing file");
        qcow2_open_options_free(o);
    }
}

/* Options that are taken over have one owner, and no circle can be made of them. */
static void options_belong_to_one(void **state)
{
    static const char circle[] = "its own", taken[] = "belong to others already";
    qcow2_open_options *a = qcow2_open_options_new(), *b = qcow2_open_options_new();
    qcow2_open_options *c = qcow2_open_options_new(), *other = qcow2_open_options_new();

    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(qcow2_open_options_set_backing_options(a, b), 0);
    assert_int_equal(qcow2_open_options_set_file_options(b, c), 0);
    refused(qcow2_open_options_set_backing_options(b, a), EINVAL, circle);
    refused(qcow2_open_options_set_data_file_options(c, a), EINVAL, circle);
    refused(qcow2_open_options_set_file_options(a, b), EINVAL, taken);
    refused(qcow2_open_options_set_backing_options(other, c), EINVAL, taken);
    assert_int_equal(qcow2_open_options_set_backing_options(a, other), 0); /* b and c go */
    assert_int_equal(qcow2_open_options_set_backing_options(a, NULL), 0);
    qcow2_open_options_free(a);
}

/* ------------------------------------------------------------------------------------------------
 * Images
 */

static void make(const char *name, const char *backing_file, const char *option, const char *value)
{
    qcow2_create_options *o = qcow2_create_options_new();

    assert_int_equal(qcow2_create_options_set(o, "size", "200192"), 0);
    assert_int_equal(qcow2_create_options_set(o, "cluster_size", "4096"), 0);
    if (option)
        assert_int_equal(qcow2_create_options_set(o, option, value), 0);
    if (backing_file) {
        assert_int_equal(qcow2_create_options_set(o, "backing_file", backing_file), 0);
        assert_int_equal(qcow2_create_options_set(o, "backing_fmt", "qcow2"), 0);
    }
    assert_int_equal(qcow2_create(name, o), 0);
    qcow2_create_options_free(o);
}

static int make_images(void **state)
{
    if (scratch_setup(state) == -1)
        return -1;
    make("base.qcow2", NULL, NULL, NULL);
    make("disk.qcow2", "base.qcow2", NULL, NULL);
    make("old.qcow2", NULL, "compat", "v2");
    make("outside.qcow2", NULL, "data_file", "outside.raw");
    return 0;
}

static qcow2_image *open_with(const char *name, uint32_t flags, qcow2_backing_policy policy,
                              unsigned writable_backing)
{
    qcow2_open_options *o = qcow2_open_options_new();
    qcow2_image *image;

    assert_int_equal(qcow2_open_options_set_flags(o, flags), 0);
    assert_int_equal(qcow2_open_options_set_backing_policy(o, policy), 0);
    assert_int_equal(qcow2_open_options_set_data_file_policy(o, QCOW2_DATA_FILE_ALLOW), 0);
    assert_int_equal(qcow2_open_options_set_writable_backing(o, writable_backing), 0);
    image = qcow2_open(name, o);
    qcow2_open_options_free(o);
    return image;
}

static qcow2_image *open_chain(void)
{
    qcow2_image *image = open_with("disk.qcow2", 0, QCOW2_BACKING_ALLOW, 1);

    assert_non_null(image);
    return image;
}

static int ignore_extent(void *opaque, const qcow2_extent *extent)
{
    (void)opaque, (void)extent;
    return 0;
}

/* One call on one image, opened in one way. */
typedef int image_call(qcow2_image *image);

static int commit(qcow2_image *image)
{
    return qcow2_commit(image, 1, 0, 0, NULL, NULL);
}

static int rebase(qcow2_image *image)
{
    return qcow2_rebase(image, "base.qcow2", "qcow2", NULL, 0, NULL, NULL);
}

static int rebase_to_long_name(qcow2_image *image)
{
    char name[2000] = { 0 };

    memset(name, 'a', sizeof name - 1);
    return qcow2_rebase(image, name, "qcow2", NULL, QCOW2_REBASE_UNSAFE, NULL, NULL);
}

static int rebase_to_long_format(qcow2_image *image)
{
    char name[2000] = { 0 };

    memset(name, 'a', sizeof name - 1);
    return qcow2_rebase(image, "base.qcow2", name, NULL, QCOW2_REBASE_UNSAFE, NULL, NULL);
}

static int repair(qcow2_image *image)
{
    qcow2_check_result result;

    return qcow2_check(image, QCOW2_CHECK_REPAIR_ALL, &result, sizeof result, NULL, NULL);
}

static int add_bitmap_without_name(qcow2_image *image)
{
    return qcow2_bitmap_add(image, "", 0, 0);
}

static int add_bitmap_with_long_name(qcow2_image *image)
{
    char name[2000] = { 0 };

    memset(name, 'a', sizeof name - 1);
    return qcow2_bitmap_add(image, name, 0, 0);
}

static int add_bitmap(qcow2_image *image)
{
    return qcow2_bitmap_add(image, "bits", 0, 0);
}

static int enable_bitmap(qcow2_image *image)
{
    return qcow2_bitmap_enable(image, "bits");
}

static int clear_bitmap(qcow2_image *image)
{
    return qcow2_bitmap_clear(image, "bits");
}

static int write_state(qcow2_image *image)
{
    return qcow2_vm_state_pwrite(image, "", 1, 0, 0);
}

static int write_byte(qcow2_image *image)
{
    return qcow2_pwrite(image, "", 1, 0, 0);
}

static int create_snapshot(qcow2_image *image)
{
    return qcow2_snapshot_create(image, "first");
}

static int apply_missing_snapshot(qcow2_image *image)
{
    return qcow2_snapshot_apply(image, "none");
}

static int shrink_unasked(qcow2_image *image)
{
    return qcow2_resize(image, 512, 0);
}

/* Of a later version, or of another call. */
static void flags_that_a_call_does_not_know_are_refused(void **state)
{
    qcow2_image *image = open_chain();
    qcow2_check_result result;
    char byte = 0;

    (void)state;
    refused(qcow2_pread(image, &byte, 1, 0, QCOW2_FUA), EINVAL, "qcow2_pread: unknown flags 0x1");
    refused(qcow2_pwrite(image, &byte, 1, 0, QCOW2_FUA | 0x80), EINVAL, "unknown flags 0x80");
    refused(qcow2_pwrite_compressed(image, &byte, 1, 0, 0x80), EINVAL, "unknown flags 0x80");
    refused(qcow2_pwrite_stream(image, &byte, 1, 0, 0x80), EINVAL, "unknown flags 0x80");
    refused(qcow2_zero(image, 1, 0, QCOW2_MAP_SHALLOW), EINVAL, "qcow2_zero: unknown flags 0x8");
    refused(qcow2_discard(image, 1, 0, QCOW2_MAY_UNMAP), EINVAL, "unknown flags 0x2");
    refused(qcow2_flush(image, QCOW2_FUA), EINVAL, "qcow2_flush: unknown flags 0x1");
    refused(qcow2_map(image, 1, 0, 0x80, ignore_extent, NULL), EINVAL, "unknown flags 0x80");
    refused(qcow2_vm_state_pread(image, &byte, 1, 0, 0x80), EINVAL, "unknown flags 0x80");
    refused(qcow2_vm_state_pwrite(image, &byte, 1, 0, 0x80), EINVAL, "unknown flags 0x80");
    refused(qcow2_bitmap_add(image, "bits", 0, 0x80), EINVAL, "unknown flags 0x80");
    refused(qcow2_resize(image, SIZE, 0x80), EINVAL, "unknown flags 0x80");
    refused(qcow2_rebase(image, NULL, NULL, NULL, 0x80, NULL, NULL), EINVAL, "unknown flags 0x80");
    refused(qcow2_commit(image, 1, 0, 0x80, NULL, NULL), EINVAL, "unknown flags 0x80");
    refused(qcow2_check(image, 0x80, &result, sizeof result, NULL, NULL), EINVAL,
            "unknown flags 0x80");
    assert_int_equal(qcow2_close(image), 0);
}

#define READ_ONLY QCOW2_OPEN_READ_ONLY

static const struct {
    const char *name;
    uint32_t flags;
    qcow2_backing_policy policy;
    image_call *call;
    int errnum;
    const char *sentence;
} calls[] = {
    { "disk.qcow2", QCOW2_OPEN_NO_IO, QCOW2_BACKING_ALLOW, commit, EINVAL, "" },
    { "disk.qcow2", 0, QCOW2_BACKING_IGNORE, commit, EINVAL, "needs its backing file" },
    { "disk.qcow2", 0, QCOW2_BACKING_ALLOW, commit, EROFS, "open read-only" },
    { "base.qcow2", 0, QCOW2_BACKING_ALLOW, commit, EINVAL, "does not have a backing file" },
    { "disk.qcow2", 0, QCOW2_BACKING_IGNORE, rebase, EINVAL, "needs its backing file" },
    { "disk.qcow2", 0, QCOW2_BACKING_ALLOW, rebase, EINVAL, "needs the new backing file" },
    { "disk.qcow2", 0, QCOW2_BACKING_ALLOW, rebase_to_long_name, EINVAL, "name is too long" },
    { "disk.qcow2", 0, QCOW2_BACKING_ALLOW, rebase_to_long_format, EINVAL, "format is too long" },
    { "base.qcow2", 0, QCOW2_BACKING_REFUSE, repair, EINVAL, "QCOW2_OPEN_CHECK" },
    { "base.qcow2", READ_ONLY | QCOW2_OPEN_CHECK, QCOW2_BACKING_REFUSE, repair, EROFS,
      "QCOW2_OPEN_READ_ONLY" },
    { "base.qcow2", 0, QCOW2_BACKING_REFUSE, add_bitmap_without_name, EINVAL, "be empty" },
    { "base.qcow2", 0, QCOW2_BACKING_REFUSE, add_bitmap_with_long_name, EINVAL, "exceeds" },
    { "base.qcow2", 0, QCOW2_BACKING_REFUSE, enable_bitmap, ENOENT, "bits" },
    { "old.qcow2", 0, QCOW2_BACKING_REFUSE, add_bitmap, ENOTSUP, "" },
    { "old.qcow2", 0, QCOW2_BACKING_REFUSE, enable_bitmap, ENOENT, "bits" },
    { "base.qcow2", READ_ONLY, QCOW2_BACKING_REFUSE, clear_bitmap, EROFS, "read-only" },
    { "outside.qcow2", 0, QCOW2_BACKING_REFUSE, write_state, ENOTSUP, "external data file" },
    { "outside.qcow2", 0, QCOW2_BACKING_REFUSE, create_snapshot, ENOTSUP, "" },
    { "base.qcow2", READ_ONLY, QCOW2_BACKING_REFUSE, write_byte, EROFS, "read-only" },
    { "base.qcow2", READ_ONLY, QCOW2_BACKING_REFUSE, create_snapshot, EROFS, "read-only" },
    { "base.qcow2", 0, QCOW2_BACKING_REFUSE, apply_missing_snapshot, ENOENT, "none" },
    { "base.qcow2", 0, QCOW2_BACKING_REFUSE, shrink_unasked, EINVAL, "" },
};

static void calls_are_refused_with_a_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        qcow2_image *image = open_with(calls[i].name, calls[i].flags, calls[i].policy, 0);

        assert_non_null(image);
        refused(calls[i].call(image), calls[i].errnum, calls[i].sentence);
        assert_int_not_equal(qcow2_get_error()[0], '\0');
        assert_int_equal(qcow2_close(image), 0);
    }
}

static void nothing_is_done_without_its_arguments(void **state)
{
    qcow2_image *image = open_chain();
    qcow2_check_result result;
    char byte;

    (void)state;
    assert_null(qcow2_open(NULL, NULL));
    expect_refusal(EFAULT, "qcow2_open");
    assert_null(qcow2_probe(NULL));
    expect_refusal(EFAULT, "qcow2_probe");
    assert_int_equal(qcow2_close(NULL), 0);
    assert_int_equal(qcow2_get_size(NULL), 0);
    expect_refusal(EFAULT, "qcow2_get_size");
    assert_null(qcow2_get_filename(NULL));
    expect_refusal(EFAULT, "qcow2_get_filename");
    assert_int_equal(qcow2_snapshot_show(NULL, 0), -1);
    expect_refusal(EFAULT, "qcow2_snapshot_show");
    assert_int_equal(qcow2_uses_file(NULL, "x"), -1);
    expect_refusal(EFAULT, "qcow2_uses_file");
    refused(qcow2_uses_file_of(image, NULL), EFAULT, "qcow2_uses_file_of");
    assert_null(qcow2_get_backing(NULL));
    expect_refusal(EFAULT, "qcow2_get_backing");
    refused(qcow2_get_info(image, NULL, 0), EFAULT, "qcow2_get_info");
    refused(qcow2_pread(image, NULL, 1, 0, 0), EFAULT, "qcow2_pread");
    refused(qcow2_pread(NULL, &byte, 1, 0, 0), EFAULT, "qcow2_pread");
    refused(qcow2_pwrite(image, NULL, 1, 0, 0), EFAULT, "qcow2_pwrite");
    refused(qcow2_map(image, 1, 0, 0, NULL, NULL), EFAULT, "qcow2_map");
    refused(qcow2_snapshot_create(image, NULL), EFAULT, "qcow2_snapshot_create");
    refused(qcow2_bitmap_add(image, NULL, 0, 0), EFAULT, "qcow2_bitmap_add");
    refused(qcow2_check(NULL, 0, &result, sizeof result, NULL, NULL), EFAULT, "qcow2_check");
    refused(qcow2_amend(image, NULL, NULL, NULL), EFAULT, "qcow2_amend");
    assert_int_equal(qcow2_close(image), 0);
}

/* ------------------------------------------------------------------------------------------------
 * Callbacks
 */

static int say_no(void *opaque, uint64_t done, uint64_t total)
{
    (void)opaque, (void)done, (void)total;
    return 1;
}

static void fill(qcow2_image *image)
{
    static uint8_t bytes[SIZE];

    /* an initializer with an element so far behind keeps a static analyzer busy for hours */
    bytes[0] = 1;
    bytes[100000] = 2;
    assert_int_equal(qcow2_pwrite(image, bytes, sizeof bytes, 0, 0), 0);
}

static void expect_filled(qcow2_image *image)
{
    uint8_t byte = 0;

    assert_int_equal(qcow2_pread(image, &byte, 1, 100000, 0), 0);
    assert_int_equal(byte, 2);
}

static void what_progress_ends_changes_nothing(void **state)
{
    qcow2_amend_options *o = qcow2_amend_options_new();
    qcow2_image *image = open_chain(), *other;
    qcow2_info info;

    (void)state;
    fill(image);
    refused(qcow2_commit(image, 1, 0, 0, say_no, NULL), ECANCELED, "cancelled");
    assert_int_equal(qcow2_amend_options_set(o, "refcount_bits", "64"), 0);
    refused(qcow2_amend(image, o, say_no, NULL), ECANCELED, "cancelled");
    other = open_with("old.qcow2", READ_ONLY, QCOW2_BACKING_REFUSE, 0);
    refused(qcow2_rebase(image, "old.qcow2", "qcow2", other, 0, say_no, NULL), ECANCELED,
            "cancelled");
    assert_int_equal(qcow2_close(other), 0);
    assert_int_equal(qcow2_get_info(image, &info, sizeof info), 0);
    assert_int_equal(info.refcount_bits, 16);
    assert_string_equal(info.backing_filename, "base.qcow2");
    expect_filled(image);
    assert_int_equal(qcow2_close(image), 0);
    qcow2_amend_options_free(o);
}

static int allow_nothing(void *opaque, const char *filename, const char *format)
{
    *(int *)opaque += strstr(filename, "base.qcow2") && strcmp(format, "qcow2") == 0;
    return 1;
}

static void a_backing_file_that_the_caller_does_not_want_stays_closed(void **state)
{
    qcow2_open_options *o = qcow2_open_options_new();
    int asked = 0;

    (void)state;
    assert_int_equal(qcow2_open_options_set_backing_policy(o, QCOW2_BACKING_ALLOW), 0);
    assert_int_equal(qcow2_open_options_set_backing_filter(o, allow_nothing, &asked), 0);
    assert_null(qcow2_open("disk.qcow2", o));
    expect_refusal(EPERM, "the caller does not allow this file");
    assert_int_equal(asked, 1);
    qcow2_open_options_free(o);
}

/* Opened with options of its own for its backing file, or for the image that it is stored in. */
typedef int set_layer(qcow2_open_options *options, qcow2_open_options *layer);

static void open_over(set_layer *set, uint32_t flags, uint32_t layer_flags, bool opens)
{
    qcow2_open_options *o = qcow2_open_options_new(), *layer = qcow2_open_options_new();
    qcow2_image *image;

    assert_int_equal(qcow2_open_options_set_flags(o, flags), 0);
    assert_int_equal(qcow2_open_options_set_flags(layer, layer_flags), 0);
    assert_int_equal(qcow2_open_options_set_backing_policy(o, QCOW2_BACKING_ALLOW), 0);
    assert_int_equal(qcow2_open_options_set_backing_policy(layer, QCOW2_BACKING_ALLOW), 0);
    assert_int_equal(set(o, layer), 0);
    image = qcow2_open("disk.qcow2", o);
    qcow2_open_options_free(o);
    if (!opens) {
        assert_null(image);
        expect_refusal(EINVAL, "was opened for its metadata only");
        return;
    }
    assert_non_null(image);
    assert_int_equal(qcow2_close(image), 0);
}

static void what_is_below_a_disk_has_a_disk(void **state)
{
    (void)state;
    open_over(qcow2_open_options_set_backing_options, 0, QCOW2_OPEN_NO_IO, false);
    open_over(qcow2_open_options_set_backing_options, READ_ONLY, QCOW2_OPEN_CHECK, false);
    open_over(qcow2_open_options_set_backing_options, QCOW2_OPEN_NO_IO, QCOW2_OPEN_CHECK, true);
    open_over(qcow2_open_options_set_backing_options, 0, 0, true);
    open_over(qcow2_open_options_set_file_options, READ_ONLY, QCOW2_OPEN_NO_IO, false);
    open_over(qcow2_open_options_set_file_options, QCOW2_OPEN_NO_IO, QCOW2_OPEN_NO_IO, false);
}

static int ignore_bits(void *opaque, uint64_t offset, uint64_t length, bool dirty)
{
    (void)opaque, (void)offset, (void)length, (void)dirty;
    return 0;
}

static void ranges_are_told_in_bytes_and_their_place_in_hexadecimal(void **state)
{
    qcow2_image *image = open_chain();
    uint8_t byte;

    (void)state;
    assert_int_equal(qcow2_bitmap_add(image, "b", 0, 0), 0);
    refused(qcow2_pread(image, &byte, 1, 200192, 0), EINVAL, "at offset 0x30e00 of 1 bytes");
    refused(qcow2_map(image, 2, 200192, 0, ignore_extent, NULL), EINVAL,
            "2 bytes to map at offset "
            "0x30e00");
    refused(qcow2_bitmap_extents(image, "b", 3, 200192, ignore_bits, NULL), EINVAL,
            "at offset 0x30e00 of 3 bytes");
    refused(qcow2_vm_state_pread(image, &byte, 1, INT64_MAX, 0), EINVAL,
            "at offset 0x7fffffffffffffff of 1 bytes");
    assert_int_equal(qcow2_bitmap_remove(image, "b"), 0);
    assert_int_equal(qcow2_close(image), 0);
}

static void an_image_is_called_as_the_caller_says(void **state)
{
    qcow2_open_options *o = qcow2_open_options_new();
    qcow2_image *image;

    (void)state;
    assert_int_equal(qcow2_open_options_set_flags(o, QCOW2_OPEN_READ_ONLY), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(qcow2_open_options_set_name(o, i ? NULL : "the old disk"), 0);
        image = qcow2_open("old.qcow2", o);
        assert_non_null(image);
        assert_string_equal(qcow2_get_name(image), i ? "old.qcow2" : "the old disk");
        assert_string_equal(qcow2_get_filename(image), "old.qcow2");
        assert_int_equal(qcow2_close(image), 0);
    }
    qcow2_open_options_free(o);
}

/* What is set and taken back is not asked for. */
static void an_amendment_may_be_taken_back(void **state)
{
    static const char *const words[][2] = {
        { "compat", "v2" }, { "refcount_bits", "64" },     { "lazy_refcounts", "on" },
        { "size", "1024" }, { "encrypt.state", "active" }, { "encrypt.keyslot", "1" }
    };
    qcow2_amend_options *o = qcow2_amend_options_new();
    qcow2_image *image = open_chain();
    qcow2_info info;

    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        assert_int_equal(qcow2_amend_options_set(o, words[i][0], words[i][1]), 0);
        assert_int_equal(qcow2_amend_options_set(o, words[i][0], NULL), 0);
    }
    assert_int_equal(qcow2_amend(image, o, NULL, NULL), 0);
    assert_int_equal(qcow2_get_info(image, &info, sizeof info), 0);
    assert_int_equal(info.version, 3);
    assert_int_equal(info.refcount_bits, 16);
    assert_int_equal(info.virtual_size, SIZE);
    assert_int_equal(info.features & QCOW2_FEATURE_LAZY_REFCOUNTS, 0);
    assert_int_equal(qcow2_close(image), 0);
    qcow2_amend_options_free(o);
}

/* Of the disk alone, so that what is below it need not be told apart. */
static void snapshots_are_shown_without_the_backing_file(void **state)
{
    qcow2_image *image = open_chain();

    (void)state;
    assert_int_equal(qcow2_snapshot_create(image, "kept"), 0);
    refused(qcow2_snapshot_show(image, 0), EINVAL, "can only be opened read-only");
    assert_int_equal(qcow2_close(image), 0);
    image = open_with("disk.qcow2", QCOW2_OPEN_READ_ONLY, QCOW2_BACKING_ALLOW, 0);
    assert_non_null(image);
    refused(qcow2_snapshot_show(image, 0), EINVAL, "while its backing file is open");
    assert_int_equal(qcow2_close(image), 0);
    image = open_with("disk.qcow2", QCOW2_OPEN_READ_ONLY, QCOW2_BACKING_IGNORE, 0);
    assert_non_null(image);
    assert_int_equal(qcow2_snapshot_show(image, 0), 0);
    assert_int_equal(qcow2_close(image), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_know_their_words),
        cmocka_unit_test(options_belong_to_one),
        cmocka_unit_test(calls_are_refused_with_a_sentence),
        cmocka_unit_test(flags_that_a_call_does_not_know_are_refused),
        cmocka_unit_test(nothing_is_done_without_its_arguments),
        cmocka_unit_test(what_progress_ends_changes_nothing),
        cmocka_unit_test(a_backing_file_that_the_caller_does_not_want_stays_closed),
        cmocka_unit_test(what_is_below_a_disk_has_a_disk),
        cmocka_unit_test(ranges_are_told_in_bytes_and_their_place_in_hexadecimal),
        cmocka_unit_test(an_image_is_called_as_the_caller_says),
        cmocka_unit_test(an_amendment_may_be_taken_back),
        cmocka_unit_test(snapshots_are_shown_without_the_backing_file),
    };

    return cmocka_run_group_tests(tests, make_images, scratch_teardown);
}
