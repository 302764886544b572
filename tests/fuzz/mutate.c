/* SPDX-License-Identifier: BSD-3-Clause */
/* mutate.c - changes that an image's tables have in common, for targets whose input is an image
 *
 * A random byte in an image is mostly a byte of data.  Half of the changes are therefore of one
 * aligned big-endian word: it becomes another word of the image, moves by a sector or a cluster, or
 * changes one of the bits that have a meaning in table entries.
 */

#include <string.h>

#include "base/bits.h"
#include "fuzz/fuzz.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

static const unsigned bits[] = { 0, 1, 9, 10, 16, 32, 54, 55, 56, 61, 62, 63 };

static uint64_t changed(const uint8_t *words, size_t count, uint64_t word, unsigned *seed)
{
    switch ((unsigned)rand_r(seed) % 5) {
    case 0: return load_be64(words + (size_t)rand_r(seed) % count * 8);
    case 1: return word + 512 * (uint64_t)(rand_r(seed) % 9) - 2048;
    case 2: return word ^ UINT64_C(1) << bits[(size_t)rand_r(seed) % (sizeof bits / sizeof *bits)];
    case 3: return 0;
    default: return word + (uint64_t)(rand_r(seed) % 7) - 3;
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    size_t start = size % 8, count = size / 8; /* the image ends with the input */
    size_t at;

    if (count == 0 || rand_r(&seed) % 2 == 0)
        return LLVMFuzzerMutate(data, size, max_size);
    for (unsigned tries = 0; tries < 16; tries++) {
        at = start + (size_t)rand_r(&seed) % count * 8;
        if (load_be64(data + at) != 0)
            break;
    }
    store_be64(data + at, changed(data + start, count, load_be64(data + at), &seed));
    return size;
}
