/* SPDX-License-Identifier: BSD-3-Clause */
/* msix.c - the MSI-X table of one device
 *
 * Each vector owns a GSI and an eventfd for its whole life; unmasking it, or
 * changing it while unmasked, tells KVM where the GSI's message goes.  A vector
 * raised while masked is remembered and sent at the unmasking.
 */

#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>
#include <sys/eventfd.h>

#include "cleanup.h"
#include "msix.h"
#include "report.h"

static int init_vector(struct msix_vector *vector, struct irq *irq)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (fd < 0) {
        report("cannot make an eventfd for an interrupt: %s", strerror(errno));
        return -1;
    }
    int gsi = irq_add_message(irq, fd);
    if (gsi < 0) {
        close(fd);
        return -1;
    }
    vector->entry[3] = PCI_MSIX_ENTRY_CTRL_MASKBIT;
    vector->gsi = (unsigned)gsi;
    vector->event_fd = fd;
    return 0;
}

int msix_init(struct msix *msix, struct irq *irq, unsigned count)
{
    *msix = (struct msix){ .irq = irq };
    pthread_mutex_init(&msix->lock, NULL);
    msix->vectors = calloc(count, sizeof *msix->vectors);
    if (!msix->vectors) {
        report("out of memory for %u interrupt vectors", count);
        return -1;
    }
    for (; msix->count < count; msix->count++)
        if (init_vector(&msix->vectors[msix->count], irq) < 0)
            return -1;
    return 0;
}

void msix_free(struct msix *msix)
{
    if (!msix->irq)
        return;
    for (unsigned i = 0; i < msix->count; i++)
        close(msix->vectors[i].event_fd);
    free(msix->vectors);
    pthread_mutex_destroy(&msix->lock);
    *msix = (struct msix){ 0 };
}

static bool deliverable_locked(const struct msix *msix, const struct msix_vector *vector)
{
    return msix->enabled && !msix->masked && !(vector->entry[3] & PCI_MSIX_ENTRY_CTRL_MASKBIT);
}

static void send_locked(struct msix_vector *vector)
{
    vector->pending = false;
    eventfd_write(vector->event_fd, 1);
}

static void deliver_pending_locked(struct msix *msix)
{
    for (unsigned i = 0; i < msix->count; i++)
        if (msix->vectors[i].pending && deliverable_locked(msix, &msix->vectors[i]))
            send_locked(&msix->vectors[i]);
}

uint64_t msix_table_read(struct msix *msix, uint64_t offset, unsigned size)
{
    uint64_t index = offset / MSIX_ENTRY_SIZE;
    unsigned word = offset % MSIX_ENTRY_SIZE / 4;

    LOCK_SCOPE(&msix->lock);
    if (index >= msix->count || offset % size || size < 4)
        return UINT64_MAX;
    const uint32_t *entry = msix->vectors[index].entry;
    return size == 4 ? entry[word] : entry[word] | (uint64_t)entry[word + 1] << 32;
}

void msix_table_write(struct msix *msix, uint64_t offset, unsigned size, uint64_t value)
{
    uint64_t index = offset / MSIX_ENTRY_SIZE;
    unsigned word = offset % MSIX_ENTRY_SIZE / 4;

    LOCK_SCOPE(&msix->lock);
    if (index >= msix->count || offset % size || size < 4)
        return;
    struct msix_vector *vector = &msix->vectors[index];
    vector->entry[word] = (uint32_t)value;
    if (size == 8)
        vector->entry[word + 1] = (uint32_t)(value >> 32);
    if (vector->entry[3] & PCI_MSIX_ENTRY_CTRL_MASKBIT)
        return;
    irq_route_message(msix->irq, vector->gsi, vector->entry[0] | (uint64_t)vector->entry[1] << 32,
                      vector->entry[2]);
    deliver_pending_locked(msix);
}

uint64_t msix_pending_read(struct msix *msix, uint64_t offset, unsigned size)
{
    uint64_t bits = 0;

    LOCK_SCOPE(&msix->lock);
    for (unsigned i = 0; i < 8 * size && offset * 8 + i < msix->count; i++)
        if (msix->vectors[offset * 8 + i].pending)
            bits |= UINT64_C(1) << i;
    return bits;
}

void msix_control(struct msix *msix, bool enabled, bool masked)
{
    LOCK_SCOPE(&msix->lock);
    msix->enabled = enabled;
    msix->masked = masked;
    deliver_pending_locked(msix);
}

void msix_signal(struct msix *msix, unsigned vector)
{
    LOCK_SCOPE(&msix->lock);
    if (!msix->enabled || vector >= msix->count)
        return;
    if (deliverable_locked(msix, &msix->vectors[vector]))
        send_locked(&msix->vectors[vector]);
    else
        msix->vectors[vector].pending = true;
}
