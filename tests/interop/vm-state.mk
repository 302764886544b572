# SPDX-License-Identifier: BSD-3-Clause
check_PROGRAMS += interop/vm-state
interop_vm_state_SOURCES = interop/vm-state.c
vm_state_tests = \
	interop/snapshots-of-other-sizes.sh \
	interop/vm-states-are-written-as-by-qemu-io.sh \
	interop/vm-states-differential.sh \
	interop/vm-states-saved-by-qemu-survive.sh
TESTS += $(vm_state_tests)
EXTRA_DIST += $(vm_state_tests)
