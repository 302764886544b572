/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz-qcow1.c - a qcow image of version 1 is opened, mapped and read: nothing is written */

#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct qcow2_open_options options = {
        .format = FORMAT_QCOW1,
        .flags = QCOW2_OPEN_READ_ONLY,
        .backing_policy = QCOW2_BACKING_IGNORE,
    };
    struct store *store = fuzz_store(data, size);
    struct qcow2_image *image;

    qcow2_open_options_set_secret(&options, "fuzz", 4); /* for the encrypted ones */
    image = image_open_store(store, &options);
    secret_clear(&options.secret);
    if (image == NULL)
        return 0; /* which closed the store */
    image->store_lent = true;
    fuzz_look(image);
    fuzz_require(image_close(image) == 0);
    fuzz_holds(store, data, size);
    store_close(store);
    return 0;
}
