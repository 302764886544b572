# SPDX-License-Identifier: BSD-3-Clause
shared_sources = \
	base64.c \
	base64.h \
	confine.c \
	confine.h \
	credentials.c \
	credentials.h \
	decrypt.c \
	decrypt.h \
	disguise.c \
	disguise.h \
	ending.c \
	ending.h \
	facts.c \
	facts.h \
	human.c \
	human.h \
	image-key-table.c \
	image-key-table.h \
	image-keys.c \
	image-keys.h \
	image-open.c \
	image-open.h \
	json-keys.c \
	json-keys.h \
	json.c \
	json.h \
	keyval.c \
	keyval.h \
	layer-name.c \
	layer-name.h \
	location.c \
	location.h \
	lock-wait.c \
	lock-wait.h \
	made.c \
	made.h \
	message.c \
	message.h \
	nbd-address.c \
	nbd-address.h \
	nbd-keys.c \
	nbd-keys.h \
	object.c \
	object.h \
	option-value.c \
	option-value.h \
	options.h \
	output.c \
	output.h \
	path.c \
	path.h \
	secret.c \
	secret.h \
	utf8.c \
	utf8.h

qcow_img_sources = \
	$(shared_sources) \
	amend.c \
	audit-content.c \
	audit-image.c \
	audit-report.c \
	audit.c \
	audit.h \
	bitmap.c \
	bench.c \
	bytes.h \
	check.c \
	commit.c \
	compare.c \
	convert-bitmaps.c \
	convert-bitmaps.h \
	convert-target.c \
	convert-target.h \
	convert.c \
	copy-plan.c \
	copy-plan.h \
	copy.c \
	copy.h \
	create-options.c \
	create-options.h \
	create.c \
	dd.c \
	extents.c \
	extents.h \
	info.c \
	main.c \
	map-bitmap.c \
	map-bitmap.h \
	map.c \
	measure.c \
	options.c \
	pipeline.c \
	pipeline.h \
	progress-bar.c \
	progress-bar.h \
	progress.c \
	progress.h \
	rebase.c \
	resize.c \
	snapshot-open.c \
	snapshot-open.h \
	snapshot.c \
	target.c \
	target.h \
	untrusted.c \
	untrusted.h \
	verb.c \
	verb.h

qcow_io_sources = \
	$(shared_sources) \
	io-async.c \
	io-commands.c \
	io-copy-on-read.c \
	io-main.c \
	io-manage.c \
	io-pattern.c \
	io-process.c \
	io-reopen.c \
	io-report.c \
	io-session.c \
	io-transfer.c \
	io.h

completionsdir = $(datadir)/bash-completion/completions
dist_completions_DATA = qcow-img.bash qcow-io.bash
EXTRA_DIST = qcow-vmm.bash
if HAVE_VMM
completions_DATA = qcow-vmm.bash
endif
