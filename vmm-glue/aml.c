/* SPDX-License-Identifier: BSD-3-Clause */
/* aml.c - writing ACPI machine language
 *
 * The few encodings of ACPI 6.3, chapter 20 (language) and section 6.4 (resource
 * descriptors), that a DSDT without methods needs.  A package length is always
 * written in its two-byte form, which counts itself and holds 12 bits.
 */

#include <assert.h>
#include <string.h>

#include "aml.h"

enum {
    OP_NAME = 0x08,
    OP_BYTE = 0x0a,
    OP_WORD = 0x0b,
    OP_DWORD = 0x0c,
    OP_SCOPE = 0x10,
    OP_BUFFER = 0x11,
    OP_PACKAGE = 0x12,
    OP_EXTENDED = 0x5b,
    OP_DEVICE = 0x82,
};

enum {
    RESOURCE_IRQ = 0x22,
    RESOURCE_IO = 0x47,
    RESOURCE_END = 0x79,
    RESOURCE_DWORD = 0x87,
    RESOURCE_WORD = 0x88,
    DECODE_16 = 1,
    FIXED_MIN_MAX = 0x0c,
    TYPE_MEMORY = 0,
    TYPE_IO = 1,
    TYPE_BUS = 2,
    READ_WRITE = 1,
    ENTIRE_RANGE = 3,
};

void aml_byte(struct aml *aml, uint8_t value)
{
    assert(aml->length < sizeof aml->bytes);
    aml->bytes[aml->length++] = value;
}

void aml_word(struct aml *aml, uint16_t value)
{
    aml_byte(aml, value & 0xff);
    aml_byte(aml, value >> 8);
}

void aml_dword(struct aml *aml, uint32_t value)
{
    aml_word(aml, value & 0xffff);
    aml_word(aml, value >> 16);
}

void aml_path(struct aml *aml, const char *path)
{
    for (; *path; path++)
        aml_byte(aml, (uint8_t)*path);
}

static size_t begin_length(struct aml *aml)
{
    size_t mark = aml->length;

    aml_word(aml, 0);
    return mark;
}

void aml_end(struct aml *aml, size_t mark)
{
    size_t length = aml->length - mark;

    assert(length < 1 << 12);
    aml->bytes[mark] = 0x40 | (length & 0x0f);
    aml->bytes[mark + 1] = (uint8_t)(length >> 4);
}

size_t aml_begin_scope(struct aml *aml, const char *path)
{
    aml_byte(aml, OP_SCOPE);
    size_t mark = begin_length(aml);
    aml_path(aml, path);
    return mark;
}

size_t aml_begin_device(struct aml *aml, const char *name)
{
    aml_byte(aml, OP_EXTENDED);
    aml_byte(aml, OP_DEVICE);
    size_t mark = begin_length(aml);
    aml_path(aml, name);
    return mark;
}

void aml_name_integer(struct aml *aml, const char *name, uint32_t value)
{
    aml_byte(aml, OP_NAME);
    aml_path(aml, name);
    aml_byte(aml, OP_DWORD);
    aml_dword(aml, value);
}

static uint8_t hex_digit(char c)
{
    return (uint8_t)(c <= '9' ? c - '0' : c - 'A' + 10);
}

/* Three letters of 5 bits each, then four digits, the whole big-endian. */
void aml_name_eisa_id(struct aml *aml, const char *name, const char *id)
{
    unsigned letters = (id[0] - 0x40U) << 10 | (id[1] - 0x40U) << 5 | (id[2] - 0x40U);

    aml_byte(aml, OP_NAME);
    aml_path(aml, name);
    aml_byte(aml, OP_DWORD);
    aml_byte(aml, (uint8_t)(letters >> 8));
    aml_byte(aml, (uint8_t)letters);
    aml_byte(aml, (uint8_t)(hex_digit(id[3]) << 4 | hex_digit(id[4])));
    aml_byte(aml, (uint8_t)(hex_digit(id[5]) << 4 | hex_digit(id[6])));
}

void aml_name_byte_package(struct aml *aml, const char *name, const uint8_t *values, uint8_t count)
{
    aml_byte(aml, OP_NAME);
    aml_path(aml, name);
    aml_byte(aml, OP_PACKAGE);
    size_t mark = begin_length(aml);
    aml_byte(aml, count);
    for (unsigned i = 0; i < count; i++) {
        aml_byte(aml, OP_BYTE);
        aml_byte(aml, values[i]);
    }
    aml_end(aml, mark);
}

struct aml_resources aml_begin_resources(struct aml *aml)
{
    struct aml_resources resources;

    aml_byte(aml, OP_NAME);
    aml_path(aml, "_CRS");
    aml_byte(aml, OP_BUFFER);
    resources.package = begin_length(aml);
    aml_byte(aml, OP_WORD);
    resources.size = aml->length;
    aml_word(aml, 0);
    resources.start = aml->length;
    return resources;
}

void aml_end_resources(struct aml *aml, struct aml_resources resources)
{
    aml_byte(aml, RESOURCE_END);
    aml_byte(aml, 0); /* a checksum of 0 is not checked */
    size_t length = aml->length - resources.start;
    aml->bytes[resources.size] = (uint8_t)length;
    aml->bytes[resources.size + 1] = (uint8_t)(length >> 8);
    aml_end(aml, resources.package);
}

void aml_io(struct aml *aml, uint16_t port, uint8_t length)
{
    aml_byte(aml, RESOURCE_IO);
    aml_byte(aml, DECODE_16);
    aml_word(aml, port);
    aml_word(aml, port);
    aml_byte(aml, 1);
    aml_byte(aml, length);
}

void aml_irq(struct aml *aml, unsigned irq)
{
    aml_byte(aml, RESOURCE_IRQ);
    aml_word(aml, (uint16_t)(1U << irq));
}

static void window_16(struct aml *aml, uint8_t type, uint8_t flags, uint16_t first, uint16_t last)
{
    aml_byte(aml, RESOURCE_WORD);
    aml_word(aml, 13);
    aml_byte(aml, type);
    aml_byte(aml, FIXED_MIN_MAX);
    aml_byte(aml, flags);
    aml_word(aml, 0); /* granularity */
    aml_word(aml, first);
    aml_word(aml, last);
    aml_word(aml, 0); /* translation */
    aml_word(aml, (uint16_t)(last - first + 1));
}

void aml_bus_numbers(struct aml *aml, uint16_t first, uint16_t last)
{
    window_16(aml, TYPE_BUS, 0, first, last);
}

void aml_io_window(struct aml *aml, uint16_t first, uint16_t last)
{
    window_16(aml, TYPE_IO, ENTIRE_RANGE, first, last);
}

void aml_memory_window(struct aml *aml, uint32_t first, uint32_t last)
{
    aml_byte(aml, RESOURCE_DWORD);
    aml_word(aml, 23);
    aml_byte(aml, TYPE_MEMORY);
    aml_byte(aml, FIXED_MIN_MAX);
    aml_byte(aml, READ_WRITE);
    aml_dword(aml, 0); /* granularity */
    aml_dword(aml, first);
    aml_dword(aml, last);
    aml_dword(aml, 0); /* translation */
    aml_dword(aml, last - first + 1);
}
