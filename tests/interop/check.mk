# SPDX-License-Identifier: BSD-3-Clause
# Included from interop/local.mk.
check_PROGRAMS += interop/check-image interop/damage-image
interop_check_image_SOURCES = interop/check-image.c
interop_damage_image_SOURCES = interop/damage-image.c
TESTS += interop/check-equals-qemu-img.sh
EXTRA_DIST += interop/check-equals-qemu-img.sh
