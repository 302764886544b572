# SPDX-License-Identifier: BSD-3-Clause
convert_tests = \
	interop/compare-finds-the-first-difference.sh \
	interop/compare-prints-json.sh \
	interop/compare-says-what-qemu-says.sh \
	interop/compressed-clusters-of-one-bit-refcounts.sh \
	interop/compressed-clusters-under-snapshots.sh \
	interop/compressed-images-are-served.sh \
	interop/compressed-map-equals-qemu-img.sh \
	interop/compressed-writes-equal-qemu-io.sh \
	interop/convert-all-clusters-and-refcounts.sh \
	interop/convert-backing-copies-what-lies-above.sh \
	interop/convert-compressed-above-a-backing-file.sh \
	interop/convert-compressed-all-clusters.sh \
	interop/convert-compressed-as-qemu-does.sh \
	interop/convert-compressed-into-an-existing-target.sh \
	interop/convert-compresses-at-every-level.sh \
	interop/convert-concatenates-sources.sh \
	interop/convert-failure-leaves-no-target.sh \
	interop/convert-into-an-existing-target.sh \
	interop/convert-keeps-holes.sh \
	interop/map-shows-holes-on-another-images-disk.sh \
	interop/convert-odd-sizes.sh \
	interop/convert-qcow2-to-raw-as-qemu-does.sh \
	interop/convert-raw-to-qcow2-as-qemu-does.sh \
	interop/convert-reads-a-snapshot.sh \
	interop/convert-salvages-around-damaged-tables.sh \
	interop/convert-salvages-what-can-be-read.sh \
	interop/convert-same-bytes-for-any-number-of-workers.sh \
	interop/convert-shows-progress.sh \
	interop/convert-sparse-size.sh

TESTS += $(convert_tests)
EXTRA_DIST += $(convert_tests) interop/convert-common.sh
