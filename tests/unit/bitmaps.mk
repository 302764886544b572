# SPDX-License-Identifier: BSD-3-Clause
bitmap_programs = \
	unit/dirty-bits \
	unit/format-bitmap-directory \
	unit/stress-bitmaps
check_PROGRAMS += $(bitmap_programs)
TESTS += $(bitmap_programs)

unit_dirty_bits_SOURCES = unit/dirty-bits.c
unit_format_bitmap_directory_SOURCES = unit/format-bitmap-directory.c
unit_stress_bitmaps_SOURCES = unit/seed.h unit/store-scratch.h unit/stress-bitmaps.c
