# SPDX-License-Identifier: BSD-3-Clause
nbd_tests = \
	nbd/nbd-backing-files-need-permission.sh \
	nbd/nbd-bad-parameters-say-one-sentence.sh \
	nbd/nbd-data-files-need-permission.sh \
	nbd/nbd-describes-the-disk.sh \
	nbd/nbd-encrypted-images-are-served.sh \
	nbd/nbd-fio-verifies-over-several-connections.sh \
	nbd/nbd-killed-client-harms-nothing.sh \
	nbd/nbd-killed-server-leaves-no-corruption.sh \
	nbd/nbd-map-agrees-with-qemu-img.sh \
	nbd/nbd-nbdcopy-copies-out-and-in.sh \
	nbd/nbd-old-qcow-images-are-served.sh \
	nbd/nbd-one-writer-at-a-time.sh \
	nbd/nbd-qemu-reads-and-writes-through-us.sh \
	nbd/nbd-read-only-never-writes.sh \
	nbd/nbd-snapshot-is-what-convert-reads.sh \
	nbd/nbd-untrusted-serves-from-a-sandbox.sh \
	nbd/nbd-writes-set-bits.sh
EXTRA_DIST += $(nbd_tests) nbd/README nbd/common.sh

if HAVE_NBDKIT_PLUGIN
TESTS += $(nbd_tests) nbd/plugin-callbacks
check_PROGRAMS += nbd/plugin-callbacks nbd/rude-client

# The plugin's own sources, with doubles of nbdkit's functions.
nbd_plugin_callbacks_SOURCES = \
	nbd/plugin-callbacks.c \
	../nbdplugin/disk.c \
	../nbdplugin/disk.h \
	../nbdplugin/parameters.c \
	../nbdplugin/parameters.h \
	../nbdplugin/plugin.c \
	../nbdplugin/sandboxed.c \
	../nbdplugin/sandboxed.h
nbd_plugin_callbacks_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/nbdplugin -I$(top_srcdir)/sandbox
nbd_plugin_callbacks_LDADD = $(LDADD) $(top_builddir)/sandbox/libsandbox.la
nbd_plugin_callbacks_CFLAGS = $(AM_CFLAGS) $(NBDKIT_CFLAGS)

nbd_rude_client_LDADD = $(LIBNBD_LIBS)
endif
include $(srcdir)/nbd/store.mk
