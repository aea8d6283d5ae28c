/* SPDX-License-Identifier: Apache-2.0 */
/* What of a manifest only the root can check: an edge does not even contain this. */
#include "aggregator/upload.h"
#include "protocol/pad_seed.h"

enum bg_status bg_upload_verify(struct bg_upload *upload, const struct bg_upload_terms *terms,
                                const uint8_t point[static BG_PUBLIC_POINT_BYTES], struct bg_error *error)
{
    char client[2 * BG_DIGEST_BYTES + 1];
    const struct bg_manifest *manifest = &upload->manifest;
    enum bg_status status = bg_upload_verify_signature(upload, point, error);
    if (status != BG_OK || terms->shape->encryption == BG_PLAN_OFF)
        return status;
    status = bg_pad_seed_open(terms->sealing_key, manifest, terms->plan->key.population.name, terms->plan_id,
                              upload->seed);
    if (status == BG_OK)
        return BG_OK;
    bg_digest_to_hex(&manifest->client, client);
    return bg_fail(error, status, "client %s: pad seed: %s", client, bg_status_text(status));
}
