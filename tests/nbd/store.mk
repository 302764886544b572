# SPDX-License-Identifier: BSD-3-Clause
# Included from nbd/local.mk: images on NBD servers.
nbd_store_tests = \
	nbd/store-answers-must-be-complete.sh \
	nbd/store-blocks-of-a-server-are-kept-to.sh \
	nbd/store-bytes-are-those-written.sh \
	nbd/store-images-are-opened-as-by-qemu-img.sh \
	nbd/store-images-are-written-there.sh \
	nbd/store-lost-servers-end-the-work.sh \
	nbd/store-lost-servers-are-waited-for.sh \
	nbd/store-one-connection-is-enough.sh \
	nbd/store-salvage-outlives-an-error.sh \
	nbd/store-servers-speak-tls.sh \
	nbd/store-targets-have-backing-files-there.sh \
	nbd/store-zeroes-are-made-again.sh
EXTRA_DIST += $(nbd_store_tests) nbd/faulty-server.py

if HAVE_NBD_STORE
TESTS += $(nbd_store_tests) nbd/store-fickle-servers nbd/store-images-on-fickle-servers
check_PROGRAMS += \
	nbd/store-fickle-servers \
	nbd/store-images-on-fickle-servers \
	nbd/store-model
endif
nbd_store_fickle_servers_SOURCES = \
	nbd/fickle-server.c \
	nbd/fickle-server.h \
	nbd/store-fickle-servers.c \
	unit/store-scratch.h
nbd_store_images_on_fickle_servers_SOURCES = \
	nbd/fickle-server.c \
	nbd/fickle-server.h \
	nbd/store-images-on-fickle-servers.c \
	unit/store-scratch.h
nbd_store_model_SOURCES = nbd/store-model.c unit/seed.h
