# SPDX-License-Identifier: BSD-3-Clause
# What it loads it also links, to compare.
check_PROGRAMS += unit/library
TESTS += unit/library
unit_library_SOURCES = unit/library.c
unit_library_CFLAGS = $(AM_CFLAGS) $(ZLIB_CFLAGS)
unit_library_LDADD = $(LDADD) $(ZLIB_LIBS)

check_PROGRAMS += unit/covered
TESTS += unit/covered
unit_covered_SOURCES = unit/covered.c unit/seed.h
