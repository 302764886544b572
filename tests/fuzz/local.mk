# SPDX-License-Identifier: BSD-3-Clause
fuzz_targets = \
	fuzz/fuzz-bitmaps \
	fuzz/fuzz-check \
	fuzz/fuzz-codec \
	fuzz/fuzz-create \
	fuzz/fuzz-header \
	fuzz/fuzz-io \
	fuzz/fuzz-key-slots \
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

# Passwords take no time (luks-volumes.h).
luks_ldflags = -Wl,--wrap=hash_pbkdf2,--wrap=hash_pbkdf2_rate,--wrap=split_key,--wrap=split_merge
luks_volumes = fuzz/luks-volumes.c fuzz/luks-volumes.h
fuzz_fuzz_key_slots_SOURCES = fuzz/fuzz-key-slots.c $(luks_volumes) $(fuzz_main)
fuzz_fuzz_key_slots_LDFLAGS = $(FUZZING_LDFLAGS) $(luks_ldflags)
fuzz_fuzz_luks_SOURCES = fuzz/fuzz-luks.c $(luks_volumes) $(fuzz_main)
fuzz_fuzz_luks_LDFLAGS = $(FUZZING_LDFLAGS) $(luks_ldflags)

if HAVE_NBD_STORE
fuzz_targets += fuzz/fuzz-nbd
endif
fuzz_fuzz_nbd_SOURCES = fuzz/fuzz-nbd.c fuzz/nbd-server.c fuzz/nbd-server.h $(fuzz_main)
fuzz_fuzz_nbd_LDFLAGS = $(FUZZING_LDFLAGS) -Wl,--wrap=clock_gettime,--wrap=nanosleep
fuzz_fuzz_open_SOURCES = fuzz/fuzz-open.c $(fuzz_main) $(fuzz_mutate)
fuzz_fuzz_open_LDFLAGS = $(FUZZING_LDFLAGS)
fuzz_fuzz_qcow1_SOURCES = fuzz/fuzz-qcow1.c $(fuzz_main) $(fuzz_mutate)
fuzz_fuzz_qcow1_LDFLAGS = $(FUZZING_LDFLAGS)
fuzz_fuzz_snapshots_SOURCES = fuzz/fuzz-snapshots.c $(fuzz_main)
fuzz_fuzz_snapshots_LDFLAGS = $(FUZZING_LDFLAGS)
fuzz_cmd = \
	../cmd/base64.c \
	../cmd/create-options.c \
	../cmd/credentials.c \
	../cmd/decrypt.c \
	../cmd/disguise.c \
	../cmd/facts.c \
	../cmd/human.c \
	../cmd/image-key-table.c \
	../cmd/image-keys.c \
	../cmd/layer-name.c \
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
	../cmd/nbd-keys.c \
	../cmd/object.c \
	../cmd/option-value.c \
	../cmd/options.c \
	../cmd/output.c \
	../cmd/path.c \
	../cmd/secret.c \
	../cmd/utf8.c \
	fuzz/listen.c \
	fuzz/listen.h
# The program's main file is included.
fuzz_fuzz_io_SOURCES = fuzz/fuzz-io.c $(fuzz_cmd) $(fuzz_main)
fuzz_fuzz_io_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/cmd -I$(top_srcdir)/sandbox
fuzz_fuzz_io_LDADD = $(LDADD) $(JANSSON_LIBS) $(LIBCRYPTO_LIBS)
fuzz_fuzz_io_LDFLAGS = $(FUZZING_LDFLAGS)
fuzz_fuzz_words_SOURCES = fuzz/fuzz-words.c $(fuzz_cmd) $(fuzz_main)
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
	fuzz/search.sh \
	fuzz/seeds \
	fuzz/seeds.sh \
	fuzz/words

# FUZZ_SECONDS of processor time for each target, FUZZ_JOBS at once.  With FUZZ_CORPUS, a folder, a search
# that was stopped goes on; without it each begins anew, with the inputs that were found before.
FUZZ_TARGETS = $(notdir $(fuzz_targets))
FUZZ_SECONDS = 10
FUZZ_JOBS = 1
FUZZ_CORPUS =
.PHONY: check-fuzz
if HAVE_FUZZING
check-fuzz: $(fuzz_targets)
	@test -n '$(FUZZ_CORPUS)' || rm -f found/*.done
	@FUZZ_SECONDS='$(FUZZ_SECONDS)' FUZZ_JOBS='$(FUZZ_JOBS)' $(top_builddir)/run \
	  $(BASH_PROGRAM) $(srcdir)/fuzz/search.sh "$(or $(FUZZ_CORPUS),found)" $(FUZZ_TARGETS)
else
check-fuzz:
	@echo "check-fuzz: needs configure CC=clang --enable-fuzzing" >&2; exit 1
endif
