/* SPDX-License-Identifier: BSD-3-Clause */
/* irq.c - interrupt lines and messages of the in-kernel chips
 *
 * KVM_SET_GSI_ROUTING replaces the whole table, so the pins of the PIC and the
 * I/O APIC stand at its head in every version.  IRQ n is pin n of the I/O APIC,
 * 0 included: the MADT has no override for the timer.
 */

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cleanup.h"
#include "irq.h"
#include "report.h"

#define PIC_PINS 16
#define IOAPIC_PINS 24
#define MAX_MESSAGES 1024

static void add_pin(struct kvm_irq_routing *table, unsigned gsi, unsigned chip, unsigned pin)
{
    table->entries[table->nr++] = (struct kvm_irq_routing_entry){
        .gsi = gsi,
        .type = KVM_IRQ_ROUTING_IRQCHIP,
        .u.irqchip = { .irqchip = chip, .pin = pin },
    };
}

static int send_table_locked(struct irq *irq)
{
    if (ioctl(irq->vm_fd, KVM_SET_GSI_ROUTING, irq->table) < 0) {
        report("KVM refuses the interrupt routing: %s", strerror(errno));
        return -1;
    }
    return 0;
}

int irq_init(struct irq *irq, int vm_fd)
{
    const size_t entries = PIC_PINS + IOAPIC_PINS + MAX_MESSAGES;

    *irq = (struct irq){ .vm_fd = vm_fd, .next_gsi = IOAPIC_PINS };
    irq->table = calloc(1, sizeof *irq->table + entries * sizeof irq->table->entries[0]);
    if (!irq->table) {
        report("out of memory for the interrupt routing");
        return -1;
    }
    pthread_mutex_init(&irq->lock, NULL);
    for (unsigned pin = 0; pin < PIC_PINS; pin++)
        add_pin(irq->table, pin, pin < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE, pin % 8);
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
        add_pin(irq->table, pin, KVM_IRQCHIP_IOAPIC, pin);
    return send_table_locked(irq);
}

void irq_free(struct irq *irq)
{
    if (!irq->table)
        return;
    free(irq->table);
    irq->table = NULL;
    pthread_mutex_destroy(&irq->lock);
}

void irq_set_line(struct irq *irq, unsigned gsi, bool level)
{
    struct kvm_irq_level line = { .irq = gsi, .level = level };

    if (ioctl(irq->vm_fd, KVM_IRQ_LINE, &line) < 0)
        report("cannot set interrupt line %u: %s", gsi, strerror(errno));
}

int irq_add_message(struct irq *irq, int event_fd)
{
    LOCK_SCOPE(&irq->lock);
    struct kvm_irqfd irqfd = { .fd = (uint32_t)event_fd, .gsi = irq->next_gsi };

    if (irq->next_gsi == IOAPIC_PINS + MAX_MESSAGES) {
        report("the disks want more than %d interrupt messages", MAX_MESSAGES);
        return -1;
    }
    if (ioctl(irq->vm_fd, KVM_IRQFD, &irqfd) < 0) {
        report("KVM refuses an irqfd: %s", strerror(errno));
        return -1;
    }
    return (int)irq->next_gsi++;
}

static struct kvm_irq_routing_entry *find_message_locked(struct irq *irq, unsigned gsi)
{
    for (uint32_t i = PIC_PINS + IOAPIC_PINS; i < irq->table->nr; i++)
        if (irq->table->entries[i].gsi == gsi)
            return &irq->table->entries[i];
    return &irq->table->entries[irq->table->nr++];
}

void irq_route_message(struct irq *irq, unsigned gsi, uint64_t address, uint32_t data)
{
    LOCK_SCOPE(&irq->lock);
    struct kvm_irq_routing_entry *entry = find_message_locked(irq, gsi);

    *entry = (struct kvm_irq_routing_entry){
        .gsi = gsi,
        .type = KVM_IRQ_ROUTING_MSI,
        .u.msi = { .address_lo = (uint32_t)address,
                   .address_hi = (uint32_t)(address >> 32),
                   .data = data },
    };
    send_table_locked(irq);
}
