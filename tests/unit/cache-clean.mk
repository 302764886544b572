# SPDX-License-Identifier: BSD-3-Clause
check_PROGRAMS += unit/cache-clean
TESTS += unit/cache-clean
unit_cache_clean_SOURCES = unit/cache-clean.c
