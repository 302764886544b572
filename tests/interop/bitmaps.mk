# SPDX-License-Identifier: BSD-3-Clause
bitmap_tests = \
	interop/bitmaps-are-merged-and-copied.sh \
	interop/bitmaps-note-every-kind-of-change.sh \
	interop/bitmaps-out-of-date-are-dropped.sh
TESTS += $(bitmap_tests)
EXTRA_DIST += interop/bitmaps-common.sh $(bitmap_tests)

check_PROGRAMS += interop/bitmaps-differential
TESTS += interop/bitmaps-differential

interop_bitmaps_differential_SOURCES = \
	interop/bitmaps-differential.c \
	interop/twin-tools.c \
	interop/twin-tools.h
