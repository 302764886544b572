# SPDX-License-Identifier: BSD-3-Clause
check_PROGRAMS += unit/corrupt-in-mid-write
TESTS += unit/corrupt-in-mid-write

unit_corrupt_in_mid_write_SOURCES = \
	crash/record.c \
	crash/record.h \
	unit/corrupt-in-mid-write.c
