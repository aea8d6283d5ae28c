/* SPDX-License-Identifier: Apache-2.0 */
/* What both sides of a resumable upload say to each other, after draft-ietf-httpbis-resumable-upload. */
#pragma once

#include "base/number.h"

#include <stdbool.h>
#include <string.h>

#define BG_UPLOAD_OFFSET "Upload-Offset"
#define BG_UPLOAD_LENGTH "Upload-Length"
#define BG_UPLOAD_COMPLETE "Upload-Complete"
#define BG_UPLOAD_LIMIT "Upload-Limit"
#define BG_UPLOAD_TYPE "application/partial-upload"
#define BG_UPLOAD_KEY "Idempotency-Key" /* who creates the same upload again gets it as far as it is */
#define BG_UPLOAD_KEY_DIGITS 16         /* hex */

#define BG_UPLOAD_PIECE_BYTES ((uint64_t)8 << 20) /* of one PATCH */
#define BG_UPLOAD_WHOLE_BYTES ((uint64_t)128 << 10) /* up to here an upload is one POST: to repeat it costs no more */

/* A boolean of structured fields: "?1" or "?0". False: neither. */
static inline bool bg_upload_read_boolean(const char *value, bool *ret_boolean)
{
    if (!value || (strcmp(value, "?0") != 0 && strcmp(value, "?1") != 0))
        return false;
    *ret_boolean = value[1] == '1';
    return true;
}

/* False: absent, or no number. */
static inline bool bg_upload_read_number(const char *value, uint64_t *ret_number)
{
    return value && bg_parse_u64(value, 0, INT64_MAX, ret_number) == BG_OK;
}
