/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Updates on their way to a role, the serving side of resumable uploads. Each is a file of a folder, named by its
 * owner, a key and its length, so that it can go on after a restart; a client has at most one.
 *
 *   PARTIAL ─ POST or PATCH ─▶ RECEIVING ─ some of it ─▶ PARTIAL ─ … all, synced ─▶ SERVED ─ answer ─▶ ANSWERED
 *                                                           ▲                          │
 *                                                           └─ BG_IO, BG_BUSY, BG_NO_MEMORY
 */
#pragma once

#include "net/https_transport.h"

struct bg_uploads;

/* Keeps serve, server, enter, leave and context; copies the rest. */
BG_MUST_CHECK enum bg_status bg_uploads_create(const struct bg_https_service_settings *settings,
                                               struct bg_error *error, struct bg_uploads **ret_uploads);
void bg_uploads_destroy(struct bg_uploads **uploads);

/* The key in "updates/KEY"; NULL: it is no path of an upload. */
const char *bg_uploads_key(const char *path);
/* POST: a new one, or the same again. */
void bg_uploads_create_one(struct bg_uploads *uploads, struct bg_http_exchange *exchange);
/* HEAD, PATCH, GET, DELETE. */
void bg_uploads_take(struct bg_uploads *uploads, struct bg_http_exchange *exchange, const char *key);
