# SPDX-License-Identifier: BSD-3-Clause
check_PROGRAMS += unit/made
TESTS += unit/made

unit_made_SOURCES = unit/made.c ../cmd/made.c
unit_made_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/cmd
