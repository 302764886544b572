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
unit_one_fault_LDADD = $(LDADD) $(LIBCRYPTO_LIBS)
unit_one_fault_LDFLAGS = \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=reallocarray,--wrap=free \
	-Wl,--wrap=aligned_alloc,--wrap=posix_memalign,--wrap=strdup,--wrap=asprintf \
	-Wl,--wrap=pread,--wrap=pwritev,--wrap=fallocate,--wrap=ftruncate,--wrap=fdatasync \
	-Wl,--wrap=lseek,--wrap=stat,--wrap=fstat,--wrap=open,--wrap=fcntl \
	-Wl,--wrap=EVP_CIPHER_CTX_new,--wrap=EVP_CIPHER_fetch,--wrap=EVP_CipherUpdate \
	-Wl,--wrap=EVP_MD_CTX_new,--wrap=EVP_MD_fetch,--wrap=EVP_DigestFinal_ex \
	-Wl,--wrap=RAND_priv_bytes,--wrap=PKCS5_PBKDF2_HMAC,--wrap=clock_gettime
