/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's way into a key holder that serves: a socket in its folder that its own user alone can open, one line
 * in, one line out (keyholder/control.h). A thread of its own reads and writes; what is asked is done on the loop.
 */
#pragma once

#include "base/error.h"
#include "base/span.h"
#include "net/loop.h"

struct bg_control_socket;

/* Text to free(), on the loop's thread; NULL: out of memory. */
typedef char *bg_control_function(void *context, struct bg_span request);

/* Listens when it returns; replaces a socket that another process has left. Keeps loop and context. BG_IO names the
 * path; BG_TOO_LARGE: it is too long for a socket. */
BG_MUST_CHECK enum bg_status bg_control_socket_create(struct bg_loop *loop, const char *path,
                                                      bg_control_function *answer, void *context,
                                                      struct bg_error *error, struct bg_control_socket **ret_socket);
/* Waits for the thread: requests under way go unanswered. Before the loop is destroyed. The socket's name stays: a
 * confined process removes nothing (keyholder/confine.h). It leads nobody astray, since verbs look at the lock on the
 * journal first and open the folder themselves where nobody has it (keyholder/operate.h). */
void bg_control_socket_destroy(struct bg_control_socket **socket);
