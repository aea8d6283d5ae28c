/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a key holder's process may still ask of the system once it serves: read, write and sync what is open, speak over
 * sockets that are open or accepted, wait, take memory and time. Not: open or remove files, make sockets, run programs,
 * make processes, trace, load code that can be written. Whoever takes the process over finds the keys in its memory,
 * but no easy way out.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>

/* Before the first event loop and the first thread of a process that will be confined: no rings of the kernel
 * (io_uring), since no filter of system calls sees what they carry out. Event loops make them where they can and their
 * library knows how, and do without otherwise. BG_IO: the system would not take this filter. */
BG_MUST_CHECK enum bg_status bg_confine_prepare(struct bg_error *error);

/* For all threads of the process, for ever: what is not on the list fails with EPERM. *ret_confined is false where
 * this build or machine has no such filter. BG_IO: the system would not take it. */
BG_MUST_CHECK enum bg_status bg_confine(struct bg_error *error, bool *ret_confined);
