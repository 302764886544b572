/* SPDX-License-Identifier: BSD-3-Clause */
/* vmm-acpi.c - the tables hang together and their bytes sum up to 0 */

#include "vmm-scratch.h"

#include "../../vmm-glue/acpi.h"
#include "../../vmm-glue/aml.h"

#define AREA 0xe0000
#define CPUS 3

static struct memory memory;

static int set_up(void **state)
{
    (void)state;
    if (memory_init(&memory, 16 << 20) < 0)
        return -1;
    return acpi_write(&memory, AREA, CPUS) == AREA ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    memory_free(&memory);
    return 0;
}

static uint64_t number(uint64_t address, unsigned size)
{
    uint64_t value = 0;
    const void *bytes = memory_range(&memory, address, size);

    assert_non_null(bytes);
    memcpy(&value, bytes, size);
    return value;
}

/* Checks a table's header; its length. */
static uint64_t assert_table(uint64_t address, const char *signature)
{
    uint64_t length = number(address + 4, 4);
    const void *table = memory_range(&memory, address, length);

    assert_true(address >= AREA && address + length <= AREA + ACPI_AREA_SIZE);
    assert_memory_equal(table, signature, 4);
    assert_int_equal(acpi_checksum(table, length), 0);
    return length;
}

static uint64_t table_of(unsigned index)
{
    uint64_t xsdt = number(AREA + 24, 8);

    assert_int_equal(assert_table(xsdt, "XSDT"), 36 + 2 * 8);
    return number(xsdt + 36 + 8 * index, 8);
}

static void root_is_found(void **state)
{
    (void)state;
    assert_memory_equal(memory.base + AREA, "RSD PTR ", 8);
    assert_int_equal(acpi_checksum(memory.base + AREA, 20), 0);
    assert_int_equal(acpi_checksum(memory.base + AREA, 36), 0);
    assert_int_equal(number(AREA + 15, 1), 2);
}

static void fadt_points_to_dsdt_and_facs(void **state)
{
    uint64_t fadt = table_of(0);

    (void)state;
    assert_int_equal(assert_table(fadt, "FACP"), 276);
    assert_int_equal(number(fadt + 36, 4), number(fadt + 132, 8)); /* FACS, X_FACS */
    assert_int_equal(number(fadt + 40, 4), number(fadt + 140, 8)); /* DSDT, X_DSDT */
    assert_int_equal(number(number(fadt + 36, 4), 4), 0x53434146);
    assert_int_equal(number(fadt + 36, 4) % 64, 0);
    assert_int_equal(number(fadt + 48, 4), 0);                    /* SMI_CMD */
    assert_int_equal(number(fadt + 112, 4) & (1 << 20), 0);       /* not hardware-reduced */
    assert_int_equal(number(fadt + 112, 4) & (1 << 10), 1 << 10); /* has a reset register */
    assert_table(number(fadt + 40, 4), "DSDT");
}

static void madt_lists_processors_and_chips(void **state)
{
    uint64_t madt = table_of(1);
    uint64_t end = madt + assert_table(madt, "APIC");
    unsigned seen[16] = { 0 };

    (void)state;
    for (uint64_t entry = madt + 44; entry < end; entry += number(entry + 1, 1)) {
        unsigned type = (unsigned)number(entry, 1);
        assert_true(type < 16 && number(entry + 1, 1) >= 6);
        if (type == 0)
            assert_int_equal(number(entry + 3, 1), seen[0]); /* APIC ids from 0 */
        seen[type]++;
    }
    assert_int_equal(seen[0], CPUS);
    assert_int_equal(seen[1], 1);
    assert_int_equal(seen[2], 1);
}

static void dsdt_knows_how_to_switch_off(void **state)
{
    uint64_t dsdt = number(table_of(0) + 40, 4);
    uint64_t length = number(dsdt + 4, 4);

    (void)state;
    assert_non_null(memmem(memory.base + dsdt, length, "_S5_", 4));
    assert_non_null(memmem(memory.base + dsdt, length, "PCI0", 4));
    assert_non_null(memmem(memory.base + dsdt, length, "COM1", 4));
    assert_non_null(memmem(memory.base + dsdt, length, "\x41\xd0\x0a\x03", 4)); /* PNP0A03 */
}

static void aml_lengths_cover_their_packages(void **state)
{
    struct aml aml = { .length = 0 };
    static const uint8_t content[] = { 'D', 'E',  'V', '0',  0x08, '_',  'S',  'T',
                                       'A', 0x0c, 15,  0,    0,    0,    0x08, '_',
                                       'H', 'I',  'D', 0x0c, 0x41, 0xd0, 0x05, 0x01 };

    (void)state;
    size_t device = aml_begin_device(&aml, "DEV0");
    aml_name_integer(&aml, "_STA", 15);
    aml_name_eisa_id(&aml, "_HID", "PNP0501");
    aml_end(&aml, device);
    /* operator (2 bytes), length of itself (2 bytes) and the content */
    assert_int_equal(aml.length, 4 + sizeof content);
    assert_int_equal(aml.bytes[2], 0x40 | (2 + sizeof content) % 16);
    assert_int_equal(aml.bytes[3], (2 + sizeof content) / 16);
    assert_memory_equal(aml.bytes + 4, content, sizeof content);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(root_is_found),
        cmocka_unit_test(fadt_points_to_dsdt_and_facs),
        cmocka_unit_test(madt_lists_processors_and_chips),
        cmocka_unit_test(dsdt_knows_how_to_switch_off),
        cmocka_unit_test(aml_lengths_cover_their_packages),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
