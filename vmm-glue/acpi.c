/* SPDX-License-Identifier: BSD-3-Clause */
/* acpi.c - the tables that describe the machine to its guest
 *
 *     RSDP -> XSDT -> FADT -> DSDT   what devices there are
 *                  |       -> FACS   empty, but demanded
 *                  `-> MADT          processors and interrupt controllers
 *
 * This is full ACPI with its fixed registers: in the hardware-reduced variant
 * Linux does without PIC and PIT and then finds no interrupt for the serial port.
 * SMI_CMD is 0: there is no other mode to switch from.
 */

#include <assert.h>
#include <string.h>

#include "acpi.h"
#include "aml.h"
#include "pci.h"
#include "power.h"
#include "serial.h"

#define ALIGNMENT 64
#define LAPIC_ADDRESS 0xfee00000
#define IOAPIC_ADDRESS 0xfec00000

struct header {
    char signature[4];
    uint32_t length;
    uint8_t revision;
    uint8_t checksum;
    char oem_id[6];
    char oem_table_id[8];
    uint32_t oem_revision;
    char creator_id[4];
    uint32_t creator_revision;
} __attribute__((packed));

struct rsdp {
    char signature[8];
    uint8_t checksum; /* of the first 20 bytes */
    char oem_id[6];
    uint8_t revision;
    uint32_t rsdt;
    uint32_t length;
    uint64_t xsdt;
    uint8_t extended_checksum;
    uint8_t reserved[3];
} __attribute__((packed));

struct address {
    uint8_t space; /* 1: I/O ports */
    uint8_t bits;
    uint8_t bit_offset;
    uint8_t access; /* 1: byte, 2: word, 3: dword */
    uint64_t address;
} __attribute__((packed));

struct fadt {
    struct header header;
    uint32_t facs;
    uint32_t dsdt;
    uint8_t reserved1;
    uint8_t preferred_profile;
    uint16_t sci_int;
    uint32_t smi_cmd;
    uint8_t acpi_enable, acpi_disable, s4bios_req, pstate_cnt;
    uint32_t pm1a_evt, pm1b_evt, pm1a_cnt, pm1b_cnt, pm2_cnt, pm_tmr, gpe0, gpe1;
    uint8_t pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_tmr_len, gpe0_len, gpe1_len, gpe1_base;
    uint8_t cst_cnt;
    uint16_t c2_latency, c3_latency, flush_size, flush_stride;
    uint8_t duty_offset, duty_width, day_alarm, month_alarm, century;
    uint16_t boot_architecture;
    uint8_t reserved2;
    uint32_t flags;
    struct address reset_reg;
    uint8_t reset_value;
    uint16_t arm_boot_architecture;
    uint8_t minor_version;
    uint64_t x_facs;
    uint64_t x_dsdt;
    struct address x_pm1a_evt, x_pm1b_evt, x_pm1a_cnt, x_pm1b_cnt, x_pm2_cnt, x_pm_tmr, x_gpe0,
        x_gpe1, sleep_control, sleep_status;
    uint64_t hypervisor;
} __attribute__((packed));

#define FADT_WBINVD (1 << 0)
#define FADT_PROC_C1 (1 << 2)
#define FADT_SLP_BUTTON (1 << 5) /* there is none */
#define FADT_PWR_BUTTON (1 << 4) /* there is none */
#define FADT_RESET_REG_SUP (1 << 10)
#define BOOT_LEGACY_DEVICES (1 << 0)
#define BOOT_NO_VGA (1 << 2)

struct facs {
    char signature[4];
    uint32_t length;
    uint8_t reserved1[24];
    uint8_t version;
    uint8_t reserved2[31];
} __attribute__((packed));

struct madt {
    struct header header;
    uint32_t lapic_address;
    uint32_t flags; /* 1: there is a PIC, too */
} __attribute__((packed));

struct madt_lapic {
    uint8_t type, length;
    uint8_t processor_id, apic_id;
    uint32_t flags; /* 1: enabled */
} __attribute__((packed));

struct madt_ioapic {
    uint8_t type, length;
    uint8_t id, reserved;
    uint32_t address;
    uint32_t first_gsi;
} __attribute__((packed));

struct madt_override {
    uint8_t type, length;
    uint8_t bus, source;
    uint32_t gsi;
    uint16_t flags; /* bits 0-1 polarity, 2-3 trigger: 1 high or edge, 3 low or level */
} __attribute__((packed));

struct madt_nmi {
    uint8_t type, length;
    uint8_t processor_id;
    uint16_t flags;
    uint8_t lint;
} __attribute__((packed));

_Static_assert(sizeof(struct header) == 36, "ACPI table header");
_Static_assert(sizeof(struct rsdp) == 36, "RSDP");
_Static_assert(sizeof(struct fadt) == 276, "FADT of ACPI 6.x");
_Static_assert(sizeof(struct facs) == 64, "FACS");

/* Hands out the area from bottom to top. */
struct area {
    uint8_t *host;
    uint64_t address;
    size_t used;
};

uint8_t acpi_checksum(const void *table, size_t length)
{
    const uint8_t *bytes = table;
    uint8_t sum = 0;

    for (size_t i = 0; i < length; i++)
        sum = (uint8_t)(sum + bytes[i]);
    return (uint8_t)-sum;
}

static uint64_t put(struct area *area, const void *table, size_t length)
{
    uint64_t address = area->address + area->used;

    assert(area->used + length <= ACPI_AREA_SIZE);
    memcpy(area->host + area->used, table, length);
    area->used = (area->used + length + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    return address;
}

/* Completes the header at the start of a table and puts the table. */
static uint64_t put_table(struct area *area, void *table, size_t length, const char *signature,
                          uint8_t revision)
{
    struct header *header = table;

    *header = (struct header){
        .length = (uint32_t)length,
        .revision = revision,
        .oem_revision = 1,
        .creator_revision = 1,
    };
    memcpy(header->signature, signature, 4);
    memcpy(header->oem_id, "QCOWVM", 6);
    memcpy(header->oem_table_id, "QCOW-VMM", 8);
    memcpy(header->creator_id, "QCOW", 4);
    header->checksum = acpi_checksum(table, length);
    return put(area, table, length);
}

static void describe_host_bridge(struct aml *aml)
{
    size_t device = aml_begin_device(aml, "PCI0");

    aml_name_eisa_id(aml, "_HID", "PNP0A03");
    aml_name_integer(aml, "_UID", 0);
    aml_name_integer(aml, "_BBN", 0);
    struct aml_resources resources = aml_begin_resources(aml);
    aml_bus_numbers(aml, 0, 0);
    aml_io(aml, 0xcf8, 8);
    aml_io_window(aml, 0x0000, 0x0cf7);
    aml_io_window(aml, 0x0d00, 0xffff);
    aml_memory_window(aml, PCI_WINDOW_START, PCI_WINDOW_END - 1);
    aml_end_resources(aml, resources);
    aml_end(aml, device);
}

static void describe_port_device(struct aml *aml, const char *name, const char *id, uint16_t port,
                                 uint8_t length, unsigned irq)
{
    size_t device = aml_begin_device(aml, name);

    aml_name_eisa_id(aml, "_HID", id);
    aml_name_integer(aml, "_UID", 0);
    aml_name_integer(aml, "_STA", 0xf); /* present, enabled, shown, working */
    struct aml_resources resources = aml_begin_resources(aml);
    aml_io(aml, port, length);
    aml_irq(aml, irq);
    aml_end_resources(aml, resources);
    aml_end(aml, device);
}

static uint64_t put_dsdt(struct area *area)
{
    static const uint8_t s5[] = { POWER_SLEEP_S5, POWER_SLEEP_S5, 0, 0 };
    struct aml aml = { .length = sizeof(struct header) };

    aml_name_byte_package(&aml, "\\_S5_", s5, sizeof s5);
    size_t scope = aml_begin_scope(&aml, "\\_SB_");
    describe_host_bridge(&aml);
    describe_port_device(&aml, "COM1", "PNP0501", SERIAL_PORT, 8, SERIAL_IRQ);
    describe_port_device(&aml, "RTC0", "PNP0B00", 0x70, 2, 8);
    aml_end(&aml, scope);
    return put_table(area, aml.bytes, aml.length, "DSDT", 2);
}

static uint64_t put_facs(struct area *area)
{
    struct facs facs = { .signature = "FACS", .length = sizeof facs, .version = 2 };

    return put(area, &facs, sizeof facs);
}

static struct address port_address(uint8_t bits, uint8_t access, uint64_t port)
{
    return (struct address){ .space = 1, .bits = bits, .access = access, .address = port };
}

static uint64_t put_fadt(struct area *area, uint64_t dsdt, uint64_t facs)
{
    struct fadt fadt = {
        .facs = (uint32_t)facs,
        .dsdt = (uint32_t)dsdt,
        .sci_int = POWER_SCI,
        .pm1a_evt = POWER_PM1_EVENT,
        .pm1a_cnt = POWER_PM1_CONTROL,
        .pm1_evt_len = 4,
        .pm1_cnt_len = 2,
        .c2_latency = 0xffff, /* no C2, no C3 */
        .c3_latency = 0xffff,
        .century = 0x32,
        .boot_architecture = BOOT_LEGACY_DEVICES | BOOT_NO_VGA,
        .flags =
            FADT_WBINVD | FADT_PROC_C1 | FADT_PWR_BUTTON | FADT_SLP_BUTTON | FADT_RESET_REG_SUP,
        .reset_reg = port_address(8, 1, POWER_RESET),
        .reset_value = POWER_RESET_VALUE,
        .minor_version = 3,
        .x_facs = facs,
        .x_dsdt = dsdt,
        .x_pm1a_evt = port_address(32, 2, POWER_PM1_EVENT),
        .x_pm1a_cnt = port_address(16, 2, POWER_PM1_CONTROL),
    };

    return put_table(area, &fadt, sizeof fadt, "FACP", 6);
}

static uint64_t put_madt(struct area *area, unsigned cpus)
{
    struct {
        struct madt madt;
        uint8_t entries[256 * sizeof(struct madt_lapic)];
    } __attribute__((packed)) table = { .madt = { .lapic_address = LAPIC_ADDRESS, .flags = 1 } };
    struct madt_ioapic ioapic = { 1, sizeof ioapic, (uint8_t)cpus, 0, IOAPIC_ADDRESS, 0 };
    struct madt_override sci = { 2, sizeof sci, 0, POWER_SCI, POWER_SCI, 3 << 2 | 1 };
    struct madt_nmi nmi = { 4, sizeof nmi, 0xff, 0, 1 };
    uint8_t *end = table.entries;

    for (unsigned i = 0; i < cpus; i++) {
        struct madt_lapic lapic = { 0, sizeof lapic, (uint8_t)i, (uint8_t)i, 1 };
        end = mempcpy(end, &lapic, sizeof lapic);
    }
    end = mempcpy(end, &ioapic, sizeof ioapic);
    end = mempcpy(end, &sci, sizeof sci);
    end = mempcpy(end, &nmi, sizeof nmi);
    return put_table(area, &table, (size_t)(end - (uint8_t *)&table), "APIC", 4);
}

static uint64_t put_xsdt(struct area *area, uint64_t fadt, uint64_t madt)
{
    struct {
        struct header header;
        uint64_t tables[2];
    } __attribute__((packed)) xsdt = { .tables = { fadt, madt } };

    return put_table(area, &xsdt, sizeof xsdt, "XSDT", 1);
}

static void put_rsdp(struct area *area, uint64_t xsdt)
{
    struct rsdp rsdp = { .revision = 2, .length = sizeof rsdp, .xsdt = xsdt };

    memcpy(rsdp.signature, "RSD PTR ", 8);
    memcpy(rsdp.oem_id, "QCOWVM", 6);
    rsdp.checksum = acpi_checksum(&rsdp, 20);
    rsdp.extended_checksum = acpi_checksum(&rsdp, sizeof rsdp);
    memcpy(area->host, &rsdp, sizeof rsdp);
}

uint64_t acpi_write(const struct memory *memory, uint64_t address, unsigned cpus)
{
    struct area area = {
        .host = memory_range(memory, address, ACPI_AREA_SIZE),
        .address = address,
        .used = ALIGNMENT, /* the RSDP comes first, where a scan would find it */
    };

    assert(area.host);
    uint64_t dsdt = put_dsdt(&area);
    uint64_t fadt = put_fadt(&area, dsdt, put_facs(&area));
    uint64_t madt = put_madt(&area, cpus);
    put_rsdp(&area, put_xsdt(&area, fadt, madt));
    return address;
}
