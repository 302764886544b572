/* SPDX-License-Identifier: BSD-3-Clause */
/* options.c - the command line, understood
 *
 * Every option is a row: its name, taken with one dash or two, its argument, what
 * the help says, and the function that takes it in.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "disk-options.h"
#include "options.h"
#include "report.h"
#include "words.h"

#define MIB (UINT64_C(1) << 20)
#define DEFAULT_MEMORY (512 * MIB)
#define MIN_MEMORY (16 * MIB)
#define MAX_MEMORY (UINT64_C(1) << 40)

/* What is under construction: -drive and -device find each other at the end. */
struct parser {
    struct options *options;
    struct disk_options drives[MAX_DISKS]; /* those of if=none */
    unsigned drive_count;
    bool done; /* help or version has been printed */
};

static int set_text(char **member, const char *argument)
{
    free(*member);
    *member = strdup(argument);
    if (*member)
        return 0;
    report("out of memory for the command line");
    return -1;
}

static int take_kernel(struct parser *parser, const char *argument)
{
    return set_text(&parser->options->kernel, argument);
}

static int take_initrd(struct parser *parser, const char *argument)
{
    return set_text(&parser->options->initrd, argument);
}

static int take_append(struct parser *parser, const char *argument)
{
    return set_text(&parser->options->append, argument);
}

static unsigned shift_of(char suffix)
{
    switch (suffix) {
    case 'k':
    case 'K': return 10;
    case '\0':
    case 'm':
    case 'M': return 20;
    case 'g':
    case 'G': return 30;
    default: return 0;
    }
}

static int take_memory(struct parser *parser, const char *argument)
{
    const char *digits = skip_prefix(argument, "size=");
    char *end;
    uint64_t number = strtoull(digits, &end, 10);
    unsigned shift = shift_of(*end);

    if (*digits < '0' || *digits > '9' || !shift || (*end && end[1])) {
        report("-m %s is not a size: a number and K, M or G", argument);
        return -1;
    }
    if (number > MAX_MEMORY >> shift || number << shift < MIN_MEMORY) {
        report("-m %s is out of range: from %" PRIu64 "M to %" PRIu64 "G", argument,
               MIN_MEMORY >> 20, MAX_MEMORY >> 30);
        return -1;
    }
    parser->options->memory = (number << shift) & ~(MIB - 1);
    return 0;
}

static int take_cpus(struct parser *parser, const char *argument)
{
    const char *digits = skip_prefix(argument, "cpus=");
    char *end;
    unsigned long number = strtoul(digits, &end, 10);

    if (*digits < '0' || *digits > '9' || *end || number < 1 || number > MAX_CPUS) {
        report("-smp %s is not a number of vCPUs from 1 to %d", argument, MAX_CPUS);
        return -1;
    }
    parser->options->cpus = (unsigned)number;
    return 0;
}

static int add(struct disk_options *list, unsigned *count, enum disk_place place,
               const char *argument)
{
    if (*count == MAX_DISKS) {
        report("more than %d disks", MAX_DISKS);
        return -1;
    }
    return disk_options_parse(&list[(*count)++], place, argument);
}

static int take_disk(struct parser *parser, const char *argument)
{
    return add(parser->options->disks, &parser->options->disk_count, PLACE_DISK, argument);
}

static int take_device(struct parser *parser, const char *argument)
{
    return add(parser->options->disks, &parser->options->disk_count, PLACE_DEVICE, argument);
}

static int take_drive(struct parser *parser, const char *argument)
{
    struct options *options = parser->options;

    if (add(parser->drives, &parser->drive_count, PLACE_DRIVE, argument) < 0)
        return -1;
    if (parser->drives[parser->drive_count - 1].detached)
        return 0;
    if (options->disk_count == MAX_DISKS) {
        report("more than %d disks", MAX_DISKS);
        return -1;
    }
    options->disks[options->disk_count++] = parser->drives[--parser->drive_count];
    parser->drives[parser->drive_count] = (struct disk_options){ 0 };
    return 0;
}

static int take_nographic(struct parser *parser, const char *argument)
{
    (void)parser, (void)argument;
    return 0;
}

static int take_no_reboot(struct parser *parser, const char *argument)
{
    (void)argument;
    parser->options->no_reboot = true;
    return 0;
}

static int print_help(struct parser *parser, const char *argument);

static int print_version(struct parser *parser, const char *argument)
{
    (void)argument;
    printf("qcow-vmm %s\n", PACKAGE_VERSION);
    parser->done = true;
    return 0;
}

static const struct option_row {
    const char *name;
    const char *alias;
    const char *argument; /* NULL: takes none */
    const char *help;
    int (*take)(struct parser *parser, const char *argument);
} rows[] = {
    { "kernel", NULL, "FILE", "Linux kernel, a bzImage", take_kernel },
    { "initrd", NULL, "FILE", "initial RAM disk", take_initrd },
    { "append", NULL, "TEXT", "kernel command line", take_append },
    { "m", NULL, "SIZE", "memory, with K, M or G [512M]", take_memory },
    { "smp", NULL, "N", "vCPUs, 1 to 8; also cpus=N [1]", take_cpus },
    { "disk", NULL, "FILE|URI[,KEY=VALUE...]", "a disk: an image, or a running NBD server's export",
      take_disk },
    { "drive", NULL, "KEY=VALUE[,...]", "a disk in QEMU's words", take_drive },
    { "device", NULL, "virtio-blk-pci,KEY=VALUE[,...]", "the guest's side of a -drive if=none",
      take_device },
    { "nographic", NULL, NULL, "accepted: there is never anything but the serial console",
      take_nographic },
    { "no-reboot", NULL, NULL, "end, with status 0, when the guest resets the machine",
      take_no_reboot },
    { "help", "h", NULL, "print this and exit", print_help },
    { "version", "V", NULL, "print the version and exit", print_version },
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])

static int print_help(struct parser *parser, const char *argument)
{
    (void)argument;
    puts("Usage: qcow-vmm -kernel FILE [OPTION...]\n"
         "Boots Linux from a qcow2 image in a small virtual machine.\n");
    for (size_t i = 0; i < ROW_COUNT; i++) {
        char left[64];
        snprintf(left, sizeof left, "-%s%s%s%s%s", rows[i].name, rows[i].alias ? ", -" : "",
                 rows[i].alias ? rows[i].alias : "", rows[i].argument ? " " : "",
                 rows[i].argument ? rows[i].argument : "");
        printf("  %-40s %s\n", left, rows[i].help);
    }
    puts("\nAn option is taken with one dash or two.  What a disk's keys mean, and where they "
         "stand:\n");
    disk_options_print(stdout);
    puts("\nOn the console Ctrl-A x quits, Ctrl-A Ctrl-A sends Ctrl-A.");
    parser->done = true;
    return 0;
}

static const struct option_row *find_row(const char *word)
{
    const char *name = word;

    if (*name++ != '-')
        return NULL;
    name += *name == '-';
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (strcmp(rows[i].name, name) == 0 || (rows[i].alias && strcmp(rows[i].alias, name) == 0))
            return &rows[i];
    return NULL;
}

/* The -device takes the -drive's source and how to treat it. */
static void marry(struct disk_options *device, struct disk_options *drive)
{
    device->source = drive->source;
    device->is_uri = drive->is_uri;
    device->format = drive->format;
    device->readonly = drive->readonly;
    device->backing = drive->backing;
    device->cache = drive->cache;
    device->writethrough = drive->writethrough;
    device->discard = device->discard && drive->discard;
    drive->source = drive->format = NULL;
}

static struct disk_options *find_drive(struct parser *parser, const char *id)
{
    for (unsigned i = 0; i < parser->drive_count; i++)
        if (parser->drives[i].id && strcmp(parser->drives[i].id, id) == 0)
            return &parser->drives[i];
    return NULL;
}

static int resolve_devices(struct parser *parser)
{
    for (unsigned i = 0; i < parser->options->disk_count; i++) {
        struct disk_options *device = &parser->options->disks[i];
        if (!device->drive)
            continue;
        struct disk_options *drive = find_drive(parser, device->drive);
        if (!drive || !drive->source) {
            report(drive ? "two devices have drive=%s" : "no -drive if=none has the id %s",
                   device->drive);
            return -1;
        }
        marry(device, drive);
    }
    for (unsigned i = 0; i < parser->drive_count; i++)
        if (parser->drives[i].source) {
            report("no -device has the drive %s",
                   parser->drives[i].id ? parser->drives[i].id : parser->drives[i].source);
            return -1;
        }
    return 0;
}

static int parse_words(struct parser *parser, int argc, char *const argv[])
{
    for (int i = 1; i < argc && !parser->done; i++) {
        const struct option_row *row = find_row(argv[i]);
        if (!row) {
            report(*argv[i] == '-'
                       ? "%s is not an option; see qcow-vmm --help"
                       : "%s is not an option: -kernel goes before a kernel, -disk before "
                         "a disk",
                   argv[i]);
            return -1;
        }
        if (row->argument && i + 1 == argc) {
            report("%s needs %s", argv[i], row->argument);
            return -1;
        }
        if (row->take(parser, row->argument ? argv[++i] : NULL) < 0)
            return -1;
    }
    return 0;
}

static int complete(struct parser *parser)
{
    if (resolve_devices(parser) < 0)
        return -1;
    if (parser->options->kernel)
        return 0;
    report("-kernel FILE is needed; see qcow-vmm --help");
    return -1;
}

enum options_result options_parse(struct options *options, int argc, char *const argv[])
{
    struct parser parser = { .options = options };
    int result;

    *options = (struct options){ .memory = DEFAULT_MEMORY, .cpus = 1 };
    result = parse_words(&parser, argc, argv);
    if (result == 0 && !parser.done)
        result = complete(&parser);
    for (unsigned i = 0; i < parser.drive_count; i++)
        disk_options_free(&parser.drives[i]);
    return result < 0 ? OPTIONS_WRONG : parser.done ? OPTIONS_DONE : OPTIONS_RUN;
}

void options_free(struct options *options)
{
    free(options->kernel);
    free(options->initrd);
    free(options->append);
    for (unsigned i = 0; i < options->disk_count; i++)
        disk_options_free(&options->disks[i]);
    *options = (struct options){ 0 };
}
