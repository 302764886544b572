/* SPDX-License-Identifier: BSD-3-Clause */
/* vmm-devices.c - serial port, clock, power registers, MSI-X and RAM behave as hardware does */

#include "vmm-scratch.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../../vmm-glue/console.h"
#include "../../vmm-glue/iov.h"
#include "../../vmm-glue/memory.h"
#include "../../vmm-glue/msix.h"
#include "../../vmm-glue/power.h"
#include "../../vmm-glue/rtc.h"
#include "../../vmm-glue/serial.h"

/* The interrupt layer, without KVM. */
static bool line_level;
static unsigned line_number;
static int message_count;
static uint64_t routed_address;
static uint32_t routed_data;

void irq_set_line(struct irq *irq, unsigned gsi, bool level)
{
    (void)irq;
    line_number = gsi;
    line_level = level;
}

int irq_add_message(struct irq *irq, int event_fd)
{
    (void)irq, (void)event_fd;
    return 24 + message_count++;
}

void irq_route_message(struct irq *irq, unsigned gsi, uint64_t address, uint32_t data)
{
    (void)irq, (void)gsi;
    routed_address = address;
    routed_data = data;
}

static struct irq irq;

static uint8_t port_in(struct bus *bus, uint16_t port)
{
    return (uint8_t)bus_read(bus, port, 1);
}

static void port_out(struct bus *bus, uint16_t port, uint8_t value)
{
    bus_write(bus, port, 1, value);
}

static void serial_receives_and_interrupts(void **state)
{
    struct bus bus = { .count = 0 };
    struct serial serial;

    (void)state;
    assert_int_equal(serial_init(&serial, &irq, &bus, STDOUT_FILENO), 0);
    assert_int_equal(port_in(&bus, 0x3fd), 0x60);
    assert_int_equal(serial_input(&serial, (const uint8_t *)"ab", 2), 2);
    assert_false(line_level); /* not enabled yet */
    port_out(&bus, 0x3f9, 1);
    assert_true(line_level);
    assert_int_equal(line_number, 4);
    assert_int_equal(port_in(&bus, 0x3fa) & 0x0f, 4);
    assert_int_equal(port_in(&bus, 0x3fd), 0x61);
    assert_int_equal(port_in(&bus, 0x3f8), 'a');
    assert_true(line_level);
    assert_int_equal(port_in(&bus, 0x3f8), 'b');
    assert_false(line_level);
    assert_int_equal(port_in(&bus, 0x3fa) & 0x0f, 1);
    serial_free(&serial);
}

static void serial_transmits_and_interrupts(void **state)
{
    struct bus bus = { .count = 0 };
    struct serial serial;
    char text[8] = "";
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(serial_init(&serial, &irq, &bus, ends[1]), 0);
    port_out(&bus, 0x3f9, 2);
    assert_int_equal(port_in(&bus, 0x3fa) & 0x0f, 2); /* empty from the start; asking clears it */
    assert_int_equal(port_in(&bus, 0x3fa) & 0x0f, 1);
    port_out(&bus, 0x3f8, 'h');
    assert_true(line_level);
    port_out(&bus, 0x3f8, 'i');
    assert_int_equal(read(ends[0], text, sizeof text), 2);
    assert_string_equal(text, "hi");
    port_out(&bus, 0x3fb, 0x80); /* now the same port is the divisor */
    port_out(&bus, 0x3f8, 12);
    assert_int_equal(port_in(&bus, 0x3f8), 12);
    port_out(&bus, 0x3fb, 3);
    port_out(&bus, 0x3fc, 0x1a); /* loop back: RTS and OUT2 come back as CTS and DCD */
    assert_int_equal(port_in(&bus, 0x3fe), 0x90);
    port_out(&bus, 0x3f8, 'l');
    assert_int_equal(port_in(&bus, 0x3f8), 'l');
    serial_free(&serial);
    close(ends[0]);
    close(ends[1]);
}

/* What a driver tries to learn which port it has; and more input in a loop than there is room
 * for. */
static void serial_is_probed(void **state)
{
    struct bus bus = { .count = 0 };
    struct serial serial;

    (void)state;
    assert_int_equal(serial_init(&serial, &irq, &bus, STDOUT_FILENO), 0);
    port_out(&bus, 0x3ff, 0x5a);
    assert_int_equal(port_in(&bus, 0x3ff), 0x5a);
    port_out(&bus, 0x3f9, 0xff);
    assert_int_equal(port_in(&bus, 0x3f9), 0x0f);
    port_out(&bus, 0x3fb, 0x83);
    assert_int_equal(port_in(&bus, 0x3fb), 0x83);
    port_out(&bus, 0x3f9, 7); /* the divisor's other half */
    assert_int_equal(port_in(&bus, 0x3f9), 7);
    port_out(&bus, 0x3fb, 3);
    port_out(&bus, 0x3fa, 1); /* FIFOs */
    assert_int_equal(port_in(&bus, 0x3fa) & 0xc0, 0xc0);
    port_out(&bus, 0x3fc, 0xff);
    assert_int_equal(port_in(&bus, 0x3fc), 0x1f);
    assert_int_equal(port_in(&bus, 0x3fe), 0xf0);
    for (unsigned i = 0; i < 2 * SERIAL_FIFO; i++)
        port_out(&bus, 0x3f8, (uint8_t)i);
    for (unsigned i = 0; i < SERIAL_FIFO; i++)
        assert_int_equal(port_in(&bus, 0x3f8), i);
    assert_int_equal(port_in(&bus, 0x3f8), 0);
    port_out(&bus, 0x3f8, 'x');
    port_out(&bus, 0x3fa, 3); /* drop what has come in */
    assert_int_equal(port_in(&bus, 0x3fd) & 1, 0);
    port_out(&bus, 0x3fd, 0xff);
    assert_int_equal(port_in(&bus, 0x3fd), 0x60);
    assert_int_equal(bus_read(&bus, 0x3f8, 2), UINT64_MAX);
    bus_write(&bus, 0x3f8, 4, 0xffffffff);
    assert_int_equal(port_in(&bus, 0x3fd), 0x60);
    serial_free(&serial);
}

static void serial_loses_no_input(void **state)
{
    struct bus bus = { .count = 0 };
    struct serial serial;
    eventfd_t count;
    uint8_t bytes[SERIAL_FIFO + 4];

    (void)state;
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    assert_int_equal(serial_init(&serial, &irq, &bus, STDOUT_FILENO), 0);
    assert_int_equal(serial_input(&serial, bytes, sizeof bytes), SERIAL_FIFO);
    assert_int_equal(eventfd_read(serial.room_fd, &count), -1);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(port_in(&bus, 0x3f8), i);
    assert_int_equal(eventfd_read(serial.room_fd, &count), 0);
    assert_int_equal(serial_input(&serial, bytes + SERIAL_FIFO, 4), 4);
    for (unsigned i = 4; i < sizeof bytes; i++)
        assert_int_equal(port_in(&bus, 0x3f8), i);
    serial_free(&serial);
}

static void console_quits_on_its_escape(void **state)
{
    struct console console;
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    console_open(&console, ends[0]);
    assert_int_equal(write(ends[1], "a\1\1b\1qc", 7), 7);
    assert_int_equal(console_read(&console), CONSOLE_INPUT);
    assert_int_equal(console.pending_count, 4);
    assert_memory_equal(console.pending, "a\1bc", 4);
    assert_false(console_wants_input(&console));
    console.pending_count = 0;
    assert_int_equal(write(ends[1], "\1", 1), 1);
    assert_int_equal(console_read(&console), CONSOLE_INPUT);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(console_read(&console), CONSOLE_QUIT);
    close(ends[1]);
    assert_int_equal(console_read(&console), CONSOLE_INPUT);
    assert_true(console.at_end);
    close(ends[0]);
}

static time_t leap_day(time_t *where)
{
    (void)where;
    return 1709251199; /* 2024-02-29 23:59:59 UTC, a Thursday */
}

static void clock_tells_utc_in_bcd(void **state)
{
    static const struct {
        uint8_t index, value;
    } registers[] = {
        { 0, 0x59 }, { 2, 0x59 }, { 4, 0x23 },  { 6, 5 },       { 7, 0x29 },    { 8, 2 },
        { 9, 0x24 }, { 11, 2 },   { 13, 0x80 }, { 0x32, 0x20 }, { 0x80, 0x59 },
    };
    struct bus bus = { .count = 0 };
    struct rtc rtc;

    (void)state;
    rtc_init(&rtc, &bus);
    rtc.now = leap_day;
    for (size_t i = 0; i < sizeof registers / sizeof registers[0]; i++) {
        port_out(&bus, 0x70, registers[i].index);
        assert_int_equal(port_in(&bus, 0x71), registers[i].value);
    }
    port_out(&bus, 0x70, 0x7f);
    port_out(&bus, 0x71, 0xab);
    assert_int_equal(port_in(&bus, 0x71), 0xab);
}

static int asked;

static void on_power(void *opaque, enum power_request request)
{
    (void)opaque;
    asked = (int)request;
}

static void power_is_switched_by_the_right_values_only(void **state)
{
    struct bus bus = { .count = 0 };
    struct power power;

    (void)state;
    power_init(&power, &bus, on_power, NULL);
    asked = -1;
    assert_int_equal(bus_read(&bus, 0x604, 2), 1);
    bus_write(&bus, 0x604, 2, 5 << 10);           /* no SLP_EN */
    bus_write(&bus, 0x604, 2, 3 << 10 | 1 << 13); /* another sleep */
    bus_write(&bus, 0x608, 1, 0);
    bus_write(&bus, 0x64, 1, 0xd1);
    assert_int_equal(asked, -1);
    bus_write(&bus, 0x604, 2, 5 << 10 | 1 << 13);
    assert_int_equal(asked, POWER_OFF);
    bus_write(&bus, 0x608, 1, 1);
    assert_int_equal(asked, POWER_RESTART);
    asked = -1;
    bus_write(&bus, 0x64, 1, 0xfe);
    assert_int_equal(asked, POWER_RESTART);
    bus_write(&bus, 0x602, 2, 0x0120);
    assert_int_equal(bus_read(&bus, 0x600, 4), 0x01200000);
    assert_int_equal(bus_read(&bus, 0x602, 2), 0x0120);
}

static bool raised(const struct msix *msix, unsigned vector)
{
    eventfd_t count;

    return eventfd_read(msix->vectors[vector].event_fd, &count) == 0;
}

static void masked_vectors_wait(void **state)
{
    struct msix msix;

    (void)state;
    assert_int_equal(msix_init(&msix, &irq, 3), 0);
    msix_signal(&msix, 1); /* disabled: lost, as the specification wants */
    msix_control(&msix, true, false);
    msix_table_write(&msix, 16, 4, 0xfee01000);
    msix_table_write(&msix, 24, 4, 0x4021);
    msix_signal(&msix, 1);
    assert_false(raised(&msix, 1));
    assert_int_equal(msix_pending_read(&msix, 0, 8), 2);
    msix_table_write(&msix, 28, 4, 0);
    assert_int_equal(routed_address, 0xfee01000);
    assert_int_equal(routed_data, 0x4021);
    assert_true(raised(&msix, 1));
    assert_int_equal(msix_pending_read(&msix, 0, 4), 0);
    msix_control(&msix, true, true);
    msix_signal(&msix, 1);
    assert_false(raised(&msix, 1));
    msix_control(&msix, true, false);
    assert_true(raised(&msix, 1));
    msix_signal(&msix, 0xffff);
    msix_signal(&msix, 3);
    assert_int_equal(msix_table_read(&msix, 24, 4), 0x4021);
    assert_int_equal(msix_table_read(&msix, 24, 8), 0x4021);
    assert_int_equal(msix_table_read(&msix, 48, 4), UINT64_MAX);
    assert_int_equal(msix_table_read(&msix, 26, 4), UINT64_MAX);
    msix_table_write(&msix, 0xff8, 8, 0);
    msix_free(&msix);
}

static void ram_ends_where_it_ends(void **state)
{
    struct memory memory;

    (void)state;
    assert_int_equal(memory_init(&memory, UINT64_C(4) << 30), 0);
    assert_ptr_equal(memory_range(&memory, 0, 1), memory.base);
    assert_non_null(memory_range(&memory, 0xbfffffff, 1));
    assert_null(memory_range(&memory, 0xbfffffff, 2));
    assert_null(memory_range(&memory, 0xc0000000, 1));
    assert_null(memory_range(&memory, 0xffffffff, 1));
    assert_ptr_equal(memory_range(&memory, UINT64_C(1) << 32, 16), memory.base + 0xc0000000);
    assert_non_null(memory_range(&memory, UINT64_C(0x13fffffff), 1));
    assert_null(memory_range(&memory, UINT64_C(0x13fffffff), 2));
    assert_null(memory_range(&memory, UINT64_C(0x140000000), 0));
    assert_null(memory_range(&memory, UINT64_MAX, 1));
    assert_null(memory_range(&memory, 16, UINT64_MAX));
    memory_free(&memory);
}

static void scattered_bytes_are_one_run(void **state)
{
    char a[4] = "abc", b[2] = "d", c[5] = "efgh", text[16] = "";
    struct iovec parts[3] = { { a, 3 }, { b, 1 }, { c, 4 } }, *iov = parts;
    unsigned count = 3;

    (void)state;
    assert_int_equal(iov_length(iov, count), 8);
    assert_int_equal(iov_read(iov, count, 2, text, 3), 3);
    assert_string_equal(text, "cde");
    assert_int_equal(iov_read(iov, count, 6, text, 16), 2);
    assert_int_equal(iov_read(iov, count, 8, text, 16), 0);
    assert_int_equal(iov_write(iov, count, 3, "XYZ", 3), 3);
    assert_string_equal(b, "X");
    assert_string_equal(c, "YZgh");
    iov_drop_front(&iov, &count, 4);
    assert_int_equal(count, 1);
    assert_ptr_equal(iov[0].iov_base, c);
    iov_drop_back(iov, &count, 1);
    assert_int_equal(iov[0].iov_len, 3);
    iov_drop_back(iov, &count, 3);
    assert_int_equal(count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(serial_receives_and_interrupts),
        cmocka_unit_test(serial_transmits_and_interrupts),
        cmocka_unit_test(serial_is_probed),
        cmocka_unit_test(serial_loses_no_input),
        cmocka_unit_test(console_quits_on_its_escape),
        cmocka_unit_test(clock_tells_utc_in_bcd),
        cmocka_unit_test(power_is_switched_by_the_right_values_only),
        cmocka_unit_test(masked_vectors_wait),
        cmocka_unit_test(ram_ends_where_it_ends),
        cmocka_unit_test(scattered_bytes_are_one_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
