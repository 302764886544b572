# SPDX-License-Identifier: BSD-3-Clause
check_PROGRAMS += unit/api-refusals
TESTS += unit/api-refusals

unit_api_refusals_SOURCES = unit/api-refusals.c unit/store-scratch.h
