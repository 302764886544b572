# SPDX-License-Identifier: BSD-3-Clause
EXTRA_DIST += \
	bench/README \
	bench/bench.py \
	bench/cases.py \
	bench/curves.py \
	bench/growing.py \
	bench/growth.py \
	bench/images.py \
	bench/measuring.py \
	bench/page.py \
	bench/plot.py \
	bench/program.py \
	bench/serving.py

# Side by side with QEMU's tools; BENCH names cases and options, BENCHDATA a folder for the images.
BENCH =
BENCHDATA = bench-data
.PHONY: bench
bench:
	$(top_builddir)/run python3 -B $(srcdir)/bench/bench.py --data "$(BENCHDATA)" $(BENCH)

# How time and memory grow; GROWTH names curves and options.
GROWTH =
.PHONY: growth
growth:
	$(top_builddir)/run python3 -B $(srcdir)/bench/growth.py --data "$(BENCHDATA)" $(GROWTH)
