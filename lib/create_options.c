/* SPDX-License-Identifier: BSD-3-Clause */
/* create_options.c - the edge: how an image is to be created, a row per option */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/option.h"
#include "base/text.h"
#include "format/disk.h"
#include "image/options.h"

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

/* ------------------------------------------------------------------------------------------------
 * The image
 */

static int set_compat(const struct option *option, void *object, const char *value)
{
    qcow2_create_options *o = object;
    uint32_t version = image_version_parse(value);

    if (version == 0)
        return option_refuse(option->name, value);
    o->version = version;
    return 0;
}

static int set_cluster_size(const struct option *option, void *object, const char *value)
{
    qcow2_create_options *o = object;
    uint64_t size;

    if (option_number(option->name, value, &size) == -1)
        return -1;
    if (size < 1u << MIN_CLUSTER_BITS || size > 1u << MAX_CLUSTER_BITS || size & (size - 1))
        return error_set(EINVAL, "Cluster size must be a power of two between %d and %dk",
                         1 << MIN_CLUSTER_BITS, 1 << (MAX_CLUSTER_BITS - 10));
    o->cluster_size = size;
    return 0;
}

static int set_name(const struct option *option, void *object, const char *value, unsigned most)
{
    if (strlen(value) > most)
        return error_set(EINVAL, "Parameter '%s' is too long (at most %u bytes)", option->name,
                         most);
    return option_set_text(option, object, value);
}

static int set_backing_file(const struct option *option, void *object, const char *value)
{
    return set_name(option, object, value, MAX_BACKING_FILE_SIZE);
}

static int set_backing_fmt(const struct option *option, void *object, const char *value)
{
    return set_name(option, object, value, MAX_BACKING_FORMAT_SIZE);
}

static int set_preallocation(const struct option *option, void *object, const char *value)
{
    static const char *const modes[] = {
        [PREALLOCATION_OFF] = "off",
        [PREALLOCATION_METADATA] = "metadata",
        [PREALLOCATION_FALLOC] = "falloc",
        [PREALLOCATION_FULL] = "full",
    };
    qcow2_create_options *o = object;
    int mode = option_choice(option->name, value, modes, sizeof modes / sizeof modes[0]);

    if (mode == -1)
        return -1;
    o->preallocation = (enum preallocation)mode;
    return 0;
}

static int set_compression_type(const struct option *option, void *object, const char *value)
{
    static const char *const types[] = {
        [COMPRESSION_DEFLATE] = "zlib",
        [COMPRESSION_ZSTD] = "zstd",
    };
    qcow2_create_options *o = object;
    int type = option_choice(option->name, value, types, sizeof types / sizeof types[0]);

    if (type == -1)
        return -1;
    o->compression.type = (uint32_t)type;
    return 0;
}

static int set_compression_level(const struct option *option, void *object, const char *value)
{
    qcow2_create_options *o = object;

    return compression_parse_level(option->name, value, &o->compression.level);
}

static int set_compression_window(const struct option *option, void *object, const char *value)
{
    qcow2_create_options *o = object;

    return compression_parse_window(option->name, value, &o->compression.window);
}

/* ------------------------------------------------------------------------------------------------
 * Encryption
 */

static int refuse_aes(const char *name)
{
    return error_set(ENOTSUP,
                     "AES-encrypted qcow2 images can only be read; use encrypt.format=luks "
                     "(option '%s')",
                     name);
}

static int set_encryption(const struct option *option, void *object, const char *value)
{
    bool on;

    (void)object;
    if (option_switch(option->name, value, &on) == -1)
        return -1;
    return on ? refuse_aes(option->name) : 0;
}

/* "encrypt.hash-alg" of qcow2 is "hash-alg" of luks, which is asked in the end. */
static const char *name_of_luks(const char *name)
{
    const char *dot = strchr(name, '.');

    return dot ? dot + 1 : name;
}

static int set_encrypt_format(const struct option *option, void *object, const char *value)
{
    qcow2_create_options *o = object;

    if (strcmp(value, "aes") == 0)
        return refuse_aes(option->name);
    if (strcmp(value, "luks") != 0)
        return option_refuse(name_of_luks(option->name), value);
    o->crypt_method = CRYPT_LUKS;
    return 0;
}

/* Notes that an algorithm was named, known or not. */
static int set_algorithm(const struct option *option, qcow2_create_options *o, const char *value,
                         bool known)
{
    o->luks_given = true;
    return known ? 0 : option_refuse(name_of_luks(option->name), value);
}

static int set_cipher_alg(const struct option *option, void *object, const char *value)
{
    qcow2_create_options *o = object;

    o->luks.spec.block = block_cipher_find(value);
    return set_algorithm(option, o, value, o->luks.spec.block);
}

static int set_cipher_mode(const struct option *option, void *object, const char *value)
{
    qcow2_create_options *o = object;

    o->luks.spec.mode = cipher_mode_find(value);
    return set_algorithm(option, o, value, o->luks.spec.mode);
}

static int set_ivgen_alg(const struct option *option, void *object, const char *value)
{
    qcow2_create_options *o = object;

    return set_algorithm(option, o, value, iv_kind_find(value, &o->luks.spec.iv) == 0);
}

static int set_ivgen_hash_alg(const struct option *option, void *object, const char *value)
{
    qcow2_create_options *o = object;

    o->luks.spec.iv_hash = hash_find(value);
    return set_algorithm(option, o, value, o->luks.spec.iv_hash);
}

static int set_hash_alg(const struct option *option, void *object, const char *value)
{
    qcow2_create_options *o = object;

    o->luks.hash = hash_find(value);
    return set_algorithm(option, o, value, o->luks.hash);
}

static int set_iter_time(const struct option *option, void *object, const char *value)
{
    qcow2_create_options *o = object;

    o->luks_given = true;
    return option_number(option->name, value, &o->luks.iter_time);
}

/* ------------------------------------------------------------------------------------------------
 * The table
 */

#define MEMBER(name) .member = offsetof(struct qcow2_create_options, name)
#define WHOLE .member = 0 /* of which the setter knows the member */

static const struct option create_options[] = {
    { "size", option_set_number, MEMBER(size) },
    { "compat", set_compat, WHOLE },
    { "cluster_size", set_cluster_size, WHOLE },
    { "refcount_bits", options_set_refcount_bits, MEMBER(refcount_bits) },
    { "lazy_refcounts", option_set_switch, MEMBER(lazy_refcounts) },
    { "backing_file", set_backing_file, MEMBER(backing_file) },
    { "backing_fmt", set_backing_fmt, MEMBER(backing_format) },
    { "preallocation", set_preallocation, WHOLE },
    { "extended_l2", option_set_switch, MEMBER(extended_l2) },
    { "compression_type", set_compression_type, WHOLE },
    { "compression_level", set_compression_level, WHOLE },
    { "compression_window", set_compression_window, WHOLE },
    { "data_file", option_set_text, MEMBER(data_file) },
    { "data_file_raw", option_set_switch, MEMBER(data_file_raw) },
    { "encryption", set_encryption, WHOLE },
    { "encrypt.format", set_encrypt_format, WHOLE },
    { "encrypt.cipher-alg", set_cipher_alg, WHOLE },
    { "encrypt.cipher-mode", set_cipher_mode, WHOLE },
    { "encrypt.ivgen-alg", set_ivgen_alg, WHOLE },
    { "encrypt.ivgen-hash-alg", set_ivgen_hash_alg, WHOLE },
    { "encrypt.hash-alg", set_hash_alg, WHOLE },
    { "encrypt.iter-time", set_iter_time, WHOLE },
    { "cipher-alg", set_cipher_alg, WHOLE },
    { "cipher-mode", set_cipher_mode, WHOLE },
    { "ivgen-alg", set_ivgen_alg, WHOLE },
    { "ivgen-hash-alg", set_ivgen_hash_alg, WHOLE },
    { "hash-alg", set_hash_alg, WHOLE },
    { "iter-time", set_iter_time, WHOLE },
};

int qcow2_create_options_set(qcow2_create_options *options, const char *name, const char *value)
{
    return option_set(create_options, sizeof create_options / sizeof create_options[0], options,
                      name, value);
}
