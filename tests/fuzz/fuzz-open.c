/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz-open.c - an image is opened for reading, looked at and checked: nothing is written */

#include "fuzz/fuzz.h"

#define MAX_OPENED 4u /* snapshots that are opened */

/* The store must outlive the image, to be compared. */
static void look(const uint8_t *data, size_t size, const char *snapshot)
{
    struct store *store = fuzz_store(data, size);
    struct qcow2_image *image;

    fuzz_is_damaged(store);
    fuzz_holds(store, data, size);
    image = fuzz_open(store, QCOW2_OPEN_READ_ONLY, snapshot);
    if (image == NULL)
        return;
    fuzz_look(image);
    for (uint32_t i = 0; snapshot == NULL && i < image->snapshots.count && i < MAX_OPENED; i++)
        look(data, size, image->snapshots.entries[i].id);
    fuzz_holds(store, data, size);
    image_close(image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    look(data, size, NULL);
    return 0;
}
