/* SPDX-License-Identifier: BSD-3-Clause */
/* rtc.h - the CMOS clock */

#ifndef VMM_RTC_H
#define VMM_RTC_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

#include "bus.h"

struct rtc {
    time_t (*now)(time_t *);
    pthread_mutex_t lock; /* guards all below */
    uint8_t index;
    uint8_t memory[128];
};

void rtc_init(struct rtc *rtc, struct bus *ports);

#endif
