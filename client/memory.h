/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client must not forget, and who keeps it. A client that was stopped at any point goes on from what was kept
 * last (bg_client_resume): one that trained trains again; one whose update was kept sends the same bytes, without
 * training; one that waited for its receipt asks for it.
 */
#pragma once

#include "client/device_state.h"
#include "net/transport.h"

/* The bytes of an update that is kept, such as a mapping of its file. Zeroed: none. */
struct bg_spooled {
    struct bg_span bytes;
    struct bg_held_bytes *held; /* has them; whoever is given this is one holder */
};

/* keep_update and keep_settlement run on a worker, one at a time, and are durable when they return BG_OK. After an
 * error what was kept before still is, and the sentence says where and why. client/device_folder.h keeps in files. */
struct bg_client_memory {
    /* An update is out from now on: the state says so, `frames` are its bytes. Gives the same bytes to send from. */
    enum bg_status (*keep_update)(struct bg_client_memory *memory, const struct bg_device_state *state,
                                  struct bg_span frames, struct bg_error *error,
                                  struct bg_spooled *ret_spooled);
    /* The other side has it durably: a start from now on need not send it. On the thread of the client; short. */
    void (*release_update)(struct bg_client_memory *memory);
    /* Its receipt is in the state, and nothing is out. */
    enum bg_status (*keep_settlement)(struct bg_client_memory *memory, const struct bg_device_state *state,
                                      struct bg_error *error);
};
