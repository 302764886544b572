/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz-luks.c - the header of a LUKS volume, alone and in a qcow2 image, opened with the password
 *
 * The input: which of the two (1 byte), then patches (luks-volumes.h).  What nobody patches opens,
 * and reads as zeroes.
 */

#include "fuzz/fuzz.h"

#include <string.h>

#include "fuzz/luks-volumes.h"

#define PASSWORD "fuzz"

static void use(const struct luks_made *made, const uint8_t *bytes, uint32_t flags)
{
    struct store *store = fuzz_store(bytes, made->size);
    struct qcow2_image *image = luks_open(made, store, QCOW2_OPEN_READ_ONLY | flags, PASSWORD);
    qcow2_encryption encryption;

    fuzz_require(image != NULL || memcmp(bytes, made->bytes, made->size) != 0);
    if (image != NULL) {
        image_encryption(image, &encryption);
        if (!(flags & QCOW2_OPEN_NO_IO))
            fuzz_look(image);
        image_close(image);
    }
    store_close(store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct luks_made *made;
    const uint8_t *bytes;

    if (size == 0)
        return 0;
    made = luks_made(data[0], PASSWORD);
    bytes = luks_damaged(made, data + 1, size - 1);
    use(made, bytes, QCOW2_OPEN_NO_IO);
    use(made, bytes, 0);
    return 0;
}
