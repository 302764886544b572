/* SPDX-License-Identifier: BSD-3-Clause */
/* store-crypt.c - an encrypting store keeps what is written to it, whatever the alignment and
 * however many write at once */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "store/crypt.h"
#include "store/memory.h"

#define SIZE (3u << 20)
#define BASE 4096u
#define ROUNDS 3000
#define THREADS 4
#define LANE 100u /* bytes of a thread, side by side, so that sectors are shared */

struct stores {
    struct store *inner, *crypt;
};

static struct stores make(void)
{
    const struct cipher_spec spec = { block_cipher_find("aes-256"), cipher_mode_find("xts"),
                                      IV_PLAIN64, NULL };
    uint8_t key[CIPHER_MAX_KEY];
    struct stores s;

    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)(i * 7);
    s.inner = store_memory_new("inner");
    s.crypt = store_crypt_new(s.inner, cipher_new(&spec, key), BASE);
    assert_non_null(s.crypt);
    return s;
}

static void destroy(struct stores *s)
{
    store_close(s->crypt);
    store_close(s->inner);
}

static uint32_t draw(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)*seed * below) >> 32);
}

/* Sizes from a byte to more than a bounce buffer, in one to three buffers. */
static void test_model(void **state)
{
    struct stores s = make();
    uint8_t *model = malloc(SIZE), *bytes = malloc(SIZE);
    uint32_t seed = 5;

    (void)state;
    memset(model, 0, SIZE);
    assert_int_equal(store_pwrite(s.crypt, model, SIZE, 0), 0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint32_t most = i % 50 == 0 ? SIZE / 2 : 3000, count = 1 + draw(&seed, most);
        uint32_t at = draw(&seed, SIZE - count), cut = draw(&seed, count);
        struct iovec iov[3] = { { bytes, cut }, { bytes + cut, 0 }, { bytes + cut, count - cut } };

        if (i % 3 == 0) {
            at &= ~511u;
            count = count < 512 ? 512 : count & ~511u;
            iov[2].iov_len = count - (cut = cut < count ? cut : count);
            iov[0].iov_len = cut;
            iov[2].iov_base = bytes + cut;
        }
        memset(bytes, (int)draw(&seed, 256), count);
        bytes[0] = (uint8_t)i;
        assert_int_equal(store_pwritev(s.crypt, iov, 3, at), 0);
        memcpy(model + at, bytes, count);
        at = draw(&seed, SIZE - most);
        count = 1 + draw(&seed, most);
        assert_int_equal(store_pread(s.crypt, bytes, count, at), 0);
        assert_memory_equal(bytes, model + at, count);
    }
    assert_int_equal(store_pread(s.crypt, bytes, SIZE, 0), 0);
    assert_memory_equal(bytes, model, SIZE);
    assert_int_equal(store_pread(s.inner, bytes, SIZE, BASE), 0);
    assert_memory_not_equal(bytes, model, SIZE);
    free(bytes);
    free(model);
    destroy(&s);
}

struct writer {
    struct store *store;
    unsigned lane;
    bool failed;
};

/* Each writes its bytes and reads them back; the neighbours in the sector change all the time. */
static void *write_lane(void *opaque)
{
    struct writer *w = opaque;
    uint8_t bytes[LANE], back[LANE];
    uint32_t seed = w->lane;

    for (unsigned i = 0; i < ROUNDS && !w->failed; i++) {
        uint64_t at = (uint64_t)draw(&seed, 8) * THREADS * LANE + w->lane * LANE;

        memset(bytes, (int)(i + w->lane), LANE);
        w->failed = store_pwrite(w->store, bytes, LANE, at) == -1 ||
                    store_pread(w->store, back, LANE, at) == -1 || memcmp(bytes, back, LANE) != 0;
    }
    return NULL;
}

static void test_threads(void **state)
{
    struct stores s = make();
    struct writer writers[THREADS];
    pthread_t threads[THREADS];

    (void)state;
    for (unsigned i = 0; i < THREADS; i++) {
        writers[i] = (struct writer){ s.crypt, i, false };
        assert_int_equal(pthread_create(&threads[i], NULL, write_lane, &writers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_false(writers[i].failed);
    }
    destroy(&s);
}

static void test_no_holes(void **state)
{
    struct stores s = make();
    struct store_extent extent;
    uint64_t size;

    (void)state;
    assert_int_equal(store_truncate(s.crypt, 100000), 0);
    assert_int_equal(store_size(s.crypt, &size), 0);
    assert_int_equal(size, 100352); /* whole sectors */
    assert_int_equal(store_extent_at(s.crypt, 5000, 0, &extent), 0);
    assert_false(extent.hole);
    assert_int_equal(s.crypt->ops->zero(s.crypt, 512, 0, true), -1);
    assert_int_equal(error_errno(), ENOTSUP);
    assert_int_equal(store_zero(s.crypt, 5000, 10, true), 0);
    uint8_t byte = 1;
    assert_int_equal(store_pread(s.crypt, &byte, 1, 4000), 0);
    assert_int_equal(byte, 0);
    destroy(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_no_holes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
