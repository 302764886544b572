/* SPDX-License-Identifier: BSD-3-Clause */
/* power.c - how a guest switches its machine off or resets it
 *
 * Off: the ACPI sleep register.  Reset: the ACPI reset register or, as ever since
 * the AT, a pulse of the keyboard controller's reset line; that line is all there
 * is of the controller.
 */

#include "power.h"

#define SCI_ENABLED 1
#define SLEEP_ENABLE (1 << 13)
#define SLEEP_TYPE(value) ((value) >> 10 & 7)
#define KEYBOARD_COMMAND 0x64
#define KEYBOARD_PULSE_RESET 0xfe

static uint64_t event_read(void *opaque, uint64_t offset, unsigned size)
{
    struct power *power = opaque;
    uint64_t both = (uint64_t)__atomic_load_n(&power->enable, __ATOMIC_RELAXED) << 16;

    return both >> (8 * offset) & ((UINT64_C(1) << (8 * size)) - 1);
}

static void event_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct power *power = opaque;

    if (offset == 2 && size == 2)
        __atomic_store_n(&power->enable, (uint16_t)value, __ATOMIC_RELAXED);
}

static uint64_t control_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)opaque, (void)size;
    return offset ? 0 : SCI_ENABLED;
}

static void control_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct power *power = opaque;

    if (offset == 0 && size == 2 && value & SLEEP_ENABLE && SLEEP_TYPE(value) == POWER_SLEEP_S5)
        power->ask(power->opaque, POWER_OFF);
}

static uint64_t read_nothing(void *opaque, uint64_t offset, unsigned size)
{
    (void)opaque, (void)offset, (void)size;
    return 0;
}

static void reset_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct power *power = opaque;

    (void)offset, (void)size;
    if (value == POWER_RESET_VALUE)
        power->ask(power->opaque, POWER_RESTART);
}

static void keyboard_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct power *power = opaque;

    (void)offset;
    if (size == 1 && value == KEYBOARD_PULSE_RESET)
        power->ask(power->opaque, POWER_RESTART);
}

static const struct bus_ops event_ops = { event_read, event_write };
static const struct bus_ops control_ops = { control_read, control_write };
static const struct bus_ops reset_ops = { read_nothing, reset_write };
static const struct bus_ops keyboard_ops = { read_nothing, keyboard_write };

void power_init(struct power *power, struct bus *ports,
                void (*ask)(void *opaque, enum power_request request), void *opaque)
{
    *power = (struct power){ .ask = ask, .opaque = opaque };
    bus_add(ports, POWER_PM1_EVENT, 4, &event_ops, power);
    bus_add(ports, POWER_PM1_CONTROL, 2, &control_ops, power);
    bus_add(ports, POWER_RESET, 1, &reset_ops, power);
    bus_add(ports, KEYBOARD_COMMAND, 1, &keyboard_ops, power);
}
