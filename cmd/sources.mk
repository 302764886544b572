# SPDX-License-Identifier: BSD-3-Clause
qcow_img_sources = \
	human.c \
	human.h \
	image-open.c \
	image-open.h \
	keyval.c \
	keyval.h \
	main.c \
	message.c \
	message.h \
	options.c \
	options.h \
	verb.h

qcow_io_sources =
