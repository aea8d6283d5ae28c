/* SPDX-License-Identifier: Apache-2.0 */
/* The published models of a root's folder, for people: also while the root runs. */
#pragma once

#include "base/error.h"

#include <stdbool.h>

struct bg_models_request {
    const char *folder;
    const char *which; /* a digest in hex, or at least 4 digits of its beginning, or a round; NULL: the newest */
    const char *out;   /* of an export */
    bool json;
};

/* One line, or object, per model. BG_NOT_FOUND: no root has run here. */
BG_MUST_CHECK enum bg_status bg_models_list(const struct bg_models_request *request, struct bg_error *error);
/* One model with what it was made from: the round's updates. BG_NOT_FOUND: no such model; BG_INVALID: several. */
BG_MUST_CHECK enum bg_status bg_models_show(const struct bg_models_request *request, struct bg_error *error);
/* Its file to `out`. BG_BAD_DIGEST: damaged. */
BG_MUST_CHECK enum bg_status bg_models_export(const struct bg_models_request *request, struct bg_error *error);
