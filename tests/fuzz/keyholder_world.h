/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The unit tests' key holder in its first epoch with a plan in force, the same in every process: the system's random
 * bytes are replaced (meson.build wraps bg_random_system) by repeatable ones.
 */
#pragma once

#include "tests/unit/keyholder/keyholder_fixture.h"

/* Requests as the harness reads them: u8 route, u16 size, body. */
enum world_route {
    WORLD_RELEASE = 0,
    WORLD_PLAN,
    WORLD_EPOCH,
    WORLD_ROUTES
};

/* Of a zeroed fixture at first; afterwards it begins anew. Needs memory enough. */
void world_begin(struct fixture *f);
void world_end(struct fixture *f);
