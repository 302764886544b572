# SPDX-License-Identifier: BSD-3-Clause
vmm_tests = \
	vmm/vmm-guest-boots-with-one-two-and-four-cpus.sh \
	vmm/vmm-guest-boots-writes-and-snapshot-brings-back.sh \
	vmm/vmm-readonly-disk-keeps-every-byte.sh \
	vmm/vmm-says-plainly-when-kvm-cannot-run-linux.sh \
	vmm/vmm-says-plainly-when-there-is-no-kvm.sh

TESTS += $(vmm_tests)
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
