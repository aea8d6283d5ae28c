/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key holder on files: its role with keys and journal in one folder, asked by whoever carries the root's messages.
 *
 *   config.json                      settings, as keygen made them; may be edited
 *   secret.key, public.key           of the scheme; none with encryption off
 *   identity.secret, identity.point  what it signs with
 *   ca.secret, ca.pem                the authority that issues certificates, its own for twenty years
 *   control                          socket of the program that has the folder, while there is one
 *   root.point                       the root's identity.point, to be put there (setting root.point)
 *   sealing.secret                   opens knowledge tags; none with encryption off
 *   journal                          what it must not forget, with the nonce that nobody may know yet
 *
 * A verb can be killed at any point and called again: what was answered is in the journal, and is answered again.
 */
#pragma once

#include "keyholder/config.h"

#define BG_FOLDER_PATH_BYTES 4096

struct bg_folder;

/* Path of a file in `folder`; BG_INVALID when it is too long. */
BG_MUST_CHECK enum bg_status bg_folder_path(const char *folder, const char *name, struct bg_error *error,
                                            char ret_path[static BG_FOLDER_PATH_BYTES]);
/* Makes the folder, its keys and its configuration. Keys that an interrupted call has left are used. BG_INVALID: a key
 * holder is there already. */
BG_MUST_CHECK enum bg_status bg_folder_make(const char *folder, const struct bg_keyholder_config *config,
                                            struct bg_error *error);
/* Opens a folder with `config` as read from it. Names the missing file and where it comes from. */
BG_MUST_CHECK enum bg_status bg_folder_open(const char *folder, const struct bg_keyholder_config *config,
                                            struct bg_error *error, struct bg_folder **ret_folder);
void bg_folder_close(struct bg_folder **folder);

/* Every notice of the key holder from now on. */
void bg_folder_observe(struct bg_folder *folder,
                       void (*observe)(void *context, const struct bg_keyholder_notice *notice), void *context);
struct bg_keyholder *bg_folder_keyholder(struct bg_folder *folder);
const struct bg_keyholder_settings *bg_folder_settings(const struct bg_folder *folder);
/* Of its server, for its identity, issued when the folder was opened; the authority's is in the settings. */
const struct bg_pem *bg_folder_certificate(const struct bg_folder *folder);
/* Asks the key holder as the root would, and waits. BG_NOT_FOUND while there is no root.point. */
BG_MUST_CHECK enum bg_status bg_folder_ask(struct bg_folder *folder, enum bg_route route, struct bg_span body,
                                           struct bg_error *error, struct bg_writer *ret_answer);
