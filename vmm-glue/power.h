/* SPDX-License-Identifier: BSD-3-Clause */
/* power.h - how a guest switches its machine off or resets it */

#ifndef VMM_POWER_H
#define VMM_POWER_H

#include <stdint.h>

#include "bus.h"

/* Ports, as the FADT tells the guest. */
#define POWER_PM1_EVENT 0x600 /* status, then enable, 2 bytes each */
#define POWER_PM1_CONTROL 0x604
#define POWER_RESET 0x608
#define POWER_RESET_VALUE 1
#define POWER_SLEEP_S5 5 /* the sleep type of \_S5 */
#define POWER_SCI 9

enum power_request { POWER_OFF, POWER_RESTART };

struct power {
    void (*ask)(void *opaque, enum power_request request); /* called by vCPU threads */
    void *opaque;
    uint16_t enable; /* atomic; event enable bits, no event ever comes */
};

void power_init(struct power *power, struct bus *ports,
                void (*ask)(void *opaque, enum power_request request), void *opaque);

#endif
