/* SPDX-License-Identifier: BSD-3-Clause */
/* source.h - the file under check: reading it without reading its holes
 *
 * A sparse file can be as long as it likes and point millions of times into its holes.  Whoever
 * reads tables asks first what lies there; the last answer is kept, because tables are near each
 * other.
 */

#ifndef QCOW2_CHECK_SOURCE_H
#define QCOW2_CHECK_SOURCE_H

#include <stdbool.h>

#include "store/store.h"

struct source {
    struct store *store;
    uint64_t length; /* bytes of the file */

    /* The last extent asked for: [start, end) is a hole or is not. */
    uint64_t start;
    uint64_t end;
    bool hole;
};

int source_init(struct source *source, struct store *store);

/* Beyond the end of the file are zeroes. */
int source_read(struct source *source, void *buf, size_t count, uint64_t offset);

/* Up to where everything from offset on reads as zeroes, at most end; offset itself if it does not.
 * All of what lies beyond the file does. */
uint64_t source_skip_zeroes(struct source *source, uint64_t offset, uint64_t end);

/* Call back for each big-endian word of 8 bytes in [start, end) that is not zero; start and end are
 * multiples of 8.  -1 from the callback ends the walk. */
typedef int source_word(void *opaque, uint64_t offset, uint64_t word, uint64_t weight);
int source_visit_words(struct source *source, uint64_t start, uint64_t end, uint64_t weight,
                       source_word *visit, void *opaque);

#endif
