/* SPDX-License-Identifier: BSD-3-Clause */
/* crypto.c - known answers, round trips, and LUKS headers that are refused */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/error.h"
#include "crypto/luks.h"
#include "crypto/split.h"
#include "crypto/xts.h"

#define ITER_TIME 1u /* milliseconds */

static void fill(uint8_t *bytes, size_t count, uint32_t seed)
{
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        bytes[i] = (uint8_t)(seed >> 24);
    }
}

static struct cipher_spec spec_of(const char *block, const char *mode, enum iv_kind iv,
                                  const char *hash)
{
    struct cipher_spec spec = { block_cipher_find(block), cipher_mode_find(mode), iv,
                                hash ? hash_find(hash) : NULL };

    assert_non_null(spec.block);
    assert_non_null(spec.mode);
    return spec;
}

/* ------------------------------------------------------------------------------------------------
 * Ciphers and hashes
 */

/* RFC 6070. */
static void test_pbkdf2(void **state)
{
    static const uint8_t expected[20] = { 0x4b, 0x00, 0x79, 0x01, 0xb7, 0x65, 0x48,
                                          0x9a, 0xbe, 0xad, 0x49, 0xd9, 0x26, 0xf7,
                                          0x21, 0xd0, 0x65, 0xa4, 0x29, 0xc1 };
    uint8_t out[20];

    (void)state;
    assert_int_equal(hash_pbkdf2(hash_find("sha1"), "password", 8, (const uint8_t *)"salt", 4, 4096,
                                 out, sizeof out),
                     0);
    assert_memory_equal(out, expected, sizeof out);
}

/* IEEE 1619, vector 4: how the sector begins, from OpenSSL's XTS and from ours. */
static void test_xts(void **state)
{
    static const uint8_t key[32] = { 0x27, 0x18, 0x28, 0x18, 0x28, 0x45, 0x90, 0x45,
                                     0x23, 0x53, 0x60, 0x28, 0x74, 0x71, 0x35, 0x26,
                                     0x31, 0x41, 0x59, 0x26, 0x53, 0x58, 0x97, 0x93,
                                     0x23, 0x84, 0x62, 0x64, 0x33, 0x83, 0x27, 0x95 };
    static const uint8_t expected[32] = { 0x27, 0xa7, 0x47, 0x9b, 0xef, 0xa1, 0xd4, 0x76,
                                          0x48, 0x9f, 0x30, 0x8c, 0xd4, 0xcf, 0xa6, 0xe2,
                                          0xa9, 0x6e, 0x4b, 0xbe, 0x32, 0x08, 0xff, 0x25,
                                          0x28, 0x7d, 0xd3, 0x81, 0x96, 0x16, 0xe8, 0x9c };
    static const uint8_t iv[16];
    struct cipher_spec spec = spec_of("aes-128", "xts", IV_PLAIN64, NULL);
    struct cipher *cipher = cipher_new(&spec, key);
    EVP_CIPHER_CTX *data = EVP_CIPHER_CTX_new(), *tweak = EVP_CIPHER_CTX_new();
    uint8_t theirs[CIPHER_SECTOR], ours[CIPHER_SECTOR];

    (void)state;
    for (unsigned i = 0; i < CIPHER_SECTOR; i++)
        theirs[i] = ours[i] = (uint8_t)i;
    assert_non_null(cipher);
    assert_int_equal(cipher_encrypt(cipher, theirs, sizeof theirs, 0), 0);
    assert_memory_equal(theirs, expected, sizeof expected);
    EVP_CipherInit_ex(data, EVP_aes_128_ecb(), NULL, key, NULL, 1);
    EVP_CipherInit_ex(tweak, EVP_aes_128_ecb(), NULL, key + 16, NULL, 1);
    assert_true(xts_sector(data, tweak, iv, ours, sizeof ours));
    assert_memory_equal(ours, theirs, sizeof ours);
    EVP_CIPHER_CTX_free(data);
    EVP_CIPHER_CTX_free(tweak);
    cipher_free(cipher);
}

/* What is encrypted comes back, differs from sector to sector, and a run of sectors is its
 * sectors. */
static void round_trip(const struct cipher_spec *spec)
{
    uint8_t key[CIPHER_MAX_KEY], plain[4 * CIPHER_SECTOR], text[sizeof plain], one[CIPHER_SECTOR];
    struct cipher *cipher;
    uint64_t first = UINT64_C(0xffffffff) - 1;

    fill(key, sizeof key, 1);
    fill(plain, CIPHER_SECTOR, 2);
    for (unsigned i = 1; i < 4; i++)
        memcpy(plain + i * CIPHER_SECTOR, plain, CIPHER_SECTOR);
    memcpy(text, plain, sizeof plain);
    cipher = cipher_new(spec, key);
    assert_non_null(cipher);
    assert_int_equal(cipher_encrypt(cipher, text, sizeof text, first), 0);
    assert_memory_not_equal(text, plain, CIPHER_SECTOR);
    if (spec->mode->iv_bytes > 0)
        assert_memory_not_equal(text, text + CIPHER_SECTOR, CIPHER_SECTOR);
    memcpy(one, text + 2 * CIPHER_SECTOR, sizeof one);
    assert_int_equal(cipher_decrypt(cipher, one, sizeof one, first + 2), 0);
    assert_memory_equal(one, plain, sizeof one);
    assert_int_equal(cipher_decrypt(cipher, text, sizeof text, first), 0);
    assert_memory_equal(text, plain, sizeof plain);
    cipher_free(cipher);
}

static void test_round_trips(void **state)
{
    static const char *const blocks[] = { "aes-128", "aes-192", "aes-256" };
    static const char *const modes[] = { "ecb", "cbc", "ctr", "xts" };

    (void)state;
    for (size_t i = 0; i < 3 * 4 * 3; i++) {
        enum iv_kind iv = (enum iv_kind)(i / 12);
        struct cipher_spec spec =
            spec_of(blocks[i % 3], modes[i / 3 % 4], iv, iv == IV_ESSIV ? "sha256" : NULL);

        round_trip(&spec);
    }
}

static void test_what_openssl_lacks(void **state)
{
    struct cipher_spec serpent = spec_of("serpent-256", "xts", IV_PLAIN64, NULL);
    struct cipher_spec essiv = spec_of("aes-256", "cbc", IV_ESSIV, "sha1");
    uint8_t key[CIPHER_MAX_KEY] = { 1 };

    (void)state;
    assert_null(cipher_new(&serpent, key));
    assert_int_equal(error_errno(), ENOTSUP);
    assert_string_equal(error_message(),
                        "Cipher serpent-256 in mode xts is not offered by OpenSSL");
    assert_null(cipher_new(&essiv, key));
    assert_string_equal(error_message(), "IV generator essiv with hash 'sha1': Cipher algorithm "
                                         "'aes' with a key of 20 bytes is not supported");
    assert_null(hash_find("whirlpool"));
}

static void test_split(void **state)
{
    static const char *const names[] = { "md5", "sha1", "sha256", "sha512", "ripemd160" };
    uint8_t key[64], material[64 * 50], merged[64];

    (void)state;
    fill(key, sizeof key, 3);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct hash *hash = hash_find(names[i]);

        assert_int_equal(split_key(hash, key, sizeof key, 50, material), 0);
        assert_int_equal(split_merge(hash, material, sizeof key, 50, merged), 0);
        assert_memory_equal(merged, key, sizeof key);
        material[i * 700] ^= 1;
        assert_int_equal(split_merge(hash, material, sizeof key, 50, merged), 0);
        assert_memory_not_equal(merged, key, sizeof key);
    }
}

/* ------------------------------------------------------------------------------------------------
 * LUKS
 */

static void secret_of(struct secret *secret, const char *text)
{
    assert_int_equal(secret_set(secret, text, strlen(text)), 0);
}

static void test_slots(void **state)
{
    CLEANUP_SECRET struct secret key = { 0 }, opened = { 0 }, right = { 0 }, wrong = { 0 },
                                 material = { 0 }, copy = { 0 };
    struct luks_options options = luks_options_default();
    struct luks_header h;

    (void)state;
    options.iter_time = ITER_TIME;
    secret_of(&right, "right");
    secret_of(&wrong, "wrong");
    assert_int_equal(luks_new(&options, &h, &key), 0);
    assert_int_equal(h.payload_offset, 2068480);
    assert_false(h.slots[5].active);
    assert_int_equal(luks_seal_slot(&h, 5, &right, ITER_TIME, &key, &material), 0);
    assert_true(h.slots[5].active);
    assert_int_equal(material.size, 256000);
    secret_set(&copy, material.bytes, material.size);
    assert_int_equal(luks_open_slot(&h, 5, &wrong, &copy, &opened), 0);
    secret_set(&copy, material.bytes, material.size);
    assert_int_equal(luks_open_slot(&h, 5, &right, &copy, &opened), 1);
    assert_int_equal(opened.size, key.size);
    assert_memory_equal(opened.bytes, key.bytes, key.size);
}

static void make_header(uint8_t bytes[LUKS_HEADER_BYTES])
{
    CLEANUP_SECRET struct secret key = { 0 };
    struct luks_options options = luks_options_default();
    struct luks_header h, again;

    options.iter_time = ITER_TIME;
    assert_int_equal(luks_new(&options, &h, &key), 0);
    h.slots[0].active = true;
    h.slots[0].iterations = 1000;
    luks_encode(&h, bytes);
    assert_int_equal(luks_decode(bytes, h.payload_offset, &again), 0);
    assert_string_equal(again.uuid, h.uuid);
    assert_memory_equal(again.slots, h.slots, sizeof h.slots);
    assert_ptr_equal(again.spec.block, h.spec.block);
    assert_ptr_equal(again.spec.mode, h.spec.mode);
    assert_int_equal(again.spec.iv, h.spec.iv);
}

/* A change of the header and what the sentence must then say. */
static const struct {
    uint32_t at;
    const char *bytes;
    size_t count;
    const char *expected;
} damages[] = {
    { 0, "X", 1, "not in LUKS format" },
    { 6, "\0\2", 2, "LUKS version 2 is not supported" },
    { 8, "aes\x1b[2J", 8, "LUKS header cipher name holds the byte 0x1b" },
    { 8, "aesaesaesaesaesaesaesaesaesaesaes", 32, "cipher name is not NUL terminated" },
    { 8, "rot13", 6, "Cipher algorithm 'rot13' with a key of 32 bytes is not supported" },
    { 40, "xts\0", 4, "names no IV generator" },
    { 40, "xts-benbi\0", 10, "IV generator 'benbi' is not supported" },
    { 40, "lrw-plain\0", 10, "Cipher mode 'lrw' is not supported" },
    { 40, "cbc-essiv\0", 10, "names no hash" },
    { 72, "whirlpool", 10, "Hash algorithm 'whirlpool' is not supported" },
    { 104, "\0\0\0\0", 4, "Keyslot 0 is corrupted" },
    { 108, "\0\0\0\0", 4, "with a key of 0 bytes" },
    { 108, "\xff\xff\xff\xff", 4, "A key of 4294967295 bytes is not possible" },
    { 164, "\0\0\0\0", 4, "iteration count is zero" },
    { 164, "\xff\xff\xff\xff", 4, "rounds of PBKDF2 to try a password (at most 268435456)" },
    { 168, "\xff", 1, "UUID holds the byte 0xff" },
    { LUKS_SLOT_AT(0), "\0\0\0\1", 4, "Keyslot 0 state (active/disable) is corrupted: 0x00000001" },
    { LUKS_SLOT_AT(0) + 4, "\0\0\0\0", 4, "Keyslot 0 is corrupted (no iterations)" },
    { LUKS_SLOT_AT(0) + 4, "\xff\xff\xff\xff", 4, "rounds of PBKDF2 to try a password" },
    { LUKS_SLOT_AT(2) + 40, "\0\0\0\1", 4, "Keyslot 2 is corrupted (its key material overlaps" },
    { LUKS_SLOT_AT(2) + 40, "\xff\xff\xff\xff", 4, "Keyslot 2 is corrupted (its key material" },
    { LUKS_SLOT_AT(2) + 40, "\0\0\0\x08", 4, "Keyslots 0 and 2 are overlapping" },
    { LUKS_SLOT_AT(7) + 44, "\0\0\0\1", 4, "Keyslot 7 is corrupted (stripes 1 != 4000)" },
};

static void test_damages(void **state)
{
    uint8_t good[LUKS_HEADER_BYTES], bad[LUKS_HEADER_BYTES];
    struct luks_header h;

    (void)state;
    make_header(good);
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        memcpy(bad, good, sizeof bad);
        memcpy(bad + damages[i].at, damages[i].bytes, damages[i].count);
        if (luks_decode(bad, UINT64_MAX, &h) == 0)
            fail_msg("damage %zu (%s) is not noticed", i, damages[i].expected);
        if (strstr(error_message(), damages[i].expected) == NULL)
            fail_msg("damage %zu: '%s' lacks '%s'", i, error_message(), damages[i].expected);
    }
    assert_int_equal(luks_decode(good, 2066431, &h), -1);
}

static void test_random_headers(void **state)
{
    uint8_t good[LUKS_HEADER_BYTES], bad[LUKS_HEADER_BYTES];
    struct luks_header h;

    (void)state;
    make_header(good);
    for (uint32_t i = 0; i < 20000; i++) {
        uint8_t noise[8];

        memcpy(bad, good, sizeof bad);
        fill(noise, sizeof noise, i);
        for (unsigned k = 0; k < 1 + noise[7] % 3u; k++)
            bad[load_be16(noise + 2 * k) % LUKS_HEADER_BYTES] ^= noise[6];
        if (luks_decode(bad, 1u << 22, &h) == 0)
            for (unsigned k = 0; k < LUKS_SLOTS; k++)
                assert_true(
                    range_within(h.slots[k].material_offset, luks_material_bytes(&h), 1u << 22));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pbkdf2),      cmocka_unit_test(test_xts),
        cmocka_unit_test(test_round_trips), cmocka_unit_test(test_what_openssl_lacks),
        cmocka_unit_test(test_split),       cmocka_unit_test(test_slots),
        cmocka_unit_test(test_damages),     cmocka_unit_test(test_random_headers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
