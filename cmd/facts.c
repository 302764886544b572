/* SPDX-License-Identifier: BSD-3-Clause */
/* facts.c - what can be said about an image, for info, snapshot -l and qcow-io's info
 *
 * The facts are JSON values in either case; the text for people is printed from them.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "facts.h"
#include "human.h"
#include "json.h"
#include "message.h"

static json_t *has(const qcow2_info *info, uint32_t feature)
{
    return json_boolean((info->features & feature) != 0);
}

static json_t *facts_of_keyslots(const qcow2_encryption *encryption)
{
    json_t *slots = json_array();

    for (size_t i = 0; i < QCOW2_KEYSLOTS; i++) {
        const qcow2_keyslot *slot = &encryption->slots[i];
        json_t *facts = json_object();

        json_put(facts, "active", json_boolean(slot->active));
        if (slot->active)
            json_put(facts, "iters", json_number(slot->iterations));
        json_put(facts, "key-offset", json_number(slot->key_offset));
        if (slot->active)
            json_put(facts, "stripes", json_number(slot->stripes));
        json_array_append_new(slots, facts);
    }
    return slots;
}

/* The format is told only where there is a choice. */
static json_t *facts_of_luks(const qcow2_encryption *encryption, const char *format)
{
    json_t *facts = json_object();

    json_put(facts, "ivgen-alg", json_text(encryption->ivgen_alg));
    json_put(facts, "hash-alg", json_text(encryption->hash_alg));
    json_put(facts, "cipher-alg", json_text(encryption->cipher_alg));
    json_put(facts, "uuid", json_text(encryption->uuid));
    if (encryption->ivgen_hash_alg)
        json_put(facts, "ivgen-hash-alg", json_text(encryption->ivgen_hash_alg));
    if (format)
        json_put(facts, "format", json_text(format));
    json_put(facts, "cipher-mode", json_text(encryption->cipher_mode));
    json_put(facts, "slots", facts_of_keyslots(encryption));
    json_put(facts, "payload-offset", json_number(encryption->payload_offset));
    json_put(facts, "master-key-iters", json_number(encryption->master_key_iterations));
    return facts;
}

static json_t *facts_of_encryption(qcow2_image *image, const char *format)
{
    qcow2_encryption encryption;
    json_t *facts;

    if (qcow2_get_encryption(image, &encryption, sizeof encryption))
        return json_object();
    if (encryption.cipher_alg)
        return facts_of_luks(&encryption, format);
    facts = json_object();
    json_put(facts, "format", json_text(encryption.format));
    return facts;
}

static int add_bitmap(void *opaque, const qcow2_bitmap *bitmap)
{
    json_t *facts = json_object(), *flags = json_array();

    if (bitmap->flags & QCOW2_BITMAP_INCONSISTENT)
        json_array_append_new(flags, json_text("in-use"));
    if (bitmap->flags & QCOW2_BITMAP_ENABLED)
        json_array_append_new(flags, json_text("auto"));
    json_put(facts, "flags", flags);
    json_put(facts, "name", json_text(bitmap->name));
    json_put(facts, "granularity", json_number(bitmap->granularity));
    return json_array_append_new(opaque, facts);
}

json_t *facts_of_bitmaps(qcow2_image *image)
{
    json_t *bitmaps = json_array();

    if (qcow2_bitmap_list(image, add_bitmap, bitmaps) == 0)
        return bitmaps;
    json_decref(bitmaps);
    return NULL;
}

/* Version 2 has none of the features that the others describe. */
json_t *facts_of_format(qcow2_image *image, const qcow2_info *info, json_t *bitmaps)
{
    json_t *data;

    if (strcmp(info->format, "luks") == 0)
        return facts_of_encryption(image, NULL);
    if (strcmp(info->format, "qcow2") != 0)
        return NULL;
    data = json_object();
    json_put(data, "compat", json_text(info->version == 2 ? "0.10" : "1.1"));
    json_put(data, "compression-type", json_text(info->compression_type == 0 ? "zlib" : "zstd"));
    if (info->version >= 3)
        json_put(data, "lazy-refcounts", has(info, QCOW2_FEATURE_LAZY_REFCOUNTS));
    if (json_array_size(bitmaps) > 0)
        json_put(data, "bitmaps", json_incref(bitmaps));
    json_put(data, "refcount-bits", json_number(info->refcount_bits));
    if (info->crypt_method)
        json_put(data, "encrypt", facts_of_encryption(image, "luks"));
    if (info->features & QCOW2_FEATURE_DATA_FILE) {
        if (info->data_file)
            json_put(data, "data-file", json_text(info->data_file));
        json_put(data, "data-file-raw", has(info, QCOW2_FEATURE_DATA_FILE_RAW));
    }
    if (info->version >= 3) {
        json_put(data, "corrupt", has(info, QCOW2_FEATURE_CORRUPT));
        json_put(data, "extended-l2", has(info, QCOW2_FEATURE_EXTENDED_L2));
    }
    return data;
}

/* ------------------------------------------------------------------------------------------------
 * Snapshots
 */

static const uint64_t second = UINT64_C(1000000000); /* in nanoseconds */

static int add_snapshot(void *opaque, const qcow2_snapshot *snapshot)
{
    json_t *facts = json_object();

    if (snapshot->icount != UINT64_MAX)
        json_put(facts, "icount", json_number(snapshot->icount));
    json_put(facts, "vm-clock-nsec", json_number(snapshot->vm_clock_nsec % second));
    json_put(facts, "name", json_text(snapshot->name));
    json_put(facts, "date-sec", json_number(snapshot->date_sec));
    json_put(facts, "date-nsec", json_number(snapshot->date_nsec));
    json_put(facts, "vm-clock-sec", json_number(snapshot->vm_clock_nsec / second));
    json_put(facts, "id", json_text(snapshot->id));
    json_put(facts, "vm-state-size", json_number(snapshot->vm_state_size));
    return json_array_append_new(opaque, facts);
}

json_t *facts_of_snapshots(qcow2_image *image)
{
    json_t *snapshots = json_array();

    if (qcow2_snapshot_list(image, add_snapshot, snapshots) == 0 || qcow2_get_errno() == ENOTSUP)
        return snapshots;
    json_decref(snapshots);
    return NULL;
}

static uint64_t number_of(const json_t *facts, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(facts, key));
}

static char *text_of(const json_t *facts, const char *key)
{
    return printable(json_string_value(json_object_get(facts, key)));
}

static void print_snapshot(const json_t *facts)
{
    CLEANUP_FREE char *id = text_of(facts, "id");
    CLEANUP_FREE char *name = text_of(facts, "name");
    time_t date_sec = (time_t)number_of(facts, "date-sec");
    uint64_t clock_sec = number_of(facts, "vm-clock-sec");
    char size[HUMAN_SIZE_LENGTH], date[64] = "", clock[64], icount[32] = "";
    struct tm tm;

    if (localtime_r(&date_sec, &tm))
        strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &tm);
    snprintf(clock, sizeof clock, "%02" PRIu64 ":%02u:%02u.%03u", clock_sec / 3600,
             (unsigned)(clock_sec / 60 % 60), (unsigned)(clock_sec % 60),
             (unsigned)(number_of(facts, "vm-clock-nsec") / 1000000));
    if (json_object_get(facts, "icount"))
        snprintf(icount, sizeof icount, "%" PRIu64, number_of(facts, "icount"));
    printf("%-9s %-16s %8s%20s%13s%11s\n", id, name,
           human_size(size, number_of(facts, "vm-state-size")), date, clock, icount);
}

void facts_print_snapshots(const json_t *snapshots)
{
    size_t index;
    json_t *facts;

    if (json_array_size(snapshots) == 0)
        return;
    printf("Snapshot list:\n%-9s %-16s %8s%20s%13s%11s\n", "ID", "TAG", "VM SIZE", "DATE",
           "VM CLOCK", "ICOUNT");
    json_array_foreach(snapshots, index, facts) print_snapshot(facts);
}
