/* SPDX-License-Identifier: BSD-3-Clause */
/* serial.c - a 16550 serial port
 *
 * What the guest transmits is written to the console at once, so the transmitter
 * is always empty.  Input waits in the FIFO; the console keeps what finds no room
 * there, so nothing typed or piped in is lost.
 */

#include <errno.h>
#include <linux/serial_reg.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>

#include "cleanup.h"
#include "report.h"
#include "serial.h"

/* The interrupt to report, by priority, or UART_IIR_NO_INT. */
static uint8_t pending_locked(const struct serial *serial)
{
    if (serial->input_count && serial->ier & UART_IER_RDI)
        return UART_IIR_RDI;
    if (serial->transmit_pending && serial->ier & UART_IER_THRI)
        return UART_IIR_THRI;
    return UART_IIR_NO_INT;
}

static void update_line_locked(struct serial *serial)
{
    bool level = pending_locked(serial) != UART_IIR_NO_INT;

    if (level != serial->line)
        irq_set_line(serial->irq, SERIAL_IRQ, level);
    serial->line = level;
}

static uint8_t take_input_locked(struct serial *serial)
{
    if (!serial->input_count)
        return 0;
    uint8_t byte = serial->input[serial->input_first];
    serial->input_first = (serial->input_first + 1) % SERIAL_FIFO;
    serial->input_count--;
    eventfd_write(serial->room_fd, 1);
    return byte;
}

static void put_input_locked(struct serial *serial, uint8_t byte)
{
    serial->input[(serial->input_first + serial->input_count++) % SERIAL_FIFO] = byte;
}

static void write_all(int fd, uint8_t byte)
{
    while (write(fd, &byte, 1) < 0) {
        struct pollfd room = { .fd = fd, .events = POLLOUT };
        if (errno == EAGAIN)
            poll(&room, 1, -1);
        else if (errno != EINTR)
            return; /* the reader is gone; the guest runs on */
    }
}

static void transmit_locked(struct serial *serial, uint8_t byte)
{
    if (!(serial->mcr & UART_MCR_LOOP))
        write_all(serial->output_fd, byte);
    else if (serial->input_count < SERIAL_FIFO)
        put_input_locked(serial, byte);
    serial->transmit_pending = true;
}

static uint8_t modem_status_locked(const struct serial *serial)
{
    if (!(serial->mcr & UART_MCR_LOOP))
        return UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS;
    return (uint8_t)((serial->mcr & UART_MCR_RTS ? UART_MSR_CTS : 0) |
                     (serial->mcr & UART_MCR_DTR ? UART_MSR_DSR : 0) |
                     (serial->mcr & UART_MCR_OUT1 ? UART_MSR_RI : 0) |
                     (serial->mcr & UART_MCR_OUT2 ? UART_MSR_DCD : 0));
}

static uint8_t identify_interrupt_locked(struct serial *serial)
{
    uint8_t pending = pending_locked(serial);

    if (pending == UART_IIR_THRI)
        serial->transmit_pending = false;
    return pending | (serial->fifo_enabled ? 0xc0 : 0);
}

static uint8_t read_locked(struct serial *serial, unsigned reg)
{
    bool divisor = serial->lcr & UART_LCR_DLAB;

    switch (reg) {
    case UART_RX: return divisor ? serial->dll : take_input_locked(serial);
    case UART_IER: return divisor ? serial->dlm : serial->ier;
    case UART_IIR: return identify_interrupt_locked(serial);
    case UART_LCR: return serial->lcr;
    case UART_MCR: return serial->mcr;
    case UART_LSR: return UART_LSR_TEMT | UART_LSR_THRE | (serial->input_count ? UART_LSR_DR : 0);
    case UART_MSR: return modem_status_locked(serial);
    default: return serial->scratch;
    }
}

static void control_fifo_locked(struct serial *serial, uint8_t value)
{
    serial->fifo_enabled = value & UART_FCR_ENABLE_FIFO;
    if (value & UART_FCR_CLEAR_RCVR) {
        serial->input_count = 0;
        eventfd_write(serial->room_fd, 1);
    }
}

static void write_locked(struct serial *serial, unsigned reg, uint8_t value)
{
    bool divisor = serial->lcr & UART_LCR_DLAB;

    switch (reg) {
    case UART_TX:
        if (divisor)
            serial->dll = value;
        else
            transmit_locked(serial, value);
        break;
    case UART_IER:
        if (divisor) {
            serial->dlm = value;
        } else {
            /* Enabling the transmitter's interrupt raises it: it is empty. */
            if (value & ~serial->ier & UART_IER_THRI)
                serial->transmit_pending = true;
            serial->ier = value & 0x0f;
        }
        break;
    case UART_FCR: control_fifo_locked(serial, value); break;
    case UART_LCR: serial->lcr = value; break;
    case UART_MCR: serial->mcr = value & 0x1f; break;
    case UART_SCR: serial->scratch = value; break;
    default: break;
    }
}

static uint64_t port_read(void *opaque, uint64_t offset, unsigned size)
{
    struct serial *serial = opaque;

    LOCK_SCOPE(&serial->lock);
    if (size != 1)
        return UINT64_MAX;
    uint8_t value = read_locked(serial, (unsigned)offset);
    update_line_locked(serial);
    return value;
}

static void port_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct serial *serial = opaque;

    LOCK_SCOPE(&serial->lock);
    if (size != 1)
        return;
    write_locked(serial, (unsigned)offset, (uint8_t)value);
    update_line_locked(serial);
}

static const struct bus_ops serial_ops = { port_read, port_write };

int serial_init(struct serial *serial, struct irq *irq, struct bus *ports, int output_fd)
{
    *serial = (struct serial){ .irq = irq, .output_fd = output_fd };
    serial->room_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (serial->room_fd < 0) {
        report("cannot make an eventfd for the console: %s", strerror(errno));
        return -1;
    }
    pthread_mutex_init(&serial->lock, NULL);
    bus_add(ports, SERIAL_PORT, 8, &serial_ops, serial);
    return 0;
}

void serial_free(struct serial *serial)
{
    if (!serial->irq || serial->room_fd < 0)
        return;
    close(serial->room_fd);
    pthread_mutex_destroy(&serial->lock);
    serial->irq = NULL;
}

size_t serial_input(struct serial *serial, const uint8_t *buf, size_t count)
{
    size_t taken = 0;

    LOCK_SCOPE(&serial->lock);
    while (taken < count && serial->input_count < SERIAL_FIFO)
        put_input_locked(serial, buf[taken++]);
    update_line_locked(serial);
    return taken;
}
