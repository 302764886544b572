# SPDX-License-Identifier: BSD-3-Clause
# What was mended once: locks of several images, passwords of backing files, chains of refcount blocks.
check_PROGRAMS += unit/backing-passwords unit/lock-order unit/refcount-chains
TESTS += unit/backing-passwords unit/lock-order unit/refcount-chains

unit_backing_passwords_SOURCES = unit/backing-passwords.c unit/store-scratch.h
unit_refcount_chains_SOURCES = unit/refcount-chains.c unit/store-scratch.h

unit_lock_order_SOURCES = unit/lock-order.c unit/store-scratch.h
unit_lock_order_LDFLAGS = \
	-Wl,--wrap=pthread_rwlock_rdlock,--wrap=pthread_rwlock_wrlock,--wrap=pthread_rwlock_unlock
