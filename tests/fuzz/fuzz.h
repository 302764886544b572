/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz.h - what the targets share */

#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "image/image.h"
#include "store/memory.h"

/* The target: one input. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A promise that every input must leave true. */
#define fuzz_require(promise)                                                     \
    do {                                                                          \
        if (!(promise)) {                                                         \
            fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #promise); \
            abort();                                                              \
        }                                                                         \
    } while (0)

/* A store that holds these bytes. */
struct store *fuzz_store(const uint8_t *data, size_t size);

/* Look at everything an image shows: its facts, its snapshots, its map, some of its content. */
void fuzz_look(struct qcow2_image *image);

/* The image in a store, which is taken over; NULL: it does not open. */
struct qcow2_image *fuzz_open(struct store *store, uint32_t flags, const char *snapshot);

/* The store holds these bytes and no others. */
void fuzz_holds(struct store *store, const uint8_t *data, size_t size);

/* The header in the store, as far as a check can use it; -1: it is none. */
int fuzz_load_header(struct store *store, struct header *header);

/* Does a check of the store find corruptions, or fail?  The store stays. */
bool fuzz_is_damaged(struct store *store);

#endif
