# SPDX-License-Identifier: BSD-3-Clause
check_PROGRAMS += unit/vm-state
TESTS += unit/vm-state

unit_vm_state_SOURCES = unit/vm-state.c
