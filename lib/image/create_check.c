/* SPDX-License-Identifier: BSD-3-Clause */
/* create_check.c - which options of a new image exclude each other, a row per rule
 *
 * Of several rules that are broken the first is told: they stand in the order in which QEMU looks.
 */

#include "image/create_check.h"

#include <errno.h>
#include <inttypes.h>

#include "base/bits.h"
#include "base/error.h"
#include "format/geometry.h"
#include "image/encryption.h"
#include "image/named.h"

#define NEW_LEVEL "compatibility level 1.1 and above (use version=v3 or greater)"

/* A condition, or a function that tells itself what is broken. */
struct rule {
    int (*check)(const struct qcow2_create_options *o);
    bool broken;
    int errnum;
    const char *sentence;
};

static int check_rules(const struct qcow2_create_options *o, const struct rule *rules, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (rules[i].broken)
            return error_set(rules[i].errnum, "%s", rules[i].sentence);
        if (rules[i].check && rules[i].check(o) == -1)
            return -1;
    }
    return 0;
}

int create_check_cluster_size(const struct qcow2_create_options *o)
{
    uint64_t least = o->extended_l2 ? UINT64_C(1) << MIN_EXTENDED_L2_CLUSTER_BITS : 0;

    if (o->cluster_size < least)
        return error_set(EINVAL,
                         "Extended L2 entries are only supported with cluster sizes of at least "
                         "%" PRIu64 " bytes",
                         least);
    return 0;
}

static int check_compression(const struct qcow2_create_options *o)
{
    return compression_check(&o->compression);
}

static int check_data_file_name(const struct qcow2_create_options *o)
{
    if (o->data_file && named_has_protocol(o->data_file))
        return error_set(ENOTSUP, "The data file '%s' is not a plain file name", o->data_file);
    return 0;
}

static int check_backing_file(const struct qcow2_create_options *o)
{
    if (o->format != FORMAT_QCOW2 && o->backing_file)
        return error_set(ENOTSUP, "Backing file not supported for file format '%s'",
                         image_format_name(o->format));
    return 0;
}

static bool has_luks(const struct qcow2_create_options *o)
{
    return o->format == FORMAT_LUKS || o->crypt_method == CRYPT_LUKS;
}

static int check_secret(const struct qcow2_create_options *o)
{
    return has_luks(o) ? encryption_check_secret(o) : 0;
}

static int check_size(const struct qcow2_create_options *o)
{
    struct geometry g = geometry_of((uint32_t)__builtin_ctzll(o->cluster_size), 4, o->extended_l2);

    if (o->size > INT64_MAX - 512 ||
        geometry_l1_entries(&g, round_up(o->size, 512)) * L1_ENTRY_SIZE > MAX_L1_BYTES)
        return error_set(EFBIG, "The image size is too large for file format 'qcow2' (try using a "
                                "larger cluster size)");
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * The rules
 */

#define REFUSE_IF(condition, number, words)                            \
    {                                                                  \
        .broken = (condition), .errnum = (number), .sentence = (words) \
    }
#define CHECK(function)     \
    {                       \
        .check = (function) \
    }
#define CHECK_RULES(o, rules) check_rules(o, rules, sizeof(rules) / sizeof((rules)[0]))

static int check_any(const struct qcow2_create_options *o)
{
    const struct rule rules[] = {
        REFUSE_IF(o->format == FORMAT_RAW && o->preallocation == PREALLOCATION_METADATA, EINVAL,
                  "Unsupported preallocation mode: metadata"),
        CHECK(check_backing_file),
        CHECK(check_secret),
    };

    return CHECK_RULES(o, rules);
}

static int check_qcow2(const struct qcow2_create_options *o)
{
    const bool old = o->version < 3, encrypted = o->crypt_method != CRYPT_NONE;
    const bool preallocated = o->preallocation != PREALLOCATION_OFF;
    const struct rule rules[] = {
        REFUSE_IF((o->luks_given || o->secret.bytes) && !encrypted, EINVAL,
                  "Parameter 'encrypt.format' is missing"),
        REFUSE_IF(encrypted && o->data_file_raw, EINVAL,
                  "A raw data file cannot be encrypted: it must stay valid as a raw image"),
        REFUSE_IF(encrypted && old && preallocated, ENOTSUP,
                  "Preallocation of an encrypted image needs compatibility level 1.1 or above (use "
                  "version=v3 or greater)"),
        REFUSE_IF(
            old && o->refcount_bits != 16, EINVAL,
            "Different refcount widths than 16 bits require compatibility level 1.1 or above (use "
            "version=v3 or greater)"),
        REFUSE_IF(old && o->lazy_refcounts, EINVAL,
                  "Lazy refcounts only supported with " NEW_LEVEL),
        REFUSE_IF(old && o->compression.type != COMPRESSION_DEFLATE, EINVAL,
                  "Non-zlib compression type is only supported with " NEW_LEVEL),
        REFUSE_IF(old && o->extended_l2, EINVAL,
                  "Extended L2 entries are only supported with " NEW_LEVEL),
        CHECK(create_check_cluster_size),
        REFUSE_IF(
            o->backing_file && preallocated && !o->extended_l2, EINVAL,
            "Backing file and preallocation can only be used at the same time if extended_l2 is "
            "on"),
        CHECK(check_compression),
        REFUSE_IF(o->backing_format && !o->backing_file, EINVAL,
                  "Backing format cannot be used without backing file"),
        REFUSE_IF(o->data_file_raw && !o->data_file, EINVAL, "data-file-raw requires data-file"),
        REFUSE_IF(o->data_file_raw && o->backing_file, EINVAL,
                  "Backing file and data-file-raw cannot be used at the same time"),
        REFUSE_IF(o->data_file && old, EINVAL,
                  "External data files are only supported with " NEW_LEVEL),
        CHECK(check_data_file_name),
        CHECK(check_size),
    };

    return CHECK_RULES(o, rules);
}

int create_check_options(const struct qcow2_create_options *o)
{
    if (check_any(o) == -1 || (o->format == FORMAT_QCOW2 && check_qcow2(o) == -1))
        return -1;
    return has_luks(o) ? luks_check_options(&o->luks) : 0;
}
