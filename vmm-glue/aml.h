/* SPDX-License-Identifier: BSD-3-Clause */
/* aml.h - writing ACPI machine language */

#ifndef VMM_AML_H
#define VMM_AML_H

#include <stddef.h>
#include <stdint.h>

/* Packages (scopes, devices, buffers) nest; their lengths are filled in when they
 * end.  The buffer is large enough for the one table we write: exceeding it is a
 * programming error and asserts.
 */
struct aml {
    uint8_t bytes[1024];
    size_t length;
};

void aml_byte(struct aml *aml, uint8_t value);
void aml_word(struct aml *aml, uint16_t value);
void aml_dword(struct aml *aml, uint32_t value);

/* A name segment, or a path as "\\_SB_". */
void aml_path(struct aml *aml, const char *path);

/* Begin something with a package length and get a mark to end it with. */
size_t aml_begin_scope(struct aml *aml, const char *path);
size_t aml_begin_device(struct aml *aml, const char *name);
void aml_end(struct aml *aml, size_t mark);

/* Name (NAME, value) for the kinds of value we need. */
void aml_name_integer(struct aml *aml, const char *name, uint32_t value);
void aml_name_eisa_id(struct aml *aml, const char *name, const char *id);
void aml_name_byte_package(struct aml *aml, const char *name, const uint8_t *values, uint8_t count);

/* Name (_CRS, ResourceTemplate () { ... }) */
struct aml_resources {
    size_t package;
    size_t size;  /* where the buffer's length stands */
    size_t start; /* of the buffer's bytes */
};
struct aml_resources aml_begin_resources(struct aml *aml);
void aml_end_resources(struct aml *aml, struct aml_resources resources);
void aml_io(struct aml *aml, uint16_t port, uint8_t length);
void aml_irq(struct aml *aml, unsigned irq);
void aml_bus_numbers(struct aml *aml, uint16_t first, uint16_t last);
void aml_io_window(struct aml *aml, uint16_t first, uint16_t last);
void aml_memory_window(struct aml *aml, uint32_t first, uint32_t last);

#endif
