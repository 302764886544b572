/* SPDX-License-Identifier: BSD-3-Clause */
/* clusters.h - host clusters for something new, or back again, and back to the host
 *
 * Until something new comes into force, its clusters are held by whoever makes it:
 *
 *     CLEANUP_CLUSTERS struct clusters table = { 0 };
 *
 * At the end of the scope they are given back, unless they were kept before. */

#ifndef QCOW2_TABLE_CLUSTERS_H
#define QCOW2_TABLE_CLUSTERS_H

#include "table/tables.h"

struct clusters {
    struct tables *tables;
    uint64_t offset; /* in the store; 0: none */
    uint64_t bytes;  /* that are needed, from there on */
};

/* Clusters for so many bytes (0: none), with no lock held.  clusters holds none before. */
int clusters_take(struct clusters *clusters, struct tables *tables, uint64_t bytes);
/* They are in use, or somebody else holds them.  Returns their offset. */
uint64_t clusters_keep(struct clusters *clusters);
/* They never came into use.  This thread's error stays as it is.  Once the image has failed nothing
 * is given back: nobody knows what is in use on disk. */
void clusters_give_back(struct clusters *clusters);

/* The host may have the space of clusters that nobody uses: nobody sees whether it takes it. */
void clusters_punch(struct tables *tables, uint64_t offset, uint64_t bytes);

#define CLEANUP_CLUSTERS __attribute__((cleanup(clusters_give_back)))

#endif
