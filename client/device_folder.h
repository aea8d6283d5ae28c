/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder in which a device survives: what it remembers and the update that is out. One process at a time works
 * there, with files (client/offline.h) or on the network (client/service.h).
 *
 *   client.state    client/device_state.h
 *   client.update   a manifest frame, then its blocks: written before the state says that it is out, removed when the
 *                   other side has it durably or its receipt was read
 *
 * A file is complete and durable or absent (base/file.h), and the state is written last: a stop at any point leaves the
 * state before or the state after.
 */
#pragma once

#include "client/memory.h"

#include <limits.h>

struct bg_device_folder {
    struct bg_client_memory memory; /* give it to a client */
    int lock;
    uint64_t most_bytes; /* that an update may take there; UINT64_MAX unless it is set */
    char state[PATH_MAX], update[PATH_MAX];
};

/* Locks it, and removes what was half written. With `make` it is made where it does not exist (0700). BG_BUSY: another
 * process is there; BG_NOT_FOUND, BG_IO; BG_INVALID: the path is too long. The struct must not move while a client has
 * its memory. */
BG_MUST_CHECK enum bg_status bg_device_folder_open(const char *path, bool make, struct bg_error *error,
                                                   struct bg_device_folder *ret_folder);
/* Mappings stay until their last holder lets go. */
void bg_device_folder_close(struct bg_device_folder *folder);

/* The state of this client, or a fresh one where there is none. Errors of bg_device_state_load, check_owner, begin. */
BG_MUST_CHECK enum bg_status bg_device_folder_load(const struct bg_device_folder *folder,
                                                   const struct bg_digest *client, const struct bg_trust *trust,
                                                   const struct bg_random *random, struct bg_error *error,
                                                   struct bg_device_state *ret_state);
/* A mapping of the update that is out, also after the file is gone. BG_NOT_FOUND, BG_IO, BG_NO_MEMORY. */
BG_MUST_CHECK enum bg_status bg_device_folder_map(const struct bg_device_folder *folder, struct bg_error *error,
                                                  struct bg_spooled *ret_update);
