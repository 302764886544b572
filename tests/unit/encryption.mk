# SPDX-License-Identifier: BSD-3-Clause
check_PROGRAMS += unit/crypto unit/crypto-failures unit/store-crypt
TESTS += unit/crypto unit/crypto-failures unit/store-crypt

unit_crypto_SOURCES = unit/crypto.c
unit_crypto_CFLAGS = $(AM_CFLAGS) $(LIBCRYPTO_CFLAGS)
unit_crypto_LDADD = $(LDADD) $(LIBCRYPTO_LIBS)
unit_crypto_failures_SOURCES = unit/crypto-failures.c unit/store-scratch.h
unit_crypto_failures_CFLAGS = $(AM_CFLAGS) $(LIBCRYPTO_CFLAGS)
unit_store_crypt_SOURCES = unit/store-crypt.c
