/* SPDX-License-Identifier: BSD-3-Clause */
/* header_encode.h - writing the first cluster: of a new image, or anew
 *
 *     0           header_length                                          cluster size
 *     | header    | padding | extensions, end | backing file name |      |
 *
 * The extensions come in the order in which new images of QEMU have them, with those that it writes
 * later before the table of feature names: so all that ever changes tends to lie in the first
 * sector. The padding is an extension, too, which other programs skip.  It is there only while
 * something else must not be overwritten (table/header_update.c says why).
 */

#ifndef QCOW2_FORMAT_HEADER_ENCODE_H
#define QCOW2_FORMAT_HEADER_ENCODE_H

#include "format/header.h"

struct header_layout {
    bool feature_names;     /* write the table of feature names, if the image should have one */
    uint64_t extensions_at; /* behind a padding that reaches to here; 0: no padding */
    uint64_t name_at;       /* where the backing file name goes; 0: right behind the extensions */
};

/* The layout of a new image. */
extern const struct header_layout header_layout_new;

/* Which bytes of the cluster mean something. */
struct header_used {
    uint64_t header_end;
    uint64_t extensions_at; /* behind a padding */
    uint64_t extensions_end;
    uint64_t name_at; /* 0: no backing file */
    uint64_t name_end;
};

/* The first cluster for a header.  cluster has cluster_size zeroed bytes.  ENOSPC if it does not
 * fit. */
int header_encode(const struct header *header, const struct header_layout *layout, uint8_t *cluster,
                  struct header_used *used);

/* What a first cluster uses that header_decode accepts. */
void header_used_by(const uint8_t *cluster, uint64_t cluster_size, struct header_used *used);

#endif
