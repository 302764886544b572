# SPDX-License-Identifier: BSD-3-Clause
check_tests = \
	unit/check-references \
	unit/check-shared-tables
check_PROGRAMS += $(check_tests)
TESTS += $(check_tests)

unit_check_references_SOURCES = unit/check-references.c
unit_check_shared_tables_SOURCES = unit/check-shared-tables.c
