/* SPDX-License-Identifier: Apache-2.0 */
/* `burgee-keyholder serve DIR`: the key holder of a folder over HTTPS, until SIGTERM or SIGINT. */
#pragma once

#include "keyholder/config.h"

/* Serves; BG_OK once it was told to stop and has. With `json` one object per event is printed on stdout, the first
 * {"event":"ready","url":"https://…"}, then "enrolled", "renewed", "epoch", "opened", "rejected", "refused", "revoked",
 * "locked", "barred", "audited", and "stopped". What it answers is durable first: it may be killed at any point. */
BG_MUST_CHECK enum bg_status bg_keyholder_service_run(const char *folder, const struct bg_keyholder_config *config,
                                                      bool json, struct bg_error *error);
