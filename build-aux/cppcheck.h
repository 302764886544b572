/* SPDX-License-Identifier: BSD-3-Clause */
/* cppcheck.h - what cppcheck, which reads no system header, must know of the macros of jansson */

#define json_array_foreach(array, index, value) \
    for (index = 0; (value = json_array_get(array, index)) != NULL; index++)
#define json_object_foreach(object, key, value) for (; (value = json_next(object, &key)) != NULL;)
