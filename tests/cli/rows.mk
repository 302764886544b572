# SPDX-License-Identifier: BSD-3-Clause
# Tables of command lines that QEMU's tools and ours are to treat alike, a test each.
row_tables = \
	cli/rows/amend.rows \
	cli/rows/bench.rows \
	cli/rows/bitmap.rows \
	cli/rows/check.rows \
	cli/rows/commit.rows \
	cli/rows/compare.rows \
	cli/rows/convert.rows \
	cli/rows/create.rows \
	cli/rows/dd.rows \
	cli/rows/encrypted-change.rows \
	cli/rows/encrypted-make.rows \
	cli/rows/encrypted-read.rows \
	cli/rows/habits.rows \
	cli/rows/info.rows \
	cli/rows/layers.rows \
	cli/rows/map.rows \
	cli/rows/measure.rows \
	cli/rows/more.rows \
	cli/rows/names.rows \
	cli/rows/nbd.rows \
	cli/rows/nbd-tls.rows \
	cli/rows/opts.rows \
	cli/rows/rebase.rows \
	cli/rows/resize.rows \
	cli/rows/snapshot.rows \
	cli/rows/usage.rows
TESTS += $(row_tables)
EXTRA_DIST += cli/rows.py cli/rows/setups cli/rows/without $(row_tables)

TEST_EXTENSIONS += .rows
ROWS_LOG_COMPILER = $(top_builddir)/run python3 -B $(srcdir)/cli/rows.py

# Loaded into QEMU's programs, which have no sanitizer.
check_LTLIBRARIES = cli/hasty-clock.la
cli_hasty_clock_la_SOURCES = cli/hasty-clock.c
cli_hasty_clock_la_CFLAGS = $(AM_CFLAGS) -fvisibility=default
cli_hasty_clock_la_LDFLAGS = -module -avoid-version -shared -rpath /nowhere
hasty_clock = cli/hasty-clock.la
$(hasty_clock): CFLAGS := $(filter-out -fsanitize=% -fno-sanitize%,$(CFLAGS))
