dnl SPDX-License-Identifier: BSD-3-Clause
dnl compiler.m4 - ask the compiler which flags it takes

dnl QCOW_APPEND_CFLAGS(VARIABLE, FLAGS)
dnl Append to VARIABLE each of FLAGS that compiles without a warning.
AC_DEFUN([QCOW_APPEND_CFLAGS],[
  for flag in m4_normalize([$2]); do
    AC_MSG_CHECKING([whether $CC takes $flag])
    saved_CFLAGS="$CFLAGS"
    CFLAGS="$CFLAGS -Werror $flag"
    AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
      [AC_MSG_RESULT([yes])
       $1="$$1 $flag"],
      [AC_MSG_RESULT([no])])
    CFLAGS="$saved_CFLAGS"
  done
])

dnl QCOW_SANITIZERS(LIST)
dnl Build everything with -fsanitize=LIST, or stop if the compiler cannot link such a program.
AC_DEFUN([QCOW_SANITIZERS],[
  AC_MSG_CHECKING([whether $CC links with -fsanitize=$1])
  CFLAGS="$CFLAGS -fsanitize=$1 -fno-sanitize-recover=all -fno-omit-frame-pointer"
  AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
    [AC_MSG_RESULT([yes])],
    [AC_MSG_RESULT([no])
     AC_MSG_ERROR([$CC cannot link a program with -fsanitize=$1: name sanitizers that it has])])
])
