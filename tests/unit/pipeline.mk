# SPDX-License-Identifier: BSD-3-Clause
check_PROGRAMS += unit/pipeline
TESTS += unit/pipeline

# The one part of the commands that is tested by itself; it includes nothing of the library.
unit_pipeline_SOURCES = unit/pipeline.c ../cmd/pipeline.c
unit_pipeline_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/cmd
