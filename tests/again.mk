# SPDX-License-Identifier: BSD-3-Clause
# again.mk - tests that are run again in another way: under valgrind, with ThreadSanitizer
EXTRA_DIST += under-valgrind.sh

# The compiled tests of the unit room, and of each kind of work a shell test whose qcow-img and qcow-io run
# under valgrind, which takes a second or two to start each.
# Ten thousand runs take too long.
not_under_valgrind = unit/one-fault
valgrind_tests = \
	$(filter-out $(not_under_valgrind),$(filter unit/%,$(filter $(check_PROGRAMS),$(TESTS)))) \
	$(valgrind_shell_tests)
valgrind_shell_tests = \
	cli/cli-image-opts-open-what-they-name.sh \
	cli/cli-io-speaks-as-qemu-io.sh \
	interop/bitmaps-are-merged-and-copied.sh \
	interop/compressed-clusters-under-snapshots.sh \
	interop/convert-keeps-holes.sh \
	interop/convert-reads-a-snapshot.sh \
	interop/convert-salvages-what-can-be-read.sh \
	interop/data-files-follow-the-size.sh \
	interop/qcow1-images-of-qemu-are-read.sh \
	interop/repair-drops-what-is-beyond-the-end.sh \
	interop/resize-above-a-backing-file.sh \
	interop/vm-states-are-written-as-by-qemu-io.sh
VALGRIND_COMMAND = $(VALGRIND) -q --leak-check=full --error-exitcode=119

.PHONY: check-valgrind
if HAVE_VALGRIND
check-valgrind: $(check_PROGRAMS)
	$(MAKE) check TESTS="$(valgrind_tests)" LOG_COMPILER="$(LOG_COMPILER) $(VALGRIND_COMMAND)" \
	  SH_LOG_COMPILER="env VALGRIND='$(VALGRIND_COMMAND)' $(SH_LOG_COMPILER) $(srcdir)/under-valgrind.sh"
else
check-valgrind:
	@echo "check-valgrind: skipped: valgrind was not found by configure (Debian: valgrind)"
endif

# For configure --enable-sanitizers=thread; make check-threads above makes such a build.
threaded_tests = \
	$(filter nbd/%,$(TESTS)) \
	$(filter interop/convert-%,$(TESTS)) \
	cli/cli-io-rows-are-as-with-qemu-io.sh \
	unit/cache-clean \
	unit/pipeline \
	unit/store-threads \
	unit/stress-bitmaps \
	unit/stress-threads \
	unit/vm-state

.PHONY: check-threaded
check-threaded: $(check_PROGRAMS)
	$(MAKE) check TESTS="$(threaded_tests)"
