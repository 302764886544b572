/* SPDX-License-Identifier: BSD-3-Clause */
/* disk-options.c - key=value lists that describe a disk
 *
 * A list is WORD,key=value,...; a comma inside a value is written twice.  Every
 * key is a row of the table: what it is called, where it may stand, what values
 * it takes and which member they go to.
 */

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "disk-options.h"
#include "report.h"
#include "virtqueue.h"
#include "words.h"

enum kind {
    TEXT,
    SWITCH, /* words for true, words for false */
    CHOICE, /* one of words, kept as it is */
    NUMBER, /* min to max */
    POWER,  /* of two, min to max */
};

#define MEMBER(member) offsetof(struct disk_options, member)
#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define WHERE_FILE (PLACE_DISK | PLACE_DRIVE)
#define WHERE_DEVICE (PLACE_DISK | PLACE_DEVICE)

static const struct key {
    const char *name;
    unsigned places;
    enum kind kind;
    size_t member;
    unsigned min, max;
    const char *const *words;
    const char *const *false_words;
    const char *help;
} keys[] = {
    { "file", PLACE_DRIVE, TEXT, MEMBER(source), 0, 0, NULL, NULL, "a file or an NBD URI" },
    { "if", PLACE_DRIVE, SWITCH, MEMBER(detached), 0, 0, WORDS("none"), WORDS("virtio"),
      "none (a -device names it) or virtio" },
    { "id", PLACE_DRIVE | PLACE_DEVICE, TEXT, MEMBER(id), 0, 0, NULL, NULL,
      "a name for -device to use" },
    { "drive", PLACE_DEVICE, TEXT, MEMBER(drive), 0, 0, NULL, NULL,
      "the id of the -drive that the device shows" },
    { "format", WHERE_FILE, TEXT, MEMBER(format), 0, 0, NULL, NULL,
      "of the file: qcow2 or raw [qcow2]" },
    { "backing", WHERE_FILE, CHOICE, MEMBER(backing), 0, 0, WORDS("allow", "refuse"), NULL,
      "allow or refuse an image that names a backing file [allow]" },
    { "readonly", WHERE_FILE, SWITCH, MEMBER(readonly), 0, 0, WORDS("on"), WORDS("off"),
      "on: the guest cannot write [off]" },
    { "cache", WHERE_FILE, CHOICE, MEMBER(cache), 0, 0,
      WORDS("writeback", "writethrough", "none", "directsync", "unsafe"), NULL,
      "writeback, writethrough, none, directsync or unsafe [writeback]" },
    { "discard", PLACE_DISK | PLACE_DRIVE | PLACE_DEVICE, SWITCH, MEMBER(discard), 0, 0,
      WORDS("on", "unmap"), WORDS("off", "ignore"), "off: the guest cannot discard [on]" },
    { "write-zeroes", WHERE_DEVICE, SWITCH, MEMBER(write_zeroes), 0, 0, WORDS("on"), WORDS("off"),
      "off: the guest cannot write zeroes in one go [on]" },
    { "serial", WHERE_DEVICE, TEXT, MEMBER(serial), 0, 0, NULL, NULL,
      "serial number; the guest sees 20 bytes of it" },
    { "num-queues", WHERE_DEVICE, NUMBER, MEMBER(num_queues), 1, 16, NULL, NULL,
      "virtqueues [one for each vCPU]" },
    { "queue-size", WHERE_DEVICE, POWER, MEMBER(queue_size), 4, VIRTQUEUE_MAX_SIZE, NULL, NULL,
      "requests a queue holds, a power of two [256]" },
    { "logical_block_size", WHERE_DEVICE, POWER, MEMBER(logical_block_size), 512, 4096, NULL, NULL,
      "bytes, a power of two [as the server says]" },
    { "bootindex", PLACE_DEVICE, NUMBER, MEMBER(boot_index), 0, 9999, NULL, NULL,
      "accepted: the kernel is given, not found on a disk" },
};

static void *member_of(struct disk_options *disk, const struct key *key)
{
    return (uint8_t *)disk + key->member;
}

/* The word's copy in the list, NULL if it is not there. */
static const char *find_word(const char *const *words, const char *value)
{
    for (; words && *words; words++)
        if (strcmp(*words, value) == 0)
            return *words;
    return NULL;
}

static size_t count_words(const char *const *words)
{
    size_t count = 0;

    while (words && words[count])
        count++;
    return count;
}

/* Tells all that are known: "on or off", "a, b or c". */
static int unknown_word(const struct key *key, const char *value)
{
    size_t yes = count_words(key->words), count = yes + count_words(key->false_words);
    char known[100];
    size_t used = 0;

    for (size_t i = 0; i < count && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s",
                                 i < yes ? key->words[i] : key->false_words[i - yes],
                                 i + 2 < count    ? ", "
                                 : i + 2 == count ? " or "
                                                  : "");
    report("%s=%s is not known: %s is expected", key->name, value, known);
    return -1;
}

static int set_text(struct disk_options *disk, const struct key *key, const char *value)
{
    char **member = member_of(disk, key);

    free(*member);
    *member = strdup(value);
    if (*member)
        return 0;
    report("out of memory for the option %s", key->name);
    return -1;
}

static int set_switch(struct disk_options *disk, const struct key *key, const char *value)
{
    bool on = find_word(key->words, value);

    if (!on && !find_word(key->false_words, value))
        return unknown_word(key, value);
    *(bool *)member_of(disk, key) = on;
    return 0;
}

static int set_choice(struct disk_options *disk, const struct key *key, const char *value)
{
    const char *word = find_word(key->words, value);

    if (!word)
        return unknown_word(key, value);
    *(const char **)member_of(disk, key) = word;
    return 0;
}

static int set_number(struct disk_options *disk, const struct key *key, const char *value)
{
    char *end;
    unsigned long number = strtoul(value, &end, 10);

    if (*value < '0' || *value > '9' || *end || number < key->min || number > key->max) {
        report("%s=%s is not a number from %u to %u", key->name, value, key->min, key->max);
        return -1;
    }
    if (key->kind == POWER && number & (number - 1)) {
        report("%s=%s is not a power of two", key->name, value);
        return -1;
    }
    *(unsigned *)member_of(disk, key) = (unsigned)number;
    return 0;
}

static int set_key(struct disk_options *disk, enum disk_place place, const char *name,
                   const char *value)
{
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const struct key *key = &keys[i];
        if (!(key->places & place) || strcmp(key->name, name) != 0)
            continue;
        switch (key->kind) {
        case TEXT: return set_text(disk, key, value);
        case SWITCH: return set_switch(disk, key, value);
        case CHOICE: return set_choice(disk, key, value);
        case NUMBER:
        case POWER: return set_number(disk, key, value);
        }
    }
    report("the option %s is not known for %s; see qcow-vmm --help", name,
           place == PLACE_DRIVE    ? "-drive"
           : place == PLACE_DEVICE ? "-device virtio-blk-pci"
                                   : "--disk");
    return -1;
}

/* Copies the next element of a list, doubled commas made single; the rest of the list. */
static const char *take_element(const char *from, char *element)
{
    while (*from && (*from != ',' || from[1] == ',')) {
        from += *from == ',';
        *element++ = *from++;
    }
    *element = '\0';
    return *from ? from + 1 : from;
}

static bool is_uri(const char *source)
{
    static const char *const schemes[] = {
        "nbd://", "nbds://", "nbd+unix://", "nbds+unix://", "nbd+vsock://", "nbds+vsock://", NULL
    };

    for (const char *const *scheme = schemes; *scheme; scheme++)
        if (begins(source, *scheme))
            return true;
    return false;
}

static int parse_first(struct disk_options *disk, enum disk_place place, const char *word)
{
    if (place == PLACE_DISK)
        return set_text(disk, &keys[0], word);
    if (strcmp(word, "virtio-blk-pci") == 0 || strcmp(word, "virtio-blk") == 0)
        return 0;
    report("-device %s is not known: virtio-blk-pci is the only one", word);
    return -1;
}

static int parse_pair(struct disk_options *disk, enum disk_place place, char *pair)
{
    char *value = strchr(pair, '=');

    if (!value) {
        report(place == PLACE_DRIVE ? "\"%s\" is not key=value; the disk is file=FILE"
                                    : "\"%s\" is not key=value",
               pair);
        return -1;
    }
    *value++ = '\0';
    return set_key(disk, place, pair, value);
}

static int check(struct disk_options *disk, enum disk_place place)
{
    if (place == PLACE_DEVICE) {
        if (!disk->drive)
            report("-device virtio-blk-pci needs drive=ID");
        return disk->drive ? 0 : -1;
    }
    if (!disk->source || !*disk->source) {
        report("a disk needs a file or an NBD URI");
        return -1;
    }
    disk->is_uri = is_uri(disk->source);
    disk->writethrough = find_word(WORDS("writethrough", "directsync"), disk->cache);
    return 0;
}

int disk_options_parse(struct disk_options *disk, enum disk_place place, const char *argument)
{
    const char *rest = argument;
    char *element = malloc(strlen(argument) + 1);
    int result = 0;

    *disk = (struct disk_options){
        .backing = "allow",
        .cache = "writeback",
        .discard = true,
        .write_zeroes = true,
        .queue_size = 256,
    };
    if (!element) {
        report("out of memory for the options of a disk");
        return -1;
    }
    for (bool first = place != PLACE_DRIVE; result == 0 && *rest; first = false) {
        rest = take_element(rest, element);
        result = first ? parse_first(disk, place, element) : parse_pair(disk, place, element);
    }
    free(element);
    return result == 0 ? check(disk, place) : result;
}

void disk_options_free(struct disk_options *disk)
{
    free(disk->source);
    free(disk->format);
    free(disk->id);
    free(disk->drive);
    free(disk->serial);
    *disk = (struct disk_options){ 0 };
}

void disk_options_print(FILE *to)
{
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        fprintf(to, "  %-20s%-9s%-8s%-9s%s\n", keys[i].name,
                keys[i].places & PLACE_DISK ? "--disk" : "",
                keys[i].places & PLACE_DRIVE ? "-drive" : "",
                keys[i].places & PLACE_DEVICE ? "-device" : "", keys[i].help);
}
