# SPDX-License-Identifier: BSD-3-Clause
# They make streams that the codec would not make, or read them as the codec would not.
codec_tests = unit/codec unit/compression-levels
check_PROGRAMS += $(codec_tests)
TESTS += $(codec_tests)

unit_codec_SOURCES = unit/codec.c
unit_codec_CFLAGS = $(AM_CFLAGS) $(ZLIB_CFLAGS) $(ZSTD_CFLAGS)
unit_codec_LDADD = $(LDADD) $(ZLIB_LIBS) $(ZSTD_LIBS)
unit_compression_levels_SOURCES = unit/compression-levels.c
unit_compression_levels_CFLAGS = $(AM_CFLAGS) $(ZLIB_CFLAGS)
unit_compression_levels_LDADD = $(LDADD) $(ZLIB_LIBS)
