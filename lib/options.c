/* SPDX-License-Identifier: BSD-3-Clause */
/* options.c - the edge: options objects, how an image is to be opened or created */

#include "image/options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/error.h"
#include "base/text.h"
#include "format/disk.h"

#define KNOWN_OPEN_FLAGS                                                                      \
    (QCOW2_OPEN_READ_ONLY | QCOW2_OPEN_FORCE_SHARE | QCOW2_OPEN_NO_LOCK | QCOW2_OPEN_DIRECT | \
     QCOW2_OPEN_WRITETHROUGH | QCOW2_OPEN_UNSAFE | QCOW2_OPEN_DISCARD | QCOW2_OPEN_NO_IO |    \
     QCOW2_OPEN_CHECK | QCOW2_OPEN_NO_WRITERS | QCOW2_OPEN_UNTRUSTED | QCOW2_OPEN_NBD |       \
     QCOW2_OPEN_BACKING_NBD)

static const char *const format_names[] = {
    [FORMAT_QCOW2] = "qcow2",
    [FORMAT_RAW] = "raw",
    [FORMAT_QCOW1] = "qcow",
    [FORMAT_LUKS] = "luks",
};

int image_format_parse(const char *name, enum image_format *format)
{
    for (size_t i = 0; i < sizeof format_names / sizeof format_names[0]; i++) {
        if (strcmp(format_names[i], name) == 0) {
            *format = (enum image_format)i;
            return 0;
        }
    }
    return error_set(ENOTSUP, "Unknown driver '%s'", name);
}

const char *image_format_name(enum image_format format)
{
    return format_names[format];
}

static int replace_string(char **to, const char *from)
{
    char *copy = from ? strdup(from) : NULL;

    if (from && copy == NULL)
        return error_no_memory(), -1;
    free(*to);
    *to = copy;
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Opening
 */

qcow2_open_options *qcow2_open_options_new(void)
{
    qcow2_open_options *options = calloc(1, sizeof *options);

    return options ? options : error_no_memory();
}

void qcow2_open_options_free(qcow2_open_options *options)
{
    if (options == NULL)
        return;
    free(options->backing_file);
    free(options->backing_format);
    qcow2_open_options_free(options->backing);
    free(options->data_file);
    qcow2_open_options_free(options->data_file_options);
    qcow2_open_options_free(options->file);
    free(options->nbd.tls_hostname);
    free(options->nbd.dirty_bitmap);
    free(options->snapshot);
    secret_clear(&options->secret);
    free(options);
}

int qcow2_open_options_set_format(qcow2_open_options *options, const char *format)
{
    return image_format_parse(format, &options->format);
}

int qcow2_open_options_set_flags(qcow2_open_options *options, uint32_t flags)
{
    if (flags & QCOW2_OPEN_FORCE_SHARE && !(flags & QCOW2_OPEN_READ_ONLY))
        return error_set(EINVAL, "force-share=on can only be used with read-only images");
    if (flags & ~KNOWN_OPEN_FLAGS)
        return error_set(EINVAL, "Unknown open flags 0x%" PRIx32, flags & ~KNOWN_OPEN_FLAGS);
    options->flags = flags | (flags & QCOW2_OPEN_CHECK ? QCOW2_OPEN_NO_IO : 0);
    return 0;
}

int qcow2_open_options_set_backing_policy(qcow2_open_options *options, qcow2_backing_policy policy)
{
    if ((unsigned)policy > QCOW2_BACKING_NONE)
        return error_set(EINVAL, "Unknown backing policy %d", (int)policy);
    options->backing_policy = policy;
    return 0;
}

int qcow2_open_options_set_backing_filter(qcow2_open_options *options, qcow2_backing_filter *filter,
                                          void *opaque)
{
    options->backing_filter = filter;
    options->backing_filter_opaque = opaque;
    return 0;
}

int qcow2_open_options_set_backing(qcow2_open_options *options, const char *filename,
                                   const char *format)
{
    if (replace_string(&options->backing_file, filename) == -1)
        return -1;
    return replace_string(&options->backing_format, format);
}

/* Each object has one owner, and none is its own. */
static int take_over(qcow2_open_options **to, qcow2_open_options *options, const char *role,
                     qcow2_open_options *other)
{
    if (*to == other)
        return 0;
    for (const qcow2_open_options *o = options; o != NULL; o = o->owner)
        if (o == other)
            return error_set(EINVAL, "An image cannot be its own %s", role);
    if (other != NULL && other->owner != NULL)
        return error_set(EINVAL, "The options of the %s belong to others already", role);
    qcow2_open_options_free(*to);
    *to = other;
    if (other != NULL)
        other->owner = options;
    return 0;
}

int qcow2_open_options_set_backing_options(qcow2_open_options *options, qcow2_open_options *backing)
{
    return take_over(&options->backing, options, "backing file", backing);
}

int qcow2_open_options_set_file_options(qcow2_open_options *options, qcow2_open_options *file)
{
    return take_over(&options->file, options, "file", file);
}

int qcow2_open_options_set_data_file_policy(qcow2_open_options *options,
                                            qcow2_data_file_policy policy)
{
    if ((unsigned)policy > QCOW2_DATA_FILE_ALLOW)
        return error_set(EINVAL, "Unknown data file policy %d", (int)policy);
    options->data_file_policy = policy;
    return 0;
}

int qcow2_open_options_set_data_file(qcow2_open_options *options, const char *filename)
{
    return replace_string(&options->data_file, filename);
}

int qcow2_open_options_set_data_file_options(qcow2_open_options *options,
                                             qcow2_open_options *data_file)
{
    return take_over(&options->data_file_options, options, "data file", data_file);
}

int qcow2_open_options_set_snapshot(qcow2_open_options *options, const char *id_or_name)
{
    return replace_string(&options->snapshot, id_or_name);
}

int qcow2_open_options_set_secret(qcow2_open_options *options, const void *secret, size_t size)
{
    return secret_set(&options->secret, secret, size);
}

int qcow2_open_options_set_secret_callback(qcow2_open_options *options,
                                           qcow2_secret_callback *callback, void *opaque)
{
    options->secret_callback = callback;
    options->secret_opaque = opaque;
    return 0;
}

int qcow2_open_options_set_writable_backing(qcow2_open_options *options, unsigned depth)
{
    options->writable_depth = depth;
    return 0;
}

int qcow2_open_options_set_l2_cache_size(qcow2_open_options *options, uint64_t size)
{
    options->runtime.l2_cache_size = size;
    return 0;
}

int qcow2_open_options_set_refcount_cache_size(qcow2_open_options *options, uint64_t size)
{
    options->runtime.refcount_cache_size = size;
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Creating: a row per option
 */

qcow2_create_options *qcow2_create_options_new(void)
{
    qcow2_create_options *options = calloc(1, sizeof *options);

    if (options == NULL)
        return error_no_memory();
    options->version = 3;
    options->cluster_size = 65536;
    options->refcount_bits = 16;
    options->luks = luks_options_default();
    return options;
}

void qcow2_create_options_free(qcow2_create_options *options)
{
    if (options == NULL)
        return;
    free(options->backing_file);
    free(options->backing_format);
    free(options->data_file);
    secret_clear(&options->secret);
    free(options);
}

int qcow2_create_options_set_secret(qcow2_create_options *options, const void *secret, size_t size)
{
    return secret_set(&options->secret, secret, size);
}

int qcow2_create_options_set_format(qcow2_create_options *options, const char *format)
{
    enum image_format parsed = options->format;

    if (image_format_parse(format, &parsed) == -1)
        return -1;
    if (parsed == FORMAT_QCOW1)
        return error_set(ENOTSUP, "Format driver '%s' does not support image creation", format);
    options->format = parsed;
    return 0;
}

int qcow2_create_options_set_flags(qcow2_create_options *options, uint32_t flags)
{
    if (flags & ~QCOW2_CREATE_NBD)
        return error_set(EINVAL, "Unknown flags 0x%" PRIx32, flags & ~QCOW2_CREATE_NBD);
    options->flags = flags;
    return 0;
}

int qcow2_create_options_set_expected_length(qcow2_create_options *options, uint64_t bytes)
{
    options->expected_length = bytes;
    return 0;
}

static int parse_number(const char *name, const char *value, uint64_t *number)
{
    if (text_parse_number(value, number) == -1)
        return error_set(EINVAL, "Parameter '%s' expects a number, not '%s'", name, value);
    return 0;
}

static int parse_switch(const char *name, const char *value, bool *on)
{
    if (text_parse_switch(value, on) == -1)
        return error_set(EINVAL, "Parameter '%s' expects 'on' or 'off', not '%s'", name, value);
    return 0;
}

static int set_size(qcow2_create_options *o, const char *name, const char *value)
{
    return parse_number(name, value, &o->size);
}

static int set_compat(qcow2_create_options *o, const char *name, const char *value)
{
    if (strcmp(value, "0.10") == 0 || strcmp(value, "v2") == 0)
        o->version = 2;
    else if (strcmp(value, "1.1") == 0 || strcmp(value, "v3") == 0)
        o->version = 3;
    else
        return error_set(EINVAL, "Parameter '%s' does not accept value '%s'", name, value);
    return 0;
}

static int set_cluster_size(qcow2_create_options *o, const char *name, const char *value)
{
    uint64_t size;

    if (parse_number(name, value, &size) == -1)
        return -1;
    if (size < 1u << MIN_CLUSTER_BITS || size > 1u << MAX_CLUSTER_BITS || size & (size - 1))
        return error_set(EINVAL, "Cluster size must be a power of two between %d and %dk",
                         1 << MIN_CLUSTER_BITS, 1 << (MAX_CLUSTER_BITS - 10));
    o->cluster_size = size;
    return 0;
}

static int set_refcount_bits(qcow2_create_options *o, const char *name, const char *value)
{
    uint64_t bits;

    if (parse_number(name, value, &bits) == -1)
        return -1;
    if (bits == 0 || bits > 64 || bits & (bits - 1))
        return error_set(EINVAL, "Refcount width must be a power of two and may not exceed 64 "
                                 "bits");
    o->refcount_bits = (uint32_t)bits;
    return 0;
}

static int set_lazy_refcounts(qcow2_create_options *o, const char *name, const char *value)
{
    return parse_switch(name, value, &o->lazy_refcounts);
}

static int set_backing_file(qcow2_create_options *o, const char *name, const char *value)
{
    if (strlen(value) > MAX_BACKING_FILE_SIZE)
        return error_set(EINVAL, "Parameter '%s' is too long (at most %u bytes)", name,
                         MAX_BACKING_FILE_SIZE);
    return replace_string(&o->backing_file, value);
}

static int set_backing_fmt(qcow2_create_options *o, const char *name, const char *value)
{
    if (strlen(value) > MAX_BACKING_FORMAT_SIZE)
        return error_set(EINVAL, "Parameter '%s' is too long (at most %u bytes)", name,
                         MAX_BACKING_FORMAT_SIZE);
    return replace_string(&o->backing_format, value);
}

static int set_compression_level(qcow2_create_options *o, const char *name, const char *value)
{
    return compression_parse_level(name, value, &o->compression.level);
}

static int set_compression_window(qcow2_create_options *o, const char *name, const char *value)
{
    return compression_parse_window(name, value, &o->compression.window);
}

static int set_preallocation(qcow2_create_options *o, const char *name, const char *value)
{
    static const char *const modes[] = {
        [PREALLOCATION_OFF] = "off",
        [PREALLOCATION_METADATA] = "metadata",
        [PREALLOCATION_FALLOC] = "falloc",
        [PREALLOCATION_FULL] = "full",
    };

    for (unsigned i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(value, modes[i]) == 0) {
            o->preallocation = (enum preallocation)i;
            return 0;
        }
    }
    return error_set(EINVAL, "Parameter '%s' does not accept value '%s'", name, value);
}

static int set_extended_l2(qcow2_create_options *o, const char *name, const char *value)
{
    return parse_switch(name, value, &o->extended_l2);
}

static int set_compression_type(qcow2_create_options *o, const char *name, const char *value)
{
    if (strcmp(value, "zstd") == 0)
        o->compression.type = COMPRESSION_ZSTD;
    else if (strcmp(value, "zlib") == 0)
        o->compression.type = COMPRESSION_DEFLATE;
    else
        return error_set(EINVAL, "Parameter '%s' does not accept value '%s'", name, value);
    return 0;
}

static int set_data_file(qcow2_create_options *o, const char *name, const char *value)
{
    (void)name;
    return replace_string(&o->data_file, value);
}

static int set_data_file_raw(qcow2_create_options *o, const char *name, const char *value)
{
    return parse_switch(name, value, &o->data_file_raw);
}

static int refuse_aes(const char *name)
{
    return error_set(ENOTSUP,
                     "AES-encrypted qcow2 images can only be read; use encrypt.format=luks "
                     "(option '%s')",
                     name);
}

static int set_encryption(qcow2_create_options *o, const char *name, const char *value)
{
    bool on;

    (void)o;
    if (parse_switch(name, value, &on) == -1)
        return -1;
    return on ? refuse_aes(name) : 0;
}

static int set_encrypt_format(qcow2_create_options *o, const char *name, const char *value)
{
    if (strcmp(value, "aes") == 0)
        return refuse_aes(name);
    if (strcmp(value, "luks") != 0)
        return error_set(EINVAL, "Parameter 'format' does not accept value '%s'", value);
    o->crypt_method = CRYPT_LUKS;
    return 0;
}

/* "encrypt.hash-alg" of qcow2 is "hash-alg" of luks. */
static int bad_algorithm(const char *name, const char *value)
{
    const char *dot = strchr(name, '.');

    return error_set(EINVAL, "Parameter '%s' does not accept value '%s'", dot ? dot + 1 : name,
                     value);
}

static int set_cipher_alg(qcow2_create_options *o, const char *name, const char *value)
{
    o->luks_given = true;
    o->luks.spec.block = block_cipher_find(value);
    return o->luks.spec.block ? 0 : bad_algorithm(name, value);
}

static int set_cipher_mode(qcow2_create_options *o, const char *name, const char *value)
{
    o->luks_given = true;
    o->luks.spec.mode = cipher_mode_find(value);
    return o->luks.spec.mode ? 0 : bad_algorithm(name, value);
}

static int set_ivgen_alg(qcow2_create_options *o, const char *name, const char *value)
{
    o->luks_given = true;
    return iv_kind_find(value, &o->luks.spec.iv) == 0 ? 0 : bad_algorithm(name, value);
}

static int set_ivgen_hash_alg(qcow2_create_options *o, const char *name, const char *value)
{
    o->luks_given = true;
    o->luks.spec.iv_hash = hash_find(value);
    return o->luks.spec.iv_hash ? 0 : bad_algorithm(name, value);
}

static int set_hash_alg(qcow2_create_options *o, const char *name, const char *value)
{
    o->luks_given = true;
    o->luks.hash = hash_find(value);
    return o->luks.hash ? 0 : bad_algorithm(name, value);
}

static int set_iter_time(qcow2_create_options *o, const char *name, const char *value)
{
    o->luks_given = true;
    return parse_number(name, value, &o->luks.iter_time);
}

static const struct {
    const char *name;
    int (*set)(qcow2_create_options *options, const char *name, const char *value);
} create_options[] = {
    { "size", set_size },
    { "compat", set_compat },
    { "cluster_size", set_cluster_size },
    { "refcount_bits", set_refcount_bits },
    { "lazy_refcounts", set_lazy_refcounts },
    { "backing_file", set_backing_file },
    { "backing_fmt", set_backing_fmt },
    { "preallocation", set_preallocation },
    { "extended_l2", set_extended_l2 },
    { "compression_type", set_compression_type },
    { "compression_level", set_compression_level },
    { "compression_window", set_compression_window },
    { "data_file", set_data_file },
    { "data_file_raw", set_data_file_raw },
    { "encryption", set_encryption },
    { "encrypt.format", set_encrypt_format },
    { "encrypt.cipher-alg", set_cipher_alg },
    { "encrypt.cipher-mode", set_cipher_mode },
    { "encrypt.ivgen-alg", set_ivgen_alg },
    { "encrypt.ivgen-hash-alg", set_ivgen_hash_alg },
    { "encrypt.hash-alg", set_hash_alg },
    { "encrypt.iter-time", set_iter_time },
    { "cipher-alg", set_cipher_alg },
    { "cipher-mode", set_cipher_mode },
    { "ivgen-alg", set_ivgen_alg },
    { "ivgen-hash-alg", set_ivgen_hash_alg },
    { "hash-alg", set_hash_alg },
    { "iter-time", set_iter_time },
};

int qcow2_create_options_set(qcow2_create_options *options, const char *name, const char *value)
{
    for (size_t i = 0; i < sizeof create_options / sizeof create_options[0]; i++)
        if (strcmp(create_options[i].name, name) == 0)
            return create_options[i].set(options, name, value);
    return error_set(ENOENT, "Invalid parameter '%s'", name);
}
