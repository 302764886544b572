# SPDX-License-Identifier: BSD-3-Clause
store_tests = \
	unit/store-faults \
	unit/store-file \
	unit/store-locks \
	unit/store-locks-qemu \
	unit/store-memory \
	unit/store-model \
	unit/store-refusals \
	unit/store-threads \
	unit/store-window \
	unit/store-withheld
check_PROGRAMS += $(store_tests)
TESTS += $(store_tests)

unit_store_faults_SOURCES = unit/store-faults.c unit/store-scratch.h
unit_store_faults_LDFLAGS = -Wl,--wrap=pread,--wrap=pwritev,--wrap=fallocate \
	-Wl,--wrap=fdatasync,--wrap=lseek
unit_store_file_SOURCES = unit/store-file.c unit/store-scratch.h
unit_store_locks_SOURCES = unit/store-locks.c unit/store-scratch.h
unit_store_locks_qemu_SOURCES = unit/store-locks-qemu.c unit/store-scratch.h
unit_store_memory_SOURCES = unit/store-memory.c
unit_store_model_SOURCES = unit/seed.h unit/store-kinds.h unit/store-model.c unit/store-scratch.h
unit_store_refusals_SOURCES = unit/store-refusals.c unit/store-scratch.h
unit_store_threads_SOURCES = unit/store-kinds.h unit/store-threads.c unit/store-scratch.h
unit_store_withheld_SOURCES = unit/store-withheld.c
unit_store_window_SOURCES = unit/seed.h unit/store-window.c
