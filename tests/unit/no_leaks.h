/* SPDX-License-Identifier: Apache-2.0 */
/* Last line of a test body: fails the test if memory leaked (with AddressSanitizer; nothing otherwise). */
#pragma once

#include <criterion/criterion.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define NO_LEAKS_CHECKED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define NO_LEAKS_CHECKED
#endif

#ifdef NO_LEAKS_CHECKED
#include <sanitizer/lsan_interface.h>
#define NO_LEAKS() cr_assert_eq(__lsan_do_recoverable_leak_check(), 0, "memory leaked")
#else
#define NO_LEAKS() ((void)0)
#endif
