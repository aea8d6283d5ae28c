/* SPDX-License-Identifier: Apache-2.0 */
/* What the rest of net/ needs of the loop: libuv's, for sockets. */
#pragma once

#include "net/loop.h"

#include <uv.h>

/* Its handles must be closed before bg_loop_destroy, which still runs their close callbacks. */
uv_loop_t *bg_loop_uv(struct bg_loop *loop);
