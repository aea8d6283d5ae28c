/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One member's update as an aggregator takes it in: a manifest, whose signature verifies whatever it holds, since
 * members may lie, and blocks. A complete update gives back the blocks that its manifest names.
 */
#include "crypto/digest.h"
#include "tests/fuzz/each_frame.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/aggregator/one_group.h"

#include <string.h>

#define MOST_FRAMES 16
#define PLAN_ID_AT 40

static struct one_group group;

static void set_up(void)
{
    if (!group.secret)
        one_group_init(&group, &(struct group_terms){.encryption = BG_PLAN_PAILLIER,
                                                     .mode = BG_PLAN_CODEC_EF,
                                                     .s = 2,
                                                     .coordinates = 900});
}

static enum bg_status take_manifest(struct bg_upload *upload, const struct bg_frame *frame, struct bg_error *error)
{
    struct bg_manifest manifest;
    enum bg_status status = bg_manifest_decode(frame, error, &manifest);
    if (status == BG_OK)
        status = bg_upload_begin(upload, &group.terms, frame, &manifest, error);
    if (status != BG_OK || upload->verified)
        return status;
    status = bg_upload_verify(upload, &group.terms, bg_identity_point(group.members[0]), error);
    upload->verified = status == BG_OK;
    if (status != BG_OK)
        bg_upload_finish(upload);
    return status;
}

static enum bg_status take_one(struct bg_upload *upload, const struct bg_frame *frame, struct bg_error *error)
{
    struct bg_block block;
    bool news = false;
    enum bg_status status = bg_block_decode(frame, error, &block);
    if (status == BG_OK)
        status = bg_upload_place(upload, &group.terms, &block, error, &news);
    if (status != BG_OK || !news)
        return status;
    status = bg_upload_verify_block(upload, &group.terms, block.index, error);
    bg_upload_settle_block(upload, block.index, status == BG_OK);
    return status;
}

static enum bg_status take(void *context, enum bg_frame_type type, uint8_t *bytes, size_t size,
                           struct bg_error *error)
{
    struct bg_upload *upload = context;
    struct bg_frame frame;
    memcpy(bytes + PLAN_ID_AT, group.plan_id.bytes, BG_DIGEST_BYTES);
    FUZZ_REQUIRE(bg_frame_decode((struct bg_span){bytes, size}, error, &frame, NULL) == BG_OK, "%s", error->text);
    if (type == BG_FRAME_BLOCK)
        return take_one(upload, &frame, error);
    if (type != BG_FRAME_MANIFEST)
        return BG_OK;
    return take_manifest(upload, &frame, error);
}

static void require_complete(const struct bg_upload *upload)
{
    for (size_t i = 0; i < upload->blocks; i++) {
        struct bg_digest digest, named = bg_manifest_block_digest(&upload->manifest, i);
        bg_sha256(bg_upload_block(upload, &group.shape, i).payload, &digest);
        FUZZ_REQUIRE(bg_digest_equal(&digest, &named), "block %zu", i);
    }
}

static enum bg_status check(struct bg_span input)
{
    struct bg_upload upload = {0};
    enum bg_status status = fuzz_each_frame(input, MOST_FRAMES, take, &upload);
    if (upload.manifest_bytes && bg_upload_complete(&upload))
        require_complete(&upload);
    bg_upload_finish(&upload);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    set_up();
    return fuzz_run(check, data, size);
}
