/* SPDX-License-Identifier: Apache-2.0 */
/* Files of updates on their way: FOLDER/OWNER-KEY-SIZE, which says all that is needed to go on with one. */
#pragma once

#include "base/error.h"
#include "net/transport.h"
#include "net/upload_fields.h"

struct bg_upload_name {
    struct bg_digest owner;
    char key[BG_UPLOAD_KEY_DIGITS + 1];
    uint64_t size; /* when it is complete */
};

#define BG_UPLOAD_NAME_BYTES (2 * BG_DIGEST_BYTES + 1 + BG_UPLOAD_KEY_DIGITS + 1 + 20 + 1)

/* The file's name, without the folder. */
void bg_upload_name_write(const struct bg_upload_name *name, char ret_text[static BG_UPLOAD_NAME_BYTES]);
/* False: a file of somebody else. */
bool bg_upload_name_read(const char *text, struct bg_upload_name *ret_name);
bool bg_upload_key_is_good(const char *key);
/* One that nobody has. */
void bg_upload_key_draw(char ret_key[static BG_UPLOAD_KEY_DIGITS + 1]);

/* Makes the folder if it is absent; calls `found` with each upload in it and the bytes it has, until that fails.
 * BG_IO names the folder. */
BG_MUST_CHECK enum bg_status bg_upload_files_each(const char *folder,
                                                  enum bg_status (*found)(void *context,
                                                                          const struct bg_upload_name *name,
                                                                          uint64_t bytes),
                                                  void *context, struct bg_error *error);
/* For writing: to go on, or anew, which leaves the content of one that was there to its mappings and other names.
 * BG_IO. */
BG_MUST_CHECK enum bg_status bg_upload_file_open(const char *folder, const struct bg_upload_name *name, bool anew,
                                                 int *ret_file);
/* Also where it is absent. Mappings stay. */
void bg_upload_file_remove(const char *folder, const struct bg_upload_name *name);
/* Gives one hold on a mapping of all its bytes, which have come. BG_IO, BG_NO_MEMORY. */
BG_MUST_CHECK enum bg_status bg_upload_file_map(const char *folder, const struct bg_upload_name *name,
                                                struct bg_span *ret_bytes, struct bg_held_bytes **ret_held);
