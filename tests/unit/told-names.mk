# SPDX-License-Identifier: BSD-3-Clause
check_PROGRAMS += unit/told-names
TESTS += unit/told-names

unit_told_names_SOURCES = unit/told-names.c unit/store-scratch.h
