/* SPDX-License-Identifier: BSD-3-Clause */
/* msix.h - the MSI-X table of one device */

#ifndef VMM_MSIX_H
#define VMM_MSIX_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "irq.h"

#define MSIX_NO_VECTOR 0xffff
#define MSIX_ENTRY_SIZE 16

struct msix_vector {
    uint32_t entry[4]; /* address low, address high, data, control */
    bool pending;      /* raised while masked */
    int event_fd;      /* raises gsi; immutable */
    unsigned gsi;      /* immutable */
};

struct msix {
    struct irq *irq;
    pthread_mutex_t lock; /* guards all below; innermost but for irq->lock */
    bool enabled;
    bool masked; /* the function's mask */
    unsigned count;
    struct msix_vector *vectors;
};

int msix_init(struct msix *msix, struct irq *irq, unsigned count);
void msix_free(struct msix *msix);

/* The guest's accesses to the table and to the pending bits. */
uint64_t msix_table_read(struct msix *msix, uint64_t offset, unsigned size);
void msix_table_write(struct msix *msix, uint64_t offset, unsigned size, uint64_t value);
uint64_t msix_pending_read(struct msix *msix, uint64_t offset, unsigned size);

/* The guest wrote the capability's control word. */
void msix_control(struct msix *msix, bool enabled, bool masked);

/* Raises the vector, now or when it is unmasked; any thread. */
void msix_signal(struct msix *msix, unsigned vector);

#endif
