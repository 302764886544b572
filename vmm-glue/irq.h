/* SPDX-License-Identifier: BSD-3-Clause */
/* irq.h - interrupt lines and messages of the in-kernel chips */

#ifndef VMM_IRQ_H
#define VMM_IRQ_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct kvm_irq_routing;

/* A GSI is KVM's number for a source of interrupts: 0 to 23 are the pins of the
 * I/O APIC (0 to 15 also the PIC's), those above are messages (MSI).
 */
struct irq {
    int vm_fd;
    pthread_mutex_t lock;
    struct kvm_irq_routing *table; /* lock */
    unsigned next_gsi;             /* lock; the next message nobody owns */
};

int irq_init(struct irq *irq, int vm_fd);
void irq_free(struct irq *irq);

void irq_set_line(struct irq *irq, unsigned gsi, bool level);

/* A GSI for a message and the eventfd that raises it, or -1. */
int irq_add_message(struct irq *irq, int event_fd);

/* Where the message goes from now on, as its MSI-X table entry says. */
void irq_route_message(struct irq *irq, unsigned gsi, uint64_t address, uint32_t data);

#endif
