# SPDX-License-Identifier: BSD-3-Clause
cli_tests = \
	cli/cli-a-volume-that-cannot-be-costs-no-file.sh \
	cli/cli-amend-changes-key-slots-as-qemu-img.sh \
	cli/cli-audit-judges-images.sh \
	cli/cli-audit-knows-what-qemu-img-takes-for-images.sh \
	cli/cli-audit-looks-at-snapshots.sh \
	cli/cli-bitmap-speaks-as-qemu-img.sh \
	cli/cli-completion-offers-verbs-and-options.sh \
	cli/cli-create-preallocates-as-qemu-img.sh \
	cli/cli-devices-are-written-and-named-as-by-qemu-img.sh \
	cli/cli-encryption-speaks-as-qemu-img.sh \
	cli/cli-every-difference-is-told.sh \
	cli/cli-every-option-has-a-row.sh \
	cli/cli-every-report-is-there-as-json.sh \
	cli/cli-help-names-every-verb-and-option.sh \
	cli/cli-image-opts-open-what-they-name.sh \
	cli/cli-info-stops-at-a-loop-of-backing-files.sh \
	cli/cli-io-and-qemu-io-write-the-same-bytes.sh \
	cli/cli-io-keeps-requests-under-way-at-once.sh \
	cli/cli-io-random-commands-leave-the-same-disk.sh \
	cli/cli-io-rows-are-as-with-qemu-io.sh \
	cli/cli-io-reads-commands-from-standard-input.sh \
	cli/cli-io-speaks-as-qemu-io.sh \
	cli/cli-layers-of-keys-name-images.sh \
	cli/cli-loads-only-the-libraries-it-needs.sh \
	cli/cli-locked-files-survive-a-failed-create.sh \
	cli/cli-locked-images-are-refused-as-by-qemu-img.sh \
	cli/cli-long-names-of-newer-qemu-img-are-known.sh \
	cli/cli-measure-is-enough-for-every-option.sh \
	cli/cli-measure-is-never-exceeded.sh \
	cli/cli-names-inside-images-are-printed-harmlessly.sh \
	cli/cli-programs-in-the-wild-get-what-they-parse.sh \
	cli/cli-progress-is-a-bar-on-a-terminal.sh \
	cli/cli-resize-preallocates-as-qemu-img.sh \
	cli/cli-secrets-are-taken-as-by-qemu-img.sh \
	cli/cli-refused-conversions-touch-nothing.sh \
	cli/cli-signals-leave-no-half-made-target.sh \
	cli/cli-speaks-under-the-name-it-is-called-by.sh \
	cli/cli-untrusted-is-a-sandbox.sh \
	cli/cli-untrusted-opens-the-named-file-only.sh \
	cli/cli-waits-for-locked-images.sh \
	cli/cli-what-is-read-is-not-overwritten.sh \
	cli/cli-work-outlives-its-output.sh \
	cli/cli-written-names-are-opened-again.sh
TESTS += $(cli_tests)
EXTRA_DIST += cli/README cli/covered.py cli/told.py cli/twins.sh cli/io-rows/async.rows cli/io-rows/image.rows \
	cli/io-rows/open.rows cli/io-rows/transfer.rows \
	cli/wild/backups.wild cli/wild/builders.wild cli/wild/keepers.wild cli/wild/machines.wild cli/wild/openstack.wild \
	cli/wild/ovirt.wild cli/wild/platforms.wild $(cli_tests)

include $(srcdir)/cli/rows.mk
include $(srcdir)/cli/lines.mk

# Verbs as functions: qcow-img without its main.c.
check_PROGRAMS += cli/verbs-need-no-command-line
TESTS += cli/verbs-need-no-command-line
cli_verbs_need_no_command_line_SOURCES = \
	cli/verbs-need-no-command-line.c \
	../cmd/check.c \
	../cmd/create-options.c \
	../cmd/create.c \
	../cmd/facts.c \
	../cmd/human.c \
	../cmd/base64.c \
	../cmd/credentials.c \
	../cmd/decrypt.c \
	../cmd/image-key-table.c \
	../cmd/image-keys.c \
	../cmd/layer-name.c \
	../cmd/ending.c \
	../cmd/made.c \
	../cmd/image-open.c \
	../cmd/json-keys.c \
	../cmd/json.c \
	../cmd/keyval.c \
	../cmd/location.c \
	../cmd/lock-wait.c \
	../cmd/measure.c \
	../cmd/message.c \
	../cmd/nbd-address.c \
	../cmd/nbd-keys.c \
	../cmd/option-value.c \
	../cmd/path.c \
	../cmd/resize.c \
	../cmd/secret.c \
	../cmd/snapshot-open.c \
	../cmd/snapshot.c \
	../cmd/target.c \
	../cmd/utf8.c
cli_verbs_need_no_command_line_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/cmd
cli_verbs_need_no_command_line_LDADD = $(top_builddir)/lib/libqcow2.la $(CMOCKA_LIBS) $(JANSSON_LIBS)
