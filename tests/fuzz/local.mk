# SPDX-License-Identifier: BSD-3-Clause
fuzz_targets = \
	fuzz/fuzz-bitmaps \
	fuzz/fuzz-check \
	fuzz/fuzz-codec \
	fuzz/fuzz-create \
	fuzz/fuzz-header \
	fuzz/fuzz-luks \
	fuzz/fuzz-open \
	fuzz/fuzz-qcow1 \
	fuzz/fuzz-snapshots \
	fuzz/fuzz-words \
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

fuzz_fuzz_bitmaps_SOURCES = fuzz/fuzz-bitmaps.c $(fuzz_main)
fuzz_fuzz_bitmaps_LDFLAGS = $(FUZZING_LDFLAGS)
fuzz_fuzz_check_SOURCES = fuzz/fuzz-check.c $(fuzz_main) $(fuzz_mutate)
fuzz_fuzz_check_LDFLAGS = $(FUZZING_LDFLAGS)
fuzz_fuzz_codec_SOURCES = fuzz/fuzz-codec.c $(fuzz_main)
fuzz_fuzz_codec_LDFLAGS = $(FUZZING_LDFLAGS)
fuzz_fuzz_create_SOURCES = fuzz/fuzz-create.c $(fuzz_main)
fuzz_fuzz_create_LDFLAGS = $(FUZZING_LDFLAGS)
fuzz_fuzz_header_SOURCES = fuzz/fuzz-header.c $(fuzz_main)
fuzz_fuzz_header_LDFLAGS = $(FUZZING_LDFLAGS)
fuzz_fuzz_luks_SOURCES = fuzz/fuzz-luks.c $(fuzz_main)
fuzz_fuzz_luks_LDFLAGS = $(FUZZING_LDFLAGS)
if HAVE_NBD_STORE
fuzz_targets += fuzz/fuzz-nbd
endif
fuzz_fuzz_nbd_SOURCES = fuzz/fuzz-nbd.c fuzz/nbd-server.c fuzz/nbd-server.h $(fuzz_main)
fuzz_fuzz_nbd_LDFLAGS = $(FUZZING_LDFLAGS)
fuzz_fuzz_open_SOURCES = fuzz/fuzz-open.c $(fuzz_main) $(fuzz_mutate)
fuzz_fuzz_open_LDFLAGS = $(FUZZING_LDFLAGS)
fuzz_fuzz_qcow1_SOURCES = fuzz/fuzz-qcow1.c $(fuzz_main) $(fuzz_mutate)
fuzz_fuzz_qcow1_LDFLAGS = $(FUZZING_LDFLAGS)
fuzz_fuzz_snapshots_SOURCES = fuzz/fuzz-snapshots.c $(fuzz_main)
fuzz_fuzz_snapshots_LDFLAGS = $(FUZZING_LDFLAGS)
fuzz_fuzz_words_SOURCES = \
	fuzz/fuzz-words.c \
	../cmd/base64.c \
	../cmd/create-options.c \
	../cmd/credentials.c \
	../cmd/decrypt.c \
	../cmd/disguise.c \
	../cmd/facts.c \
	../cmd/human.c \
	../cmd/image-key-table.c \
	../cmd/image-keys.c \
	../cmd/image-open.c \
	../cmd/io-async.c \
	../cmd/io-commands.c \
	../cmd/io-copy-on-read.c \
	../cmd/io-manage.c \
	../cmd/io-pattern.c \
	../cmd/io-process.c \
	../cmd/io-reopen.c \
	../cmd/io-report.c \
	../cmd/io-session.c \
	../cmd/io-transfer.c \
	../cmd/json-keys.c \
	../cmd/json.c \
	../cmd/keyval.c \
	../cmd/location.c \
	../cmd/lock-wait.c \
	../cmd/message.c \
	../cmd/nbd-address.c \
	../cmd/object.c \
	../cmd/option-value.c \
	../cmd/options.c \
	../cmd/path.c \
	../cmd/secret.c \
	../cmd/utf8.c \
	$(fuzz_main)
fuzz_fuzz_words_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/cmd
fuzz_fuzz_words_LDADD = $(LDADD) $(JANSSON_LIBS) $(LIBCRYPTO_LIBS)
fuzz_fuzz_words_LDFLAGS = $(FUZZING_LDFLAGS)
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
