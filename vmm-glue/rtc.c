/* SPDX-License-Identifier: BSD-3-Clause */
/* rtc.c - the CMOS clock
 *
 * Tells the host's time in UTC, BCD, 24 hours; a guest cannot set it.  Alarms and
 * periodic interrupts do not come.  The other bytes are memory, lost at a reset.
 */

#include <time.h>

#include "cleanup.h"
#include "rtc.h"

enum {
    SECONDS = 0,
    MINUTES = 2,
    HOURS = 4,
    DAY_OF_WEEK = 6,
    DAY_OF_MONTH = 7,
    MONTH = 8,
    YEAR = 9,
    REGISTER_A = 10, /* rate and divider */
    REGISTER_B = 11, /* modes */
    REGISTER_C = 12, /* interrupts that have come */
    REGISTER_D = 13,
    CENTURY = 0x32,
};

#define DIVIDER_32KHZ 0x26
#define MODE_24_HOURS 0x02
#define BATTERY_GOOD 0x80

static uint8_t bcd(int n)
{
    return (uint8_t)(n / 10 % 10 << 4 | n % 10);
}

static uint8_t read_register_locked(const struct rtc *rtc, uint8_t index)
{
    time_t now = rtc->now(NULL);
    struct tm tm;

    gmtime_r(&now, &tm);
    switch (index) {
    case SECONDS: return bcd(tm.tm_sec);
    case MINUTES: return bcd(tm.tm_min);
    case HOURS: return bcd(tm.tm_hour);
    case DAY_OF_WEEK: return bcd(tm.tm_wday + 1);
    case DAY_OF_MONTH: return bcd(tm.tm_mday);
    case MONTH: return bcd(tm.tm_mon + 1);
    case YEAR: return bcd(tm.tm_year % 100);
    case CENTURY: return bcd((tm.tm_year + 1900) / 100);
    case REGISTER_A: return DIVIDER_32KHZ;
    case REGISTER_B: return MODE_24_HOURS;
    case REGISTER_C: return 0;
    case REGISTER_D: return BATTERY_GOOD;
    default: return rtc->memory[index];
    }
}

static uint64_t port_read(void *opaque, uint64_t offset, unsigned size)
{
    struct rtc *rtc = opaque;

    LOCK_SCOPE(&rtc->lock);
    if (size != 1 || offset == 0)
        return UINT64_MAX;
    return read_register_locked(rtc, rtc->index);
}

static void port_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct rtc *rtc = opaque;

    LOCK_SCOPE(&rtc->lock);
    if (size != 1)
        return;
    if (offset == 0)
        rtc->index = value & 0x7f;
    else
        rtc->memory[rtc->index] = (uint8_t)value;
}

static const struct bus_ops rtc_ops = { port_read, port_write };

void rtc_init(struct rtc *rtc, struct bus *ports)
{
    *rtc = (struct rtc){ .now = time, .lock = PTHREAD_MUTEX_INITIALIZER };
    bus_add(ports, 0x70, 2, &rtc_ops, rtc);
}
