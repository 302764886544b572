# SPDX-License-Identifier: BSD-3-Clause
check_PROGRAMS += unit/regressions
TESTS += unit/regressions

unit_regressions_SOURCES = unit/regressions.c
