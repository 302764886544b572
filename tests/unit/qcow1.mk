# SPDX-License-Identifier: BSD-3-Clause
check_PROGRAMS += unit/format-qcow1
TESTS += unit/format-qcow1
unit_format_qcow1_SOURCES = unit/format-qcow1.c
