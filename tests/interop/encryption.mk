# SPDX-License-Identifier: BSD-3-Clause
encryption_tests = \
	interop/encryption-aes-images-are-read.sh \
	interop/encryption-by-every-cipher-and-hash.sh \
	interop/encryption-cryptsetup-opens-our-volumes.sh \
	interop/encryption-differential.sh \
	interop/encryption-key-slots-are-changed.sh \
	interop/encryption-layout-is-that-of-qemu.sh \
	interop/encryption-of-converted-images.sh \
	interop/encryption-of-vm-states.sh
TESTS += $(encryption_tests)
EXTRA_DIST += interop/encryption-common.sh $(encryption_tests)
