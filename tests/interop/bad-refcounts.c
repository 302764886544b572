/* SPDX-License-Identifier: BSD-3-Clause */
/* bad-refcounts.c - a row for each way to damage the refcount table and its blocks */

#include "bad-fields.h"

static const struct bad_image rows[] = {
    { "block-unaligned", PLAIN, AT_WRITE, "", MIB, { { TABLE_0, 0x2200 } }, 0 },
    { "block-beyond-end", PLAIN, AT_WRITE, "", MIB, { { TABLE_0, MIB } }, 0 },
    { "block-far-beyond-end", PLAIN, AT_WRITE, "", MIB, { { TABLE_0, UINT64_MAX << 12 } }, 0 },
    { "block-missing",
      PLAIN,
      AT_WRITE,
      "the header cluster has a refcount of 0",
      MIB,
      { { TABLE_0, 0 } },
      0 },
    { "block-is-l1", PLAIN, AT_WRITE, "", MIB, { { TABLE_0, 0x3000 } }, 0 },
    { "block-is-l2", PLAIN, AT_WRITE, "", MIB, { { TABLE_0, 0x4000 } }, 0 },
    { "block-is-the-table", PLAIN, AT_WRITE, "", MIB, { { TABLE_0, 0x1000 } }, 0 },
    { "header-is-free", PLAIN, AT_WRITE, "header", MIB, { { COUNT(0), 0 } }, 0 },
    { "table-is-free", PLAIN, AT_WRITE, "would overwrite", MIB, { { COUNT(1), 0 } }, 0 },
    { "block-is-free", PLAIN, AT_WRITE, "would overwrite", MIB, { { COUNT(2), 0 } }, 0 },
    { "l1-is-free", PLAIN, AT_WRITE, "would overwrite", MIB, { { COUNT(3), 0 } }, 0 },
    { "l2-is-free", PLAIN, AT_WRITE, "would overwrite", MIB, { { COUNT(4), 0 } }, 0 },
    { "data-is-free", PLAIN, AT_CHECK, "", 0, { { COUNT(5), 0 } }, 0 },
    { "data-has-two", PLAIN, AT_CHECK, "", 0, { { COUNT(5), 2 } }, 0 },
    { "snapshot-l1-is-free", SNAPSHOT, AT_WRITE, "would overwrite", MIB, { { COUNT(9), 0 } }, 0 },
    { "snapshot-table-is-free",
      SNAPSHOT,
      AT_WRITE,
      "would overwrite",
      MIB,
      { { COUNT(10), 0 } },
      0 },
};

const struct bad_images bad_refcounts = { rows, sizeof rows / sizeof rows[0] };
