/* SPDX-License-Identifier: BSD-3-Clause */
/* vmm-options.c - the command line is understood in our words and in QEMU's */

#include "vmm-scratch.h"

#include "../../vmm-glue/options.h"

#define PARSE(options, ...) parse(options, (const char *const[]){ "qcow-vmm", __VA_ARGS__, NULL })

static enum options_result parse(struct options *options, const char *const *words)
{
    int count = 0;

    while (words[count])
        count++;
    last_report[0] = '\0';
    return options_parse(options, count, (char *const *)(uintptr_t)words);
}

#define ASSERT_WRONG(part, ...)                                      \
    do {                                                             \
        struct options wrong;                                        \
        assert_int_equal(PARSE(&wrong, __VA_ARGS__), OPTIONS_WRONG); \
        assert_reported(part);                                       \
        options_free(&wrong);                                        \
    } while (0)

static void defaults(void **state)
{
    struct options options;

    (void)state;
    assert_int_equal(PARSE(&options, "-kernel", "k"), OPTIONS_RUN);
    assert_string_equal(options.kernel, "k");
    assert_null(options.initrd);
    assert_int_equal(options.memory, 512 << 20);
    assert_int_equal(options.cpus, 1);
    assert_int_equal(options.disk_count, 0);
    assert_false(options.no_reboot);
    options_free(&options);
}

static void one_dash_or_two(void **state)
{
    struct options options;

    (void)state;
    assert_int_equal(PARSE(&options, "--kernel", "k", "-initrd", "i", "--append", "a b", "--m",
                           "2G", "-smp", "cpus=8", "-nographic", "--no-reboot"),
                     OPTIONS_RUN);
    assert_string_equal(options.append, "a b");
    assert_true(options.memory == UINT64_C(2) << 30);
    assert_int_equal(options.cpus, 8);
    assert_true(options.no_reboot);
    options_free(&options);
}

static void disk_of_our_own_words(void **state)
{
    struct options options;

    (void)state;
    assert_int_equal(PARSE(&options, "-kernel", "k", "--disk", "a,,b.qcow2", "--disk",
                           "nbd+unix:///?socket=s,serial=x,readonly=on,num-queues=3,queue-size=64,"
                           "discard=off,write-zeroes=off,cache=writethrough"),
                     OPTIONS_RUN);
    assert_int_equal(options.disk_count, 2);
    assert_string_equal(options.disks[0].source, "a,b.qcow2");
    assert_false(options.disks[0].is_uri);
    assert_true(options.disks[0].discard && options.disks[0].write_zeroes);
    assert_false(options.disks[0].readonly || options.disks[0].writethrough);
    assert_string_equal(options.disks[0].backing, "allow");
    assert_string_equal(options.disks[1].source, "nbd+unix:///?socket=s");
    assert_true(options.disks[1].is_uri && options.disks[1].readonly);
    assert_true(options.disks[1].writethrough);
    assert_false(options.disks[1].discard || options.disks[1].write_zeroes);
    assert_int_equal(options.disks[1].num_queues, 3);
    assert_int_equal(options.disks[1].queue_size, 64);
    assert_string_equal(options.disks[1].serial, "x");
    options_free(&options);
}

static void disks_in_the_words_of_qemu(void **state)
{
    struct options options;

    (void)state;
    assert_int_equal(
        PARSE(&options, "-kernel", "k", "-device",
              "virtio-blk-pci,drive=d0,serial=S,num-queues=2,queue-size=128,"
              "logical_block_size=4096,bootindex=1,discard=on,write-zeroes=on",
              "-drive", "file=one,if=virtio,format=raw", "-drive",
              "file=two,if=none,id=d0,format=qcow2,cache=none,discard=unmap,backing=refuse"),
        OPTIONS_RUN);
    assert_int_equal(options.disk_count, 2);
    assert_string_equal(options.disks[0].source, "two");
    assert_string_equal(options.disks[0].format, "qcow2");
    assert_string_equal(options.disks[0].serial, "S");
    assert_int_equal(options.disks[0].logical_block_size, 4096);
    assert_true(options.disks[0].discard);
    assert_string_equal(options.disks[0].cache, "none");
    assert_string_equal(options.disks[0].backing, "refuse");
    assert_string_equal(options.disks[1].source, "one");
    assert_string_equal(options.disks[1].format, "raw");
    options_free(&options);
}

static void help_and_version_are_enough_alone(void **state)
{
    static const char *const words[] = { "-h", "--help", "-help", "-V", "--version" };
    struct options options;

    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        assert_int_equal(PARSE(&options, words[i]), OPTIONS_DONE);
        options_free(&options);
    }
}

static void wrong_options(void **state)
{
    (void)state;
    ASSERT_WRONG("-kernel FILE is needed", "-m", "512M");
    ASSERT_WRONG("--frobnicate is not an option", "--frobnicate");
    ASSERT_WRONG("---kernel is not an option", "---kernel", "k");
    ASSERT_WRONG("kernel is not an option: -kernel goes before", "kernel", "k");
    ASSERT_WRONG("-initrd needs FILE", "-kernel", "k", "-initrd");
    ASSERT_WRONG("not a size", "-m", "512X");
    ASSERT_WRONG("not a size", "-m", "");
    ASSERT_WRONG("not a size", "-m", "-5");
    ASSERT_WRONG("not a size", "-m", "1GB");
    ASSERT_WRONG("out of range", "-m", "1M");
    ASSERT_WRONG("out of range", "-m", "99999999999999999999G");
    ASSERT_WRONG("from 1 to 8", "-smp", "0");
    ASSERT_WRONG("from 1 to 8", "-smp", "9");
    ASSERT_WRONG("from 1 to 8", "-smp", "2x");
    ASSERT_WRONG("from 1 to 8", "-smp", "sockets=2");
}

static void wrong_disks(void **state)
{
    (void)state;
    ASSERT_WRONG("needs a file", "--disk", "");
    ASSERT_WRONG("needs a file", "-drive", "if=virtio");
    ASSERT_WRONG("not key=value", "--disk", "f,what");
    ASSERT_WRONG("the option bus is not known for --disk", "--disk", "f,bus=1");
    ASSERT_WRONG("the option file is not known for --disk", "--disk", "f,file=g");
    ASSERT_WRONG("not known for -device", "-device", "virtio-blk-pci,drive=d,cache=none");
    ASSERT_WRONG("-device e1000 is not known", "-device", "e1000");
    ASSERT_WRONG("needs drive=ID", "-device", "virtio-blk-pci");
    ASSERT_WRONG("if=ide is not known: none or virtio is expected", "-drive", "file=f,if=ide");
    ASSERT_WRONG("readonly=yes is not known: on or off is expected", "--disk", "f,readonly=yes");
    ASSERT_WRONG("directsync or unsafe is expected", "--disk", "f,cache=fast");
    ASSERT_WRONG("discard=yes is not known: on, unmap, off or ignore is expected", "--disk",
                 "f,discard=yes");
    ASSERT_WRONG("\"f\" is not key=value; the disk is file=FILE", "-drive", "f");
    ASSERT_WRONG("number from 1 to 16", "--disk", "f,num-queues=17");
    ASSERT_WRONG("not a power of two", "--disk", "f,queue-size=100");
    ASSERT_WRONG("number from 4 to 1024", "--disk", "f,queue-size=2");
    ASSERT_WRONG("number from 512 to 4096", "--disk", "f,logical_block_size=-512");
    ASSERT_WRONG("no -drive if=none has the id x", "-kernel", "k", "-device",
                 "virtio-blk-pci,drive=x");
    ASSERT_WRONG("two devices have drive=x", "-kernel", "k", "-drive", "if=none,id=x,file=f",
                 "-device", "virtio-blk-pci,drive=x", "-device", "virtio-blk-pci,drive=x");
    ASSERT_WRONG("no -device has the drive x", "-kernel", "k", "-drive", "if=none,id=x,file=f");
}

static void too_many_disks(void **state)
{
    const char *words[2 * (MAX_DISKS + 1) + 2] = { "qcow-vmm" };
    struct options options;

    (void)state;
    for (unsigned i = 0; i < MAX_DISKS + 1; i++) {
        words[1 + 2 * i] = "--disk";
        words[2 + 2 * i] = "f";
    }
    assert_int_equal(parse(&options, words), OPTIONS_WRONG);
    assert_reported("more than 31 disks");
    options_free(&options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(one_dash_or_two),
        cmocka_unit_test(disk_of_our_own_words),
        cmocka_unit_test(disks_in_the_words_of_qemu),
        cmocka_unit_test(help_and_version_are_enough_alone),
        cmocka_unit_test(wrong_options),
        cmocka_unit_test(wrong_disks),
        cmocka_unit_test(too_many_disks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
