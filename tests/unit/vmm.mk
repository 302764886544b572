# SPDX-License-Identifier: BSD-3-Clause
# The parts of qcow-vmm, without KVM.
EXTRA_DIST += unit/vmm-scratch.h unit/vmm-guest.h

if HAVE_VMM
vmm_unit_tests = \
	unit/vmm-acpi \
	unit/vmm-blk \
	unit/vmm-blk-refusals \
	unit/vmm-boot \
	unit/vmm-devices \
	unit/vmm-options \
	unit/vmm-own-server \
	unit/vmm-pci \
	unit/vmm-virtqueue
check_PROGRAMS += $(vmm_unit_tests)
TESTS += $(vmm_unit_tests)

vmm_unit_ldadd = $(top_builddir)/vmm-glue/libvmm.la $(CMOCKA_LIBS) $(LIBNBD_LIBS)
unit_vmm_acpi_SOURCES = unit/vmm-acpi.c
unit_vmm_acpi_LDADD = $(vmm_unit_ldadd)
unit_vmm_blk_SOURCES = unit/vmm-blk.c
unit_vmm_blk_LDADD = $(vmm_unit_ldadd)
unit_vmm_blk_refusals_SOURCES = unit/vmm-blk-refusals.c
unit_vmm_blk_refusals_LDADD = $(vmm_unit_ldadd)
unit_vmm_boot_SOURCES = unit/vmm-boot.c
unit_vmm_boot_LDADD = $(vmm_unit_ldadd)
unit_vmm_devices_SOURCES = unit/vmm-devices.c
unit_vmm_devices_LDADD = $(vmm_unit_ldadd)
unit_vmm_options_SOURCES = unit/vmm-options.c
unit_vmm_options_LDADD = $(vmm_unit_ldadd)
unit_vmm_own_server_SOURCES = unit/vmm-own-server.c
unit_vmm_own_server_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/sandbox
unit_vmm_own_server_LDADD = $(top_builddir)/sandbox/libsandbox.la $(vmm_unit_ldadd)
unit_vmm_pci_SOURCES = unit/vmm-pci.c
unit_vmm_pci_LDADD = $(vmm_unit_ldadd)
unit_vmm_virtqueue_SOURCES = unit/vmm-virtqueue.c
unit_vmm_virtqueue_LDADD = $(vmm_unit_ldadd)
endif
