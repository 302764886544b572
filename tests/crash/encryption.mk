# SPDX-License-Identifier: BSD-3-Clause
# Included from crash/local.mk.
check_PROGRAMS += crash/key-slots
TESTS += crash/key-slots crash/crash-encrypted-images-are-old-or-new.sh
EXTRA_DIST += crash/crash-encrypted-images-are-old-or-new.sh
crash_key_slots_SOURCES = \
	crash/cut.c \
	crash/cut.h \
	crash/key-slots.c \
	crash/random.h \
	crash/record.c \
	crash/record.h
