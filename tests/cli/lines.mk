# SPDX-License-Identifier: BSD-3-Clause
# Random command lines: a few in make check, as many as wanted here.
TESTS += cli/cli-random-lines-are-as-with-qemu-img.sh
EXTRA_DIST += \
	cli/cli-random-lines-are-as-with-qemu-img.sh \
	cli/lines.py \
	cli/lines/differences \
	cli/lines/gallery.setups \
	cli/linesteps.py \
	cli/linewords.py

LINES = 3000
SEQUENCES = 200
.PHONY: check-lines
check-lines:
	$(top_builddir)/run python3 -B $(srcdir)/cli/lines.py --lines $(LINES)
	$(top_builddir)/run python3 -B $(srcdir)/cli/lines.py --sequences $(SEQUENCES)
