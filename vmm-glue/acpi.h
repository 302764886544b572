/* SPDX-License-Identifier: BSD-3-Clause */
/* acpi.h - the tables that describe the machine to its guest */

#ifndef VMM_ACPI_H
#define VMM_ACPI_H

#include <stddef.h>
#include <stdint.h>

#include "memory.h"

#define ACPI_AREA_SIZE 0x20000

/* Writes the tables at a guest address, ACPI_AREA_SIZE bytes of RAM; returns the
 * address of the RSDP.
 */
uint64_t acpi_write(const struct memory *memory, uint64_t address, unsigned cpus);

/* What makes the bytes of a table sum up to 0. */
uint8_t acpi_checksum(const void *table, size_t length);

#endif
