/* SPDX-License-Identifier: BSD-3-Clause */
/* virtio-pci.c - the modern virtio transport over PCI
 *
 * BAR 0 holds everything:
 *
 *     0x0000  common configuration       0x3000  notification, 4 bytes a queue
 *     0x1000  ISR                        0x4000  MSI-X table
 *     0x2000  device configuration       0x5000  MSI-X pending bits
 *
 * The life of a device, as its status register tells it:
 *
 *     reset ── ACKNOWLEDGE, DRIVER, FEATURES_OK ── DRIVER_OK ── queues running
 *       ^                                                           │
 *       └──── last queue stopped ──── resetting <── status 0 ───────┘
 *
 * - The driver's features are fixed at FEATURES_OK, the queues at their enabling
 *   or at DRIVER_OK, whichever comes first: later writes are ignored.
 * - A reset of a running device ends only when no request is in flight; until
 *   then status does not read 0, which the driver waits for, and all other writes
 *   are ignored.  No vCPU waits inside the VMM.
 */

#include <errno.h>
#include <linux/kvm.h>
#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_pci.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <time.h>

#include "cleanup.h"
#include "report.h"
#include "virtio-pci.h"

#define BAR_SIZE 0x8000
#define REGION_SIZE 0x1000
#define NOTIFY_STRIDE 4
#define VENDOR_VIRTIO 0x1af4
#define DEVICE_ID_BASE 0x1040
#define CLASS_STORAGE 0x018000

enum region { COMMON, ISR, DEVICE, NOTIFY, MSIX_TABLE, MSIX_PENDING };

static struct virtio_pci_queue *selected_locked(struct virtio_pci *transport)
{
    if (transport->queue_select >= transport->device->queue_count)
        return NULL;
    return &transport->queues[transport->queue_select];
}

static void finish_reset_locked(struct virtio_pci *transport)
{
    transport->status = 0;
    transport->resetting = false;
    transport->device_feature_select = transport->driver_feature_select = 0;
    transport->driver_features = 0;
    transport->config_vector = MSIX_NO_VECTOR;
    transport->queue_select = 0;
    __atomic_store_n(&transport->isr, 0, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < transport->device->queue_count; i++)
        transport->queues[i] = (struct virtio_pci_queue){
            .config.size = transport->device->queue_size,
            .vector = MSIX_NO_VECTOR,
        };
    transport->device->ops->reset(transport->device);
}

static void begin_reset_locked(struct virtio_pci *transport)
{
    if (transport->resetting)
        return;
    if (!transport->running) {
        finish_reset_locked(transport);
        return;
    }
    transport->resetting = true;
    for (unsigned i = 0; i < transport->device->queue_count; i++)
        if (transport->queues[i].enabled)
            transport->device->ops->stop_queue(transport->device, i);
}

static void needs_reset_locked(struct virtio_pci *transport, unsigned queue, const char *why)
{
    transport->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
    __atomic_or_fetch(&transport->isr, VIRTIO_PCI_ISR_CONFIG, __ATOMIC_RELAXED);
    msix_signal(&transport->msix, transport->config_vector);
    if (!transport->reported)
        report("the guest's driver broke queue %u of disk %s: %s", queue, transport->device->name,
               why);
    transport->reported = true;
}

static void start_locked(struct virtio_pci *transport)
{
    struct virtio_device *device = transport->device;

    for (unsigned i = 0; i < device->queue_count; i++) {
        struct virtio_pci_queue *queue = &transport->queues[i];
        if (!queue->enabled)
            continue;
        const char *wrong = device->ops->start_queue(device, i, &queue->config);
        queue->enabled = !wrong;
        if (wrong)
            needs_reset_locked(transport, i, wrong);
        else
            transport->running++;
    }
}

static bool features_acceptable(const struct virtio_pci *transport)
{
    return !(transport->driver_features & ~transport->device->features) &&
           transport->driver_features >> VIRTIO_F_VERSION_1 & 1;
}

static void write_status_locked(struct virtio_pci *transport, uint8_t value)
{
    uint8_t before = transport->status;

    if (!value) {
        begin_reset_locked(transport);
        return;
    }
    if (!(before & VIRTIO_CONFIG_S_FEATURES_OK) && !features_acceptable(transport))
        value &= (uint8_t)~VIRTIO_CONFIG_S_FEATURES_OK;
    transport->status |= value & (uint8_t)~VIRTIO_CONFIG_S_NEEDS_RESET;
    if (transport->status & ~before & VIRTIO_CONFIG_S_FEATURES_OK)
        transport->device->ops->accept_features(transport->device, transport->driver_features);
    if (!(transport->status & VIRTIO_CONFIG_S_FEATURES_OK))
        transport->status &= (uint8_t)~VIRTIO_CONFIG_S_DRIVER_OK;
    if (transport->status & ~before & VIRTIO_CONFIG_S_DRIVER_OK)
        start_locked(transport);
}

static uint64_t common_read_locked(struct virtio_pci *transport, uint64_t offset)
{
    struct virtio_device *device = transport->device;
    const struct virtio_pci_queue *queue = selected_locked(transport);

    switch (offset) {
    case VIRTIO_PCI_COMMON_DFSELECT: return transport->device_feature_select;
    case VIRTIO_PCI_COMMON_DF:
        return transport->device_feature_select < 2
                   ? (uint32_t)(device->features >> (32 * transport->device_feature_select))
                   : 0;
    case VIRTIO_PCI_COMMON_GFSELECT: return transport->driver_feature_select;
    case VIRTIO_PCI_COMMON_GF:
        return transport->driver_feature_select < 2
                   ? (uint32_t)(transport->driver_features >>
                                (32 * transport->driver_feature_select))
                   : 0;
    case VIRTIO_PCI_COMMON_MSIX: return transport->config_vector;
    case VIRTIO_PCI_COMMON_NUMQ: return device->queue_count;
    case VIRTIO_PCI_COMMON_STATUS: return transport->status;
    case VIRTIO_PCI_COMMON_CFGGENERATION: return 0;
    case VIRTIO_PCI_COMMON_Q_SELECT: return transport->queue_select;
    }
    if (!queue) /* a size of 0 tells the driver that there is no such queue */
        return 0;
    switch (offset) {
    case VIRTIO_PCI_COMMON_Q_SIZE: return queue->config.size;
    case VIRTIO_PCI_COMMON_Q_MSIX: return queue->vector;
    case VIRTIO_PCI_COMMON_Q_ENABLE: return queue->enabled;
    case VIRTIO_PCI_COMMON_Q_NOFF: return transport->queue_select;
    case VIRTIO_PCI_COMMON_Q_DESCLO: return (uint32_t)queue->config.descriptors;
    case VIRTIO_PCI_COMMON_Q_DESCHI: return queue->config.descriptors >> 32;
    case VIRTIO_PCI_COMMON_Q_AVAILLO: return (uint32_t)queue->config.available;
    case VIRTIO_PCI_COMMON_Q_AVAILHI: return queue->config.available >> 32;
    case VIRTIO_PCI_COMMON_Q_USEDLO: return (uint32_t)queue->config.used;
    case VIRTIO_PCI_COMMON_Q_USEDHI: return queue->config.used >> 32;
    default: return 0;
    }
}

static void set_half(uint64_t *whole, bool high, uint64_t value)
{
    if (high)
        *whole = (*whole & UINT32_MAX) | value << 32;
    else
        *whole = (*whole & ~(uint64_t)UINT32_MAX) | (uint32_t)value;
}

/* A vector the table does not have reads back as none, which tells the driver. */
static uint16_t checked_vector(const struct virtio_pci *transport, uint64_t vector)
{
    return vector < transport->msix.count ? (uint16_t)vector : MSIX_NO_VECTOR;
}

static void queue_write_locked(struct virtio_pci *transport, uint64_t offset, uint64_t value)
{
    struct virtio_pci_queue *queue = selected_locked(transport);

    if (!queue || queue->enabled || transport->status & VIRTIO_CONFIG_S_DRIVER_OK)
        return;
    switch (offset) {
    case VIRTIO_PCI_COMMON_Q_SIZE:
        if (value && value <= transport->device->queue_size && !(value & (value - 1)))
            queue->config.size = (uint16_t)value;
        break;
    case VIRTIO_PCI_COMMON_Q_MSIX: queue->vector = checked_vector(transport, value); break;
    case VIRTIO_PCI_COMMON_Q_ENABLE: queue->enabled = value == 1; break;
    case VIRTIO_PCI_COMMON_Q_DESCLO:
    case VIRTIO_PCI_COMMON_Q_DESCHI:
        set_half(&queue->config.descriptors, offset == VIRTIO_PCI_COMMON_Q_DESCHI, value);
        break;
    case VIRTIO_PCI_COMMON_Q_AVAILLO:
    case VIRTIO_PCI_COMMON_Q_AVAILHI:
        set_half(&queue->config.available, offset == VIRTIO_PCI_COMMON_Q_AVAILHI, value);
        break;
    case VIRTIO_PCI_COMMON_Q_USEDLO:
    case VIRTIO_PCI_COMMON_Q_USEDHI:
        set_half(&queue->config.used, offset == VIRTIO_PCI_COMMON_Q_USEDHI, value);
        break;
    }
}

static void common_write_locked(struct virtio_pci *transport, uint64_t offset, uint64_t value)
{
    if (transport->resetting)
        return;
    switch (offset) {
    case VIRTIO_PCI_COMMON_DFSELECT: transport->device_feature_select = (uint32_t)value; break;
    case VIRTIO_PCI_COMMON_GFSELECT: transport->driver_feature_select = (uint32_t)value; break;
    case VIRTIO_PCI_COMMON_GF:
        if (transport->driver_feature_select < 2 &&
            !(transport->status & VIRTIO_CONFIG_S_FEATURES_OK))
            set_half(&transport->driver_features, transport->driver_feature_select == 1, value);
        break;
    case VIRTIO_PCI_COMMON_MSIX: transport->config_vector = checked_vector(transport, value); break;
    case VIRTIO_PCI_COMMON_STATUS: write_status_locked(transport, (uint8_t)value); break;
    case VIRTIO_PCI_COMMON_Q_SELECT: transport->queue_select = (uint16_t)value; break;
    default: queue_write_locked(transport, offset, value); break;
    }
}

/* The width of the register that begins at the offset, 0 if none does. */
static unsigned common_width(uint64_t offset)
{
    switch (offset) {
    case VIRTIO_PCI_COMMON_STATUS:
    case VIRTIO_PCI_COMMON_CFGGENERATION: return 1;
    case VIRTIO_PCI_COMMON_MSIX:
    case VIRTIO_PCI_COMMON_NUMQ:
    case VIRTIO_PCI_COMMON_Q_SELECT:
    case VIRTIO_PCI_COMMON_Q_SIZE:
    case VIRTIO_PCI_COMMON_Q_MSIX:
    case VIRTIO_PCI_COMMON_Q_ENABLE:
    case VIRTIO_PCI_COMMON_Q_NOFF: return 2;
    default: return offset % 4 == 0 && offset <= VIRTIO_PCI_COMMON_Q_USEDHI ? 4 : 0;
    }
}

static uint64_t device_read_locked(struct virtio_device *device, uint64_t offset, unsigned size)
{
    if (offset >= device->config_length || size > device->config_length - offset)
        return 0;
    return device->ops->config_read(device, (unsigned)offset, size);
}

static void device_write_locked(struct virtio_device *device, uint64_t offset, unsigned size,
                                uint64_t value)
{
    if (offset < device->config_length && size <= device->config_length - offset)
        device->ops->config_write(device, (unsigned)offset, size, value);
}

static uint64_t bar_read(struct pci_device *pci, uint64_t address, unsigned size)
{
    struct virtio_pci *transport = (struct virtio_pci *)pci;
    uint64_t offset = address % REGION_SIZE;

    switch ((enum region)(address / REGION_SIZE)) {
    case COMMON: {
        LOCK_SCOPE(&transport->lock);
        return common_width(offset) == size ? common_read_locked(transport, offset) : 0;
    }
    case ISR: return offset ? 0 : __atomic_exchange_n(&transport->isr, 0, __ATOMIC_RELAXED);
    case DEVICE: {
        LOCK_SCOPE(&transport->lock);
        return device_read_locked(transport->device, offset, size);
    }
    case MSIX_TABLE: return msix_table_read(&transport->msix, offset, size);
    case MSIX_PENDING: return msix_pending_read(&transport->msix, offset, size);
    default: return 0;
    }
}

static void bar_write(struct pci_device *pci, uint64_t address, unsigned size, uint64_t value)
{
    struct virtio_pci *transport = (struct virtio_pci *)pci;
    uint64_t offset = address % REGION_SIZE;

    switch ((enum region)(address / REGION_SIZE)) {
    case COMMON: {
        LOCK_SCOPE(&transport->lock);
        if (common_width(offset) == size)
            common_write_locked(transport, offset, value);
        break;
    }
    case DEVICE: {
        LOCK_SCOPE(&transport->lock);
        device_write_locked(transport->device, offset, size, value);
        break;
    }
    case NOTIFY: /* kicks that KVM did not turn into an eventfd by itself */
        if (offset / NOTIFY_STRIDE < transport->device->queue_count)
            eventfd_write(transport->device->kick_fds[offset / NOTIFY_STRIDE], 1);
        break;
    case MSIX_TABLE: msix_table_write(&transport->msix, offset, size, value); break;
    default: break;
    }
}

static void set_ioeventfd(const struct virtio_pci *transport, unsigned queue, uint64_t base,
                          uint32_t flags)
{
    struct kvm_ioeventfd ioeventfd = {
        .addr = base + (uint64_t)NOTIFY * REGION_SIZE + (uint64_t)queue * NOTIFY_STRIDE,
        .len = 2,
        .fd = transport->device->kick_fds[queue],
        .flags = flags,
    };
    /* A failure costs speed only: bar_write passes such kicks on. */
    ioctl(transport->vm_fd, KVM_IOEVENTFD, &ioeventfd);
}

static void bar_moved(struct pci_device *pci, uint64_t old_base, uint64_t new_base)
{
    struct virtio_pci *transport = (struct virtio_pci *)pci;

    for (unsigned i = 0; i < transport->device->queue_count; i++) {
        if (old_base)
            set_ioeventfd(transport, i, old_base, KVM_IOEVENTFD_FLAG_DEASSIGN);
        if (new_base)
            set_ioeventfd(transport, i, new_base, 0);
    }
}

/* The window capability: a guest that cannot map the BAR reaches it through
 * configuration space, naming BAR, offset and length.
 */
static bool window_target(struct virtio_pci *transport, unsigned touched, uint32_t *offset,
                          unsigned *length)
{
    unsigned capability = transport->window_capability;
    unsigned data = capability + sizeof(struct virtio_pci_cap);

    if (touched < data || touched >= data + 4)
        return false;
    *offset = pci_config_get(&transport->pci, capability + VIRTIO_PCI_CAP_OFFSET, 4);
    *length = pci_config_get(&transport->pci, capability + VIRTIO_PCI_CAP_LENGTH, 4);
    return pci_config_get(&transport->pci, capability + VIRTIO_PCI_CAP_BAR, 1) == 0 &&
           (*length == 1 || *length == 2 || *length == 4) && *offset % *length == 0 &&
           *offset <= BAR_SIZE - *length;
}

static void config_read(struct pci_device *pci, unsigned offset, unsigned size)
{
    struct virtio_pci *transport = (struct virtio_pci *)pci;
    unsigned length;
    uint32_t target;

    (void)size;
    if (window_target(transport, offset, &target, &length))
        pci_config_set(pci, transport->window_capability + sizeof(struct virtio_pci_cap), length,
                       (uint32_t)bar_read(pci, target, length));
}

static void config_written(struct pci_device *pci, unsigned offset, unsigned size)
{
    struct virtio_pci *transport = (struct virtio_pci *)pci;
    unsigned data = transport->window_capability + (unsigned)sizeof(struct virtio_pci_cap);
    unsigned control = transport->msix_capability + PCI_MSIX_FLAGS;
    unsigned length;
    uint32_t target;

    if (window_target(transport, offset, &target, &length))
        bar_write(pci, target, length, pci_config_get(pci, data, length));
    if (offset < control + 2 && offset + size > control) {
        uint32_t flags = pci_config_get(pci, control, 2);
        msix_control(&transport->msix, flags & PCI_MSIX_FLAGS_ENABLE,
                     flags & PCI_MSIX_FLAGS_MASKALL);
    }
}

static const struct pci_device_ops pci_ops = {
    .bar_read = bar_read,
    .bar_write = bar_write,
    .bar_moved = bar_moved,
    .config_read = config_read,
    .config_written = config_written,
};

static unsigned add_structure(struct virtio_pci *transport, uint8_t type, enum region region,
                              uint32_t length, unsigned extra)
{
    struct virtio_pci_notify_cap notify = {
        .cap = { .cap_len = (uint8_t)(sizeof(struct virtio_pci_cap) + extra),
                 .cfg_type = type,
                 .offset = type == VIRTIO_PCI_CAP_PCI_CFG ? 0 : region * REGION_SIZE,
                 .length = length },
        .notify_off_multiplier = type == VIRTIO_PCI_CAP_NOTIFY_CFG ? NOTIFY_STRIDE : 0,
    };
    return pci_device_add_capability(&transport->pci, PCI_CAP_ID_VNDR, &notify.cap.cap_len,
                                     (unsigned)sizeof notify.cap - 2 + extra);
}

static void add_capabilities(struct virtio_pci *transport)
{
    struct virtio_device *device = transport->device;
    struct pci_device *pci = &transport->pci;
    uint32_t msix_body[3] = { 0 };

    add_structure(transport, VIRTIO_PCI_CAP_COMMON_CFG, COMMON,
                  sizeof(struct virtio_pci_common_cfg), 0);
    add_structure(transport, VIRTIO_PCI_CAP_ISR_CFG, ISR, 1, 0);
    add_structure(transport, VIRTIO_PCI_CAP_DEVICE_CFG, DEVICE, device->config_length, 0);
    add_structure(transport, VIRTIO_PCI_CAP_NOTIFY_CFG, NOTIFY, device->queue_count * NOTIFY_STRIDE,
                  4);
    unsigned window = add_structure(transport, VIRTIO_PCI_CAP_PCI_CFG, COMMON, 0, 4);
    pci->writable[window + VIRTIO_PCI_CAP_BAR] = 0xff;
    memset(pci->writable + window + VIRTIO_PCI_CAP_OFFSET, 0xff, 12);
    transport->window_capability = window;

    unsigned msix = pci_device_add_capability(pci, PCI_CAP_ID_MSIX, msix_body, 10);
    pci_config_set(pci, msix + PCI_MSIX_FLAGS, 2, transport->msix.count - 1);
    pci_config_set(pci, msix + PCI_MSIX_TABLE, 4, MSIX_TABLE * REGION_SIZE);
    pci_config_set(pci, msix + PCI_MSIX_PBA, 4, MSIX_PENDING * REGION_SIZE);
    pci->writable[msix + PCI_MSIX_FLAGS + 1] =
        (PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL) >> 8;
    transport->msix_capability = msix;
}

int virtio_pci_init(struct virtio_pci *transport, struct virtio_device *device, struct irq *irq,
                    int vm_fd)
{
    *transport = (struct virtio_pci){ .device = device, .vm_fd = vm_fd };
    device->transport = transport;
    pthread_mutex_init(&transport->lock, NULL);
    pthread_cond_init(&transport->quiet, NULL);
    finish_reset_locked(transport);
    if (msix_init(&transport->msix, irq, device->queue_count + 1) < 0)
        return -1;
    pci_device_init(&transport->pci, VENDOR_VIRTIO, DEVICE_ID_BASE + VIRTIO_ID_BLOCK, 1,
                    CLASS_STORAGE);
    pci_config_set(&transport->pci, PCI_SUBSYSTEM_VENDOR_ID, 2, VENDOR_VIRTIO);
    pci_config_set(&transport->pci, PCI_SUBSYSTEM_ID, 2, 0x40);
    pci_device_set_bar(&transport->pci, BAR_SIZE);
    add_capabilities(transport);
    transport->pci.ops = &pci_ops;
    return 0;
}

void virtio_pci_free(struct virtio_pci *transport)
{
    if (!transport->device)
        return;
    msix_free(&transport->msix);
    pthread_cond_destroy(&transport->quiet);
    pthread_mutex_destroy(&transport->lock);
    transport->device = NULL;
}

int virtio_pci_shutdown(struct virtio_pci *transport, unsigned seconds)
{
    struct timespec deadline;
    int result = 0;

    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += seconds;
    LOCK_SCOPE(&transport->lock);
    begin_reset_locked(transport);
    while (transport->running && result == 0)
        result = pthread_cond_timedwait(&transport->quiet, &transport->lock, &deadline);
    if (!transport->running)
        return 0;
    report("the NBD server of disk %s has left requests unanswered for %u seconds",
           transport->device->name, seconds);
    return -1;
}

void virtio_pci_interrupt(struct virtio_pci *transport, unsigned queue)
{
    /* The vector cannot change while the queue is running. */
    __atomic_or_fetch(&transport->isr, 1, __ATOMIC_RELAXED);
    msix_signal(&transport->msix, transport->queues[queue].vector);
}

void virtio_pci_queue_stopped(struct virtio_pci *transport)
{
    LOCK_SCOPE(&transport->lock);
    if (--transport->running)
        return;
    if (transport->resetting)
        finish_reset_locked(transport);
    pthread_cond_broadcast(&transport->quiet);
}

void virtio_pci_queue_broken(struct virtio_pci *transport, unsigned queue, const char *why)
{
    LOCK_SCOPE(&transport->lock);
    if (!transport->resetting)
        needs_reset_locked(transport, queue, why);
}
