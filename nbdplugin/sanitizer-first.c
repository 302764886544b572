/* SPDX-License-Identifier: BSD-3-Clause */
/* sanitizer-first.c - loaded into nbdkit beside a sanitizer's runtime, which it starts before all
 * else
 *
 * A runtime starts in the first malloc, wherever that is.  In nbdkit that would be in libp11-kit's
 * constructor, which makes a locale and holds a lock of the C library meanwhile.  To start,
 * AddressSanitizer looks for symbols that are not there; the loader's message about them goes by
 * the same lock, and leaves it once more than it was taken; when the process ends, libp11-kit's
 * destructor waits for it for ever.
 */

#include <stdlib.h>

__attribute__((constructor)) static void start(void)
{
    void *volatile memory = malloc(1);

    free(memory);
}
