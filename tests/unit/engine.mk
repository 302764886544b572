# SPDX-License-Identifier: BSD-3-Clause
engine_tests = \
	unit/format-entries \
	unit/format-header \
	unit/format-snapshot-table \
	unit/header-update \
	unit/stress-threads
check_PROGRAMS += $(engine_tests)
TESTS += $(engine_tests)

unit_format_entries_SOURCES = unit/format-entries.c
unit_format_header_SOURCES = unit/format-header.c unit/header-fields.h
unit_format_snapshot_table_SOURCES = unit/format-snapshot-table.c
unit_header_update_SOURCES = crash/random.h unit/header-update.c unit/seed.h
unit_stress_threads_SOURCES = \
	unit/seed.h \
	unit/store-scratch.h \
	unit/stress-model.c \
	unit/stress-model.h \
	unit/stress-threads.c
