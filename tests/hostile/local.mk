# SPDX-License-Identifier: BSD-3-Clause
check_PROGRAMS += hostile/whatever-the-image
hostile_whatever_the_image_SOURCES = \
	hostile/damage.c \
	hostile/damage.h \
	hostile/recipes.c \
	hostile/recipes.h \
	hostile/verbs.c \
	hostile/verbs.h \
	hostile/whatever-the-image.c \
	hostile/wholes.c \
	hostile/wholes.h \
	interop/twin-tools.c \
	interop/twin-tools.h
hostile_whatever_the_image_LDADD = $(LDADD) $(JANSSON_LIBS)

hostile_tests = hostile/whatever-the-image-verbs-end-well.sh
TESTS += hostile/hostile-work-is-bounded.sh $(hostile_tests)
EXTRA_DIST += hostile/README hostile/hostile-work-is-bounded.sh $(hostile_tests)

# All of the images: every verb on each takes its minutes.
.PHONY: check-hostile
check-hostile: hostile/whatever-the-image
	$(MAKE) check TESTS="$(hostile_tests)" HOSTILE_STEP=1
