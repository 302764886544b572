/* SPDX-License-Identifier: BSD-3-Clause */
/* serial.h - a 16550 serial port */

#ifndef VMM_SERIAL_H
#define VMM_SERIAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bus.h"
#include "irq.h"

#define SERIAL_PORT 0x3f8
#define SERIAL_IRQ 4
#define SERIAL_FIFO 16

struct serial {
    struct irq *irq;
    int output_fd;
    int room_fd; /* eventfd: the guest has taken input, there is room for more */

    pthread_mutex_t lock; /* guards all below; the irq's lock comes after it */
    uint8_t input[SERIAL_FIFO];
    unsigned input_first;
    unsigned input_count;
    uint8_t ier, lcr, mcr, scratch, dll, dlm;
    bool fifo_enabled;
    bool transmit_pending; /* the transmitter became empty and was not asked why */
    bool line;             /* level of the interrupt line */
};

int serial_init(struct serial *serial, struct irq *irq, struct bus *ports, int output_fd);
void serial_free(struct serial *serial);

/* Offers input from the console; returns how many bytes found room. */
size_t serial_input(struct serial *serial, const uint8_t *buf, size_t count);

#endif
