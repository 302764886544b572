# SPDX-License-Identifier: BSD-3-Clause
libqcow2_sources = \
	qcow2.h \
	base/bits.h \
	base/cleanup.h \
	base/error.c \
	base/error.h \
	format/disk.h \
	format/geometry.h \
	format/header.c \
	format/header.h \
	format/l2_entry.h \
	format/refcount_block.h \
	format/snapshot_table.c \
	format/snapshot_table.h \
	store/store.h
