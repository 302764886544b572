/* SPDX-License-Identifier: BSD-3-Clause */
/* audit-image.c - what there is to find in an image
 *
 *     format        is it what it seems to be, and does everybody see the same in it?
 *     names         of other files, which would be opened with the rights of whoever opens this one
 *     state         marks of damage, features that nobody knows
 *     encryption    a password costs what the image says it costs
 *     snapshots     states of machines, as dangerous as programs
 *     structure     the check's result
 *     content       how much comes out of how little; what the disks themselves look like
 *                   (audit-content.c)
 *
 * The facts: format, version, virtual-size, file-length, actual-size, features, backing-file,
 * backing-format, data-file, snapshots, corruptions, leaks, check-errors, mapped-bytes.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "cleanup.h"
#include "image-open.h"
#include "json.h"
#include "message.h"
#include "path.h"
#include "words.h"

#define MIB (UINT64_C(1) << 20)
#define TIB (UINT64_C(1) << 40)

enum {
    MANY_SNAPSHOTS = 1000,
    MANY_FINDINGS = 3, /* of a check, told one by one */
};

/* The largest file that ext4 holds. */
#define LARGE_DISK (16 * TIB)

/* Tables of this size are no burden, whatever they are for. */
#define SMALL_TABLE (1 * MIB)

/* ------------------------------------------------------------------------------------------------
 * Names
 */

static bool is_printable(const char *text)
{
    CLEANUP_FREE char *safe = printable(text);

    return strcmp(safe, text) == 0;
}

static void find_unprintable(audit *a, const char *what, const char *text)
{
    if (text && !is_printable(text))
        audit_find(a, AUDIT_CAUTION, "unprintable-name",
                   "the name of a %s has characters that a terminal would obey, or that are no "
                   "text: '%s'",
                   what, text);
}

/* What makes a name worse than that it is there. */
static void find_in_name(audit *a, const char *what, const char *name)
{
    if (path_has_protocol(name))
        audit_find(a, AUDIT_DANGER, "protocol-name",
                   "the name of the %s is not that of a file: other programs may connect to a "
                   "server, or read options from it",
                   what);
    else if (name[0] == '/')
        audit_find(a, AUDIT_DANGER, "absolute-name",
                   "the name of the %s is absolute: it means the same file wherever the image is",
                   what);
    else if (begins(name, "../") || strstr(name, "/../"))
        audit_find(a, AUDIT_DANGER, "upward-name",
                   "the name of the %s leads out of the image's folder", what);
    find_unprintable(a, what, name);
}

static void examine_names(audit *a, const qcow2_info *info)
{
    if (info->backing_filename) {
        json_put(a->facts, "backing-file", json_text(info->backing_filename));
        audit_find(a, AUDIT_DANGER, "backing-file",
                   "whoever opens the image opens this file, too: '%s'", info->backing_filename);
        find_in_name(a, "backing file", info->backing_filename);
        if (info->backing_format)
            json_put(a->facts, "backing-format", json_text(info->backing_format));
        else
            audit_find(a, AUDIT_DANGER, "backing-format-missing",
                       "the format of the backing file is not recorded: its content would decide");
        find_unprintable(a, "backing format", info->backing_format);
    }
    if (info->features & QCOW2_FEATURE_DATA_FILE) {
        const char *name = info->data_file ? info->data_file : "";

        json_put(a->facts, "data-file", json_text(name));
        audit_find(a, AUDIT_DANGER, "data-file",
                   "whoever opens the image reads and writes this file: '%s'", name);
        find_in_name(a, "data file", name);
    }
}

/* ------------------------------------------------------------------------------------------------
 * State and features
 */

static void collect_features(audit *a, const qcow2_info *info)
{
    static const struct {
        uint32_t feature;
        const char *name;
    } rows[] = {
        { QCOW2_FEATURE_DIRTY, "dirty" },
        { QCOW2_FEATURE_CORRUPT, "corrupt" },
        { QCOW2_FEATURE_DATA_FILE, "data-file" },
        { QCOW2_FEATURE_EXTENDED_L2, "extended-l2" },
        { QCOW2_FEATURE_LAZY_REFCOUNTS, "lazy-refcounts" },
        { QCOW2_FEATURE_BITMAPS, "bitmaps" },
        { QCOW2_FEATURE_DATA_FILE_RAW, "data-file-raw" },
    };
    json_t *features = json_array();

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (info->features & rows[i].feature)
            json_array_append_new(features, json_text(rows[i].name));
    if (info->compression_type == 1)
        json_array_append_new(features, json_text("zstd"));
    if (info->crypt_method)
        json_array_append_new(features, json_text(info->crypt_method == 2 ? "luks" : "aes"));
    json_put(a->facts, "features", features);
}

static void examine_state(audit *a, const qcow2_info *info)
{
    if (info->features & QCOW2_FEATURE_CORRUPT)
        audit_find(a, AUDIT_DANGER, "corrupt", "the image is marked as corrupt");
    if (info->features & QCOW2_FEATURE_DIRTY)
        audit_find(a, AUDIT_CAUTION, "dirty",
                   "the image is marked as dirty: whoever opens it for writing repairs it first");
    if (info->unknown_features)
        audit_find(a, AUDIT_CAUTION, "unknown-features",
                   "the image has features that nobody here knows, which may be ignored");
    if (strcmp(info->format, "qcow") == 0)
        audit_find(a, AUDIT_CAUTION, "old-format", "qcow version 1 has been out of use for years");
}

static void examine_sizes(audit *a, const qcow2_info *info)
{
    uint64_t needed; /* bytes of L1 table */

    if (info->virtual_size > LARGE_DISK)
        audit_find(a, AUDIT_CAUTION, "large-disk",
                   "the disk is larger than the files that most file systems can hold");
    if (info->cluster_size == 0 || strcmp(info->format, "qcow2") != 0)
        return;
    /* with 16 bytes for each cluster at most, an L2 table maps at least cluster_size / 16 of
     * them */
    needed = info->virtual_size / info->cluster_size / (info->cluster_size / 16) * 8;
    if (info->l1_table_size > SMALL_TABLE && info->l1_table_size / 4 > needed)
        audit_find(a, AUDIT_CAUTION, "wide-tables",
                   "the L1 table takes %" PRIu64 " bytes, far more than the disk needs",
                   info->l1_table_size);
    if (info->refcount_table_size > info->cluster_size && info->refcount_table_size > SMALL_TABLE &&
        info->refcount_table_size > info->file_length / 16)
        audit_find(a, AUDIT_CAUTION, "wide-tables",
                   "the refcount table takes %" PRIu64 " bytes of a file of %" PRIu64,
                   info->refcount_table_size, info->file_length);
}

static void examine_encryption(audit *a, qcow2_image *image, const qcow2_info *info)
{
    qcow2_encryption encryption;

    if (info->crypt_method == 0)
        return;
    audit_find(a, AUDIT_CAUTION, "encrypted",
               "the content is encrypted: nothing can be said about it");
    if (qcow2_get_encryption(image, &encryption, sizeof encryption)) {
        audit_find(a, AUDIT_DANGER, "encryption-header", "%s", qcow2_get_error());
        return;
    }
    if (encryption.password_rounds > QCOW2_MOST_UNTRUSTED_ROUNDS)
        audit_find(a, AUDIT_DANGER, "costly-password",
                   "to try a password takes %" PRIu64 " rounds of PBKDF2",
                   encryption.password_rounds);
}

/* ------------------------------------------------------------------------------------------------
 * Snapshots and bitmaps
 */

typedef struct {
    audit *audit;
    bool has_unprintable; /* which was told: one of a list is enough */
    uint64_t with_vm_state;
} list_walk;

static void look_at_text(list_walk *walk, const char *what, const char *text)
{
    if (walk->has_unprintable || is_printable(text))
        return;
    find_unprintable(walk->audit, what, text);
    walk->has_unprintable = true;
}

static int look_at_snapshot(void *opaque, const qcow2_snapshot *snapshot)
{
    list_walk *walk = opaque;

    walk->with_vm_state += snapshot->vm_state_size > 0;
    look_at_text(walk, "snapshot", snapshot->id);
    look_at_text(walk, "snapshot", snapshot->name);
    return 0;
}

static void examine_snapshots(audit *a, qcow2_image *image, const qcow2_info *info)
{
    list_walk walk = { .audit = a };

    json_put(a->facts, "snapshots", json_number(info->nb_snapshots));
    if (qcow2_snapshot_list(image, look_at_snapshot, &walk) == -1)
        audit_find(a, AUDIT_DANGER, "snapshot-table", "%s", qcow2_get_error());
    if (walk.with_vm_state)
        audit_find(a, AUDIT_CAUTION, "vm-state",
                   "a snapshot holds the state of a machine: to load it is to run a stranger's "
                   "program");
    if (info->nb_snapshots > MANY_SNAPSHOTS)
        audit_find(a, AUDIT_CAUTION, "many-snapshots", "it has %" PRIu32 " snapshots",
                   info->nb_snapshots);
}

static int look_at_bitmap(void *opaque, const qcow2_bitmap *bitmap)
{
    list_walk *walk = opaque;

    if (bitmap->flags & QCOW2_BITMAP_INCONSISTENT)
        audit_find(walk->audit, AUDIT_CAUTION, "bitmap-in-use",
                   "a bitmap was not closed, and is of no use: '%s'", bitmap->name);
    look_at_text(walk, "bitmap", bitmap->name);
    return 0;
}

static void examine_bitmaps(audit *a, qcow2_image *image)
{
    list_walk walk = { .audit = a };

    if (qcow2_bitmap_list(image, look_at_bitmap, &walk) == -1)
        audit_find(a, AUDIT_DANGER, "bitmap-directory", "%s", qcow2_get_error());
}

/* ------------------------------------------------------------------------------------------------
 * Structure
 */

typedef struct {
    char *sentences[MANY_FINDINGS];
    size_t count;
    uint64_t nb_beyond;                /* references to what lies beyond the end of the file, */
    uint64_t first_beyond, end_beyond; /* and between which offsets that is */
} check_findings;

static void note_beyond(check_findings *found, const char *message)
{
    static const char beginning[] = "ERROR: counting reference for region exceeding the end of the "
                                    "file by one cluster or more: offset 0x";
    uint64_t offset, size;

    if (!begins(message, beginning) ||
        sscanf(message + strlen(beginning), "%" SCNx64 " size 0x%" SCNx64, &offset, &size) != 2)
        return;
    if (found->nb_beyond++ == 0 || offset < found->first_beyond)
        found->first_beyond = offset;
    if (size <= UINT64_MAX - offset && offset + size > found->end_beyond)
        found->end_beyond = offset + size;
}

static void keep_finding(void *opaque, const char *message)
{
    check_findings *found = opaque;

    note_beyond(found, message);
    if (found->count < MANY_FINDINGS && !begins(message, "Leaked"))
        found->sentences[found->count++] = xstrdup(message);
}

/* What a program that postpones its counts leaves when it crashes. */
static bool counts_are_behind(const qcow2_info *info, const qcow2_check_result *r)
{
    return info->features & QCOW2_FEATURE_DIRTY && r->check_errors == 0 &&
           r->corruptions == r->uncounted;
}

static void report_check(audit *a, const qcow2_info *info, const qcow2_check_result *r,
                         const check_findings *found)
{
    json_put(a->facts, "corruptions", json_number(r->corruptions));
    json_put(a->facts, "leaks", json_number(r->leaks));
    json_put(a->facts, "check-errors", json_number(r->check_errors));
    if (found->nb_beyond > 0)
        audit_find(a, AUDIT_DANGER, "cut-off",
                   "it is cut off, as by a copy that did not end, or damaged: the file ends at "
                   "0x%" PRIx64 ", its tables name what would be there from 0x%" PRIx64
                   " to 0x%" PRIx64,
                   info->file_length, found->first_beyond, found->end_beyond);
    if (r->corruptions && counts_are_behind(info, r)) {
        audit_find(a, AUDIT_CAUTION, "repair-needed",
                   "reference counts are behind (%" PRIu64 "), which a crash of whoever wrote it "
                   "explains, and a repair mends",
                   r->corruptions);
    } else if (r->corruptions || r->check_errors) {
        audit_find(a, AUDIT_DANGER, "damaged",
                   "its structure has errors (%" PRIu64 "): writing may destroy more",
                   r->corruptions + r->check_errors);
        for (size_t i = 0; i < found->count; i++)
            audit_find(a, AUDIT_DANGER, "damage", "%s", found->sentences[i]);
    }
    if (r->leaks)
        audit_find(a, AUDIT_CAUTION, "leaks", "clusters are in use for nothing (%" PRIu64 ")",
                   r->leaks);
}

static void examine_structure(audit *a, qcow2_image *image, const qcow2_info *info)
{
    check_findings found = { .count = 0 };
    qcow2_check_result result = { 0 };

    if (qcow2_check(image, 0, &result, sizeof result, keep_finding, &found))
        audit_find(a, AUDIT_DANGER, "damaged", "%s", qcow2_get_error());
    else
        report_check(a, info, &result, &found);
    while (found.count > 0)
        free(found.sentences[--found.count]);
}

/* ------------------------------------------------------------------------------------------------
 * The audit
 */

static void collect_facts(audit *a, const qcow2_info *info)
{
    json_put(a->facts, "format", json_text(info->format));
    if (info->version)
        json_put(a->facts, "version", json_number(info->version));
    json_put(a->facts, "virtual-size", json_number(info->virtual_size));
    json_put(a->facts, "file-length", json_number(info->file_length));
    if (info->actual_size != UINT64_MAX)
        json_put(a->facts, "actual-size", json_number(info->actual_size));
    collect_features(a, info);
}

static void examine(audit *a, qcow2_image *image, uint32_t flags)
{
    qcow2_info info;

    if (qcow2_get_info(image, &info, sizeof info)) {
        audit_find(a, AUDIT_FAILED, "unreadable", "%s", qcow2_get_error());
        return;
    }
    collect_facts(a, &info);
    if (strcmp(info.format, "raw") == 0) {
        audit_find(a, AUDIT_CAUTION, "raw",
                   "anybody who writes to a raw disk decides what it looks like: name the format "
                   "wherever it is used");
        audit_content(a, &info, flags);
        return;
    }
    examine_names(a, &info);
    examine_state(a, &info);
    examine_sizes(a, &info);
    examine_encryption(a, image, &info);
    if (strcmp(info.format, "qcow2") == 0) {
        examine_snapshots(a, image, &info);
        examine_bitmaps(a, image);
        examine_structure(a, image, &info);
    }
    audit_content(a, &info, flags);
}

void audit_image(audit *a, uint32_t flags, uint64_t wait)
{
    const char *format = qcow2_probe(a->filename);
    CLEANUP_FREE char *why = NULL;
    CLEANUP_IMAGE qcow2_image *image = NULL;
    image_source source = {
        .filename = a->filename,
        .is_path = true,
        .format = format,
        .wait = wait,
        .flags = flags | QCOW2_OPEN_READ_ONLY | QCOW2_OPEN_CHECK,
        .backing = QCOW2_BACKING_IGNORE,
    };

    if (!format) {
        audit_find(a, AUDIT_FAILED, "unreadable", "%s", qcow2_get_error());
        return;
    }
    image = try_open_image(&source, &why);
    if (image)
        examine(a, image, flags | QCOW2_OPEN_READ_ONLY);
    else if (qcow2_get_errno() == EBUSY)
        audit_find(a, AUDIT_FAILED, "locked", "%s", why);
    else if (format_known(format))
        audit_find(a, AUDIT_DANGER, "malformed", "%s", why);
    else
        audit_find(a, AUDIT_FAILED, "format", "its format is %s, which is not audited", format);
}
