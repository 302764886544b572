# SPDX-License-Identifier: BSD-3-Clause
# Included from interop/local.mk.
check_PROGRAMS += interop/qcow1-in-every-geometry
interop_qcow1_in_every_geometry_SOURCES = \
	interop/qcow1-in-every-geometry.c \
	interop/twin-tools.c \
	interop/twin-tools.h
interop_qcow1_in_every_geometry_CFLAGS = $(AM_CFLAGS) $(ZLIB_CFLAGS)
interop_qcow1_in_every_geometry_LDADD = $(LDADD) $(ZLIB_LIBS)
TESTS += interop/qcow1-in-every-geometry interop/qcow1-images-of-qemu-are-read.sh
EXTRA_DIST += interop/qcow1-images-of-qemu-are-read.sh
