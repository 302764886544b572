/* SPDX-License-Identifier: BSD-3-Clause */
/* crypto-failures.c - functions of OpenSSL that fail: nothing is kept under a key that is none
 *
 * Each in turn returns 0 or NULL.  What needs it is refused with a sentence,
 * and an image shows what it did before.
 */

#include "unit/store-scratch.h"

#include <stdbool.h>

#include "crypto/libcrypto.h"
#include "qcow2.h"

#define PASSWORD "secret"
#define SECTOR 512

enum {
    MAKING = 1,
    UNLOCKING = 2,
    USING = 4,
};

/* Those that free, compare or tell are left as they are: they cannot fail. */
#define ROW(function, needed)                                   \
    {                                                           \
#function, offsetof(struct libcrypto, function), needed \
    }

static const struct function {
    const char *name;
    size_t at;       /* of its address */
    unsigned needed; /* for what, by the last kind of image */
} functions[] = {
    ROW(EVP_CIPHER_CTX_new, MAKING | UNLOCKING),
    ROW(EVP_CIPHER_fetch, MAKING | UNLOCKING),
    ROW(EVP_CipherInit_ex2, MAKING | UNLOCKING | USING),
    ROW(EVP_CipherUpdate, MAKING | UNLOCKING | USING),
    ROW(EVP_Digest, MAKING | UNLOCKING),
    ROW(EVP_DigestFinal_ex, MAKING | UNLOCKING),
    ROW(EVP_DigestInit_ex2, MAKING | UNLOCKING),
    ROW(EVP_DigestUpdate, MAKING | UNLOCKING),
    ROW(EVP_MD_CTX_new, MAKING | UNLOCKING),
    ROW(EVP_MD_fetch, MAKING | UNLOCKING),
    ROW(PKCS5_PBKDF2_HMAC, MAKING | UNLOCKING),
    ROW(RAND_priv_bytes, MAKING),
};

#define FUNCTIONS (sizeof functions / sizeof functions[0])

/* XTS of OpenSSL's own; XTS put together, for it has none of AES-192; IVs that are made of
 * hashes. */
static const char *const kinds[][3] = {
    { "aes-256", "xts", "plain64" },
    { "aes-192", "xts", "plain64" },
    { "aes-128", "cbc", "essiv" },
};

#define KINDS (sizeof kinds / sizeof kinds[0])

static const char *const names[KINDS] = { "xts-256", "xts-192", "cbc-essiv" };

static struct libcrypto whole;

static uintptr_t nothing(void)
{
    return 0;
}

static void break_function(const struct function *function)
{
    uintptr_t (*address)(void) = nothing;

    memcpy((char *)&libcrypto + function->at, &address, sizeof address);
}

static void mend(void)
{
    libcrypto = whole;
}

static int create(const char *name, const char *const kind[3])
{
    qcow2_create_options *o = qcow2_create_options_new();
    int r = -1;

    if (qcow2_create_options_set(o, "size", "65536") == 0 &&
        qcow2_create_options_set(o, "encrypt.format", "luks") == 0 &&
        qcow2_create_options_set(o, "encrypt.iter-time", "1") == 0 &&
        qcow2_create_options_set(o, "encrypt.cipher-alg", kind[0]) == 0 &&
        qcow2_create_options_set(o, "encrypt.cipher-mode", kind[1]) == 0 &&
        qcow2_create_options_set(o, "encrypt.ivgen-alg", kind[2]) == 0 &&
        qcow2_create_options_set_secret(o, PASSWORD, strlen(PASSWORD)) == 0)
        r = qcow2_create(name, o);
    qcow2_create_options_free(o);
    return r;
}

static qcow2_image *open_image(const char *name)
{
    qcow2_open_options *o = qcow2_open_options_new();
    qcow2_image *image = NULL;

    if (qcow2_open_options_set_format(o, "qcow2") == 0 &&
        qcow2_open_options_set_secret(o, PASSWORD, strlen(PASSWORD)) == 0)
        image = qcow2_open(name, o);
    qcow2_open_options_free(o);
    return image;
}

/* Right after the call that failed, or did not. */
static void assert_told(const struct function *function, size_t kind, unsigned work, bool failed)
{
    bool needed = function->needed & work;

    if (failed && (qcow2_get_errno() == 0 || *qcow2_get_error() == '\0'))
        fail_msg("nothing is said when %s fails", function->name);
    if (kind == KINDS - 1 && failed != needed)
        fail_msg("%s fails, and work %u %s", function->name, work, failed ? "does" : "does not");
}

static int make_images(void **state)
{
    uint8_t bytes[SECTOR];

    memset(bytes, 7, sizeof bytes);
    if (scratch_setup(state) || libcrypto_load() == -1)
        return -1;
    whole = libcrypto;
    for (size_t i = 0; i < KINDS; i++) {
        qcow2_image *image = create(names[i], kinds[i]) == 0 ? open_image(names[i]) : NULL;

        if (image == NULL || qcow2_pwrite(image, bytes, sizeof bytes, 0, 0) == -1 ||
            qcow2_close(image) == -1)
            return -1;
    }
    return 0;
}

static void assert_filled(qcow2_image *image, uint64_t offset, uint8_t byte)
{
    uint8_t bytes[SECTOR], expected[SECTOR];

    memset(expected, byte, sizeof expected);
    assert_int_equal(qcow2_pread(image, bytes, sizeof bytes, offset, 0), 0);
    assert_memory_equal(bytes, expected, sizeof bytes);
}

static void assert_image_is_as_it_was(const char *name)
{
    qcow2_image *image = open_image(name);

    assert_non_null(image);
    assert_filled(image, 0, 7);
    assert_filled(image, SECTOR, 0);
    assert_int_equal(qcow2_close(image), 0);
}

static void no_image_is_made(void **state)
{
    (void)state;
    for (size_t f = 0; f < FUNCTIONS; f++)
        for (size_t k = 0; k < KINDS; k++) {
            int r;

            break_function(&functions[f]);
            r = create("new", kinds[k]);
            assert_told(&functions[f], k, MAKING, r == -1);
            mend();
            if (r == 0)
                assert_int_equal(qcow2_close(open_image("new")), 0);
            unlink("new");
        }
}

static void no_image_is_unlocked(void **state)
{
    (void)state;
    for (size_t f = 0; f < FUNCTIONS; f++)
        for (size_t k = 0; k < KINDS; k++) {
            qcow2_image *image;

            break_function(&functions[f]);
            image = open_image(names[k]);
            assert_told(&functions[f], k, UNLOCKING, image == NULL);
            mend();
            if (image == NULL)
                continue;
            assert_filled(image, 0, 7);
            assert_int_equal(qcow2_close(image), 0);
        }
}

/* Neither the text nor what is half encrypted reaches the file or the reader. */
static void use(const struct function *function, size_t kind)
{
    qcow2_image *image = open_image(names[kind]);
    uint8_t bytes[SECTOR];
    int r;

    assert_non_null(image);
    break_function(function);
    r = qcow2_pread(image, bytes, sizeof bytes, 0, 0);
    assert_told(function, kind, USING, r == -1);
    memset(bytes, 7, sizeof bytes);
    r = qcow2_pwrite(image, bytes, sizeof bytes, 0, 0);
    assert_told(function, kind, USING, r == -1);
    mend();
    assert_filled(image, 0, 7);
    assert_int_equal(qcow2_close(image), 0);
    assert_image_is_as_it_was(names[kind]);
}

static void no_sector_is_read_or_written(void **state)
{
    (void)state;
    for (size_t f = 0; f < FUNCTIONS; f++)
        for (size_t k = 0; k < KINDS; k++)
            use(&functions[f], k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_image_is_made),
        cmocka_unit_test(no_image_is_unlocked),
        cmocka_unit_test(no_sector_is_read_or_written),
    };

    return cmocka_run_group_tests_name("crypto-failures", tests, make_images, scratch_teardown);
}
