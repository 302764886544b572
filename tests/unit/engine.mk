# SPDX-License-Identifier: BSD-3-Clause
engine_tests = \
	unit/stress-threads
check_PROGRAMS += $(engine_tests)
TESTS += $(engine_tests)

unit_stress_threads_SOURCES = \
	unit/store-scratch.h \
	unit/stress-model.c \
	unit/stress-model.h \
	unit/stress-threads.c
