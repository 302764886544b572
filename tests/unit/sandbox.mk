# SPDX-License-Identifier: BSD-3-Clause
check_PROGRAMS += unit/sandbox
TESTS += unit/sandbox
EXTRA_DIST += unit/under-valgrind.h

unit_sandbox_SOURCES = unit/sandbox.c
unit_sandbox_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/sandbox
unit_sandbox_LDADD = $(top_builddir)/sandbox/libsandbox.la $(CMOCKA_LIBS)
