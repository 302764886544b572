# SPDX-License-Identifier: BSD-3-Clause
EXTRA_DIST += interop/README

twin_tests = \
	interop/differential \
	interop/layout-follows-qemu
check_PROGRAMS += $(twin_tests)
TESTS += $(twin_tests)

interop_differential_SOURCES = \
	interop/differential.c \
	interop/twin-tools.c \
	interop/twin-tools.h
interop_layout_follows_qemu_SOURCES = \
	interop/layout-follows-qemu.c \
	interop/twin-tools.c \
	interop/twin-tools.h

bad_tests = \
	interop/bad-backing-files.sh \
	interop/bad-images-through-the-programs.sh
check_PROGRAMS += interop/bad-images
TESTS += interop/bad-images $(bad_tests)
EXTRA_DIST += $(bad_tests)

interop_bad_images_SOURCES = \
	interop/bad-bitmaps.c \
	interop/bad-fields.h \
	interop/bad-header.c \
	interop/bad-images.c \
	interop/bad-images.h \
	interop/bad-refcounts.c \
	interop/bad-snapshots.c \
	interop/bad-tables.c \
	interop/twin-tools.c \
	interop/twin-tools.h \
	unit/header-fields.h

include $(srcdir)/interop/convert.mk
include $(srcdir)/interop/check.mk
include $(srcdir)/interop/qcow1.mk
include $(srcdir)/interop/encryption.mk
include $(srcdir)/interop/data-files.mk
include $(srcdir)/interop/subclusters.mk
include $(srcdir)/interop/amend.mk
include $(srcdir)/interop/bitmaps.mk
include $(srcdir)/interop/chains.mk
include $(srcdir)/interop/runtime.mk
include $(srcdir)/interop/shrink.mk
include $(srcdir)/interop/vm-state.mk
include $(srcdir)/interop/one-handle.mk
