# SPDX-License-Identifier: BSD-3-Clause
fuzz_targets = \
	fuzz/fuzz-codec \
	fuzz/fuzz-create \
	fuzz/fuzz-header \
	fuzz/fuzz-open \
	fuzz/fuzz-snapshots \
	fuzz/fuzz-write
check_PROGRAMS += $(fuzz_targets)

# libFuzzer has a main function of its own.
if HAVE_FUZZING
fuzz_main = fuzz/fuzz.c fuzz/fuzz.h
fuzz_mutate = fuzz/mutate.c
else
fuzz_main = fuzz/fuzz.c fuzz/fuzz.h fuzz/driver.c
fuzz_mutate =
endif

fuzz_fuzz_codec_SOURCES = fuzz/fuzz-codec.c $(fuzz_main)
fuzz_fuzz_codec_LDFLAGS = $(FUZZING_LDFLAGS)
fuzz_fuzz_create_SOURCES = fuzz/fuzz-create.c $(fuzz_main)
fuzz_fuzz_create_LDFLAGS = $(FUZZING_LDFLAGS)
fuzz_fuzz_header_SOURCES = fuzz/fuzz-header.c $(fuzz_main)
fuzz_fuzz_header_LDFLAGS = $(FUZZING_LDFLAGS)
fuzz_fuzz_open_SOURCES = fuzz/fuzz-open.c $(fuzz_main) $(fuzz_mutate)
fuzz_fuzz_open_LDFLAGS = $(FUZZING_LDFLAGS)
fuzz_fuzz_snapshots_SOURCES = fuzz/fuzz-snapshots.c $(fuzz_main)
fuzz_fuzz_snapshots_LDFLAGS = $(FUZZING_LDFLAGS)
fuzz_fuzz_write_SOURCES = fuzz/fuzz-write.c $(fuzz_main) $(fuzz_mutate)
fuzz_fuzz_write_LDFLAGS = $(FUZZING_LDFLAGS)

# The seeds, and what was found, once each.
fuzz_tests = fuzz/fuzz-seeds-are-harmless.sh
TESTS += $(fuzz_tests)
EXTRA_DIST += \
	$(fuzz_tests) \
	fuzz/README \
	fuzz/mutate.c \
	fuzz/driver.c \
	fuzz/seeds \
	fuzz/seeds.sh

FUZZ_TARGETS = $(fuzz_targets)
FUZZ_SECONDS = 10
.PHONY: check-fuzz
if HAVE_FUZZING
check-fuzz: $(fuzz_targets)
	@for target in $(FUZZ_TARGETS); do \
	  name=`basename $$target`; \
	  mkdir -p found/$$name && \
	  echo "== $$name, $(FUZZ_SECONDS) s" && \
	  $(top_builddir)/run fuzz/$$name -max_total_time=$(FUZZ_SECONDS) -timeout=20 \
	    -rss_limit_mb=2048 -max_len=131072 -print_final_stats=1 -verbosity=0 \
	    -artifact_prefix=found/$$name- found/$$name $(srcdir)/fuzz/seeds/$$name || exit 1; \
	done
else
check-fuzz:
	@echo "check-fuzz: needs configure CC=clang --enable-fuzzing" >&2; exit 1
endif
