# SPDX-License-Identifier: BSD-3-Clause
check_PROGRAMS += unit/codec
TESTS += unit/codec

# It makes streams that the codec would not make.
unit_codec_SOURCES = unit/codec.c
unit_codec_CFLAGS = $(AM_CFLAGS) $(ZLIB_CFLAGS) $(ZSTD_CFLAGS)
unit_codec_LDADD = $(LDADD) $(ZLIB_LIBS) $(ZSTD_LIBS)
