/* SPDX-License-Identifier: BSD-3-Clause */
/* virtio-pci.h - the modern virtio transport over PCI */

#ifndef VMM_VIRTIO_PCI_H
#define VMM_VIRTIO_PCI_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "irq.h"
#include "msix.h"
#include "pci.h"
#include "virtio.h"

struct virtio_pci_queue {
    struct virtqueue_config config;
    bool enabled;
    uint16_t vector;
};

struct virtio_pci {
    struct pci_device pci; /* guarded by the bus's lock; first, for the casts */
    struct virtio_device *device;
    int vm_fd;
    unsigned window_capability; /* offset of the PCI configuration access capability */
    unsigned msix_capability;
    struct msix msix; /* has its own lock */
    uint8_t isr;      /* atomic */

    pthread_mutex_t lock; /* guards all below; after the bus's, before the MSI-X table's */
    pthread_cond_t quiet; /* running has become 0 */
    uint8_t status;
    bool resetting;   /* the driver wrote status 0 while queues were running */
    unsigned running; /* queues started and not yet reported stopped */
    bool reported;    /* the user was told once that the driver misbehaves */
    uint32_t device_feature_select;
    uint32_t driver_feature_select;
    uint64_t driver_features;
    uint16_t config_vector;
    uint16_t queue_select;
    struct virtio_pci_queue queues[VIRTIO_MAX_QUEUES];
};

/* Makes the PCI function for a device; plug it in with pci_add. */
int virtio_pci_init(struct virtio_pci *transport, struct virtio_device *device, struct irq *irq,
                    int vm_fd);
void virtio_pci_free(struct virtio_pci *transport);

/* Resets the device and waits until nothing touches guest memory any more; -1
 * if that takes longer than the given seconds.
 */
int virtio_pci_shutdown(struct virtio_pci *transport, unsigned seconds);

/* For the device, from any thread. */
void virtio_pci_interrupt(struct virtio_pci *transport, unsigned queue);
void virtio_pci_queue_stopped(struct virtio_pci *transport);
void virtio_pci_queue_broken(struct virtio_pci *transport, unsigned queue, const char *why);

#endif
