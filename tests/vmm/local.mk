# SPDX-License-Identifier: BSD-3-Clause
vmm_tests = \
	vmm/vmm-guest-boots-with-one-two-and-four-cpus.sh \
	vmm/vmm-guest-boots-writes-and-snapshot-brings-back.sh \
	vmm/vmm-readonly-disk-keeps-every-byte.sh \
	vmm/vmm-says-plainly-when-kvm-cannot-run-linux.sh \
	vmm/vmm-says-plainly-when-there-is-no-kvm.sh

TESTS += $(vmm_tests)

# Where there is a /dev/kvm, be it one that can run no unmodified kernel.
if HAVE_VMM
check_PROGRAMS += vmm/vmm-small-guests
TESTS += vmm/vmm-small-guests
vmm_vmm_small_guests_SOURCES = vmm/vmm-small-guests.c
vmm_vmm_small_guests_LDADD = $(vmm_unit_ldadd)
endif

EXTRA_DIST += \
	$(vmm_tests) \
	vmm/README \
	vmm/guest-init \
	vmm/initrd-init \
	vmm/lab-boot \
	vmm/lab.sh \
	vmm/outer-init

# The kernel that the lab keeps.
distclean-local:
	rm -rf vmm/lab-cache
