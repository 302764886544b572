# SPDX-License-Identifier: BSD-3-Clause
# Included from interop/local.mk.
check_PROGRAMS += interop/check-image interop/damage-image
interop_check_image_SOURCES = interop/check-image.c
interop_damage_image_SOURCES = interop/damage-image.c
check_equality_tests = \
	interop/check-equals-qemu-img.sh \
	interop/repair-drops-what-is-beyond-the-end.sh \
	interop/repair-equals-qemu-img.sh \
	interop/repair-makes-no-cut-image-worse.sh \
	interop/repair-snapshot-tables-as-qemu-img.sh \
	interop/tables-named-over-and-over-are-refused.sh
TESTS += $(check_equality_tests)
EXTRA_DIST += $(check_equality_tests) interop/check-images.sh
