# SPDX-License-Identifier: BSD-3-Clause
# Requests of the system that can be made to fail, in compiled tests that list their functions.
check_PROGRAMS += unit/one-fault
TESTS += unit/one-fault

unit_one_fault_SOURCES = \
	unit/faults.c \
	unit/faults.h \
	unit/one-fault-images.c \
	unit/one-fault-operations.c \
	unit/one-fault-views.c \
	unit/one-fault.c \
	unit/one-fault.h \
	unit/store-scratch.h
unit_one_fault_LDFLAGS = \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=reallocarray,--wrap=free \
	-Wl,--wrap=aligned_alloc,--wrap=posix_memalign,--wrap=strdup,--wrap=asprintf \
	-Wl,--wrap=pread,--wrap=pwritev,--wrap=fallocate,--wrap=ftruncate,--wrap=fdatasync \
	-Wl,--wrap=lseek,--wrap=stat,--wrap=fstat,--wrap=open,--wrap=fcntl,--wrap=clock_gettime
