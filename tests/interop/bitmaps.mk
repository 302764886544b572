# SPDX-License-Identifier: BSD-3-Clause
check_PROGRAMS += interop/bitmaps-differential
TESTS += interop/bitmaps-differential

interop_bitmaps_differential_SOURCES = \
	interop/bitmaps-differential.c \
	interop/twin-tools.c \
	interop/twin-tools.h
