/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One member's update as an aggregator takes it in: a manifest, whose signature verifies whatever it holds, since
 * members may lie, and its blocks. What passes every check, in whatever ranges they are made, is what its manifest
 * names, and can be folded.
 */
#include "crypto/digest.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/aggregator/one_group.h"

#include <stdlib.h>
#include <string.h>

#define PLAN_ID_AT 40

static struct one_group group;

static void set_up(void)
{
    if (!group.secret)
        one_group_init(&group, &(struct group_terms){.encryption = BG_PLAN_PAILLIER,
                                                     .mode = BG_PLAN_CODEC_EF,
                                                     .s = 2,
                                                     .coordinates = 19500});
}

/* The seeds' plan is another one in each version of its format. */
static void give_plan_id(uint8_t *bytes, size_t size)
{
    struct bg_span rest = {bytes, size};
    struct bg_frame frame;
    while (rest.size && bg_frame_decode(rest, NULL, &frame, &rest) == BG_OK)
        memcpy(bytes + (frame.bytes.data - bytes) + PLAN_ID_AT, group.plan_id.bytes, BG_DIGEST_BYTES);
}

static enum bg_status begin_update(struct bg_upload *upload, struct bg_span bytes, struct bg_error *error)
{
    struct bg_frame frame;
    struct bg_manifest manifest;
    enum bg_status status = bg_upload_read(bytes, error, &frame, &manifest);
    return status == BG_OK ? bg_upload_begin(upload, &group.terms, bytes, NULL, &frame, &manifest, error) : status;
}

/* As one range or as one per block: the first block that is not good speaks. */
static enum bg_status verify_blocks(const struct bg_upload *upload, size_t step, struct bg_error *error)
{
    size_t blocks = bg_upload_block_count(upload);
    enum bg_status status = BG_OK;
    for (size_t i = 0; status == BG_OK && i < blocks; i += step)
        status = bg_upload_verify_blocks(upload, &group.terms, i, i + step < blocks ? i + step : blocks, error);
    return status;
}

static enum bg_status fold_update(const struct bg_upload *upload, struct bg_error *error)
{
    struct bg_product *product;
    struct bg_cipher cipher = bg_upload_cipher(&group.terms);
    for (size_t i = 0; i < bg_upload_block_count(upload); i++) {
        size_t positions;
        struct bg_digest digest, named = bg_manifest_block_digest(&upload->manifest, i);
        bg_sha256(bg_upload_payload(upload, &group.shape, i, &positions), &digest);
        FUZZ_REQUIRE(bg_digest_equal(&digest, &named), "block %zu", i);
    }
    enum bg_status status = bg_product_create(&cipher, group.shape.positions, &product);
    if (status == BG_OK) {
        status = bg_upload_fold(upload, &group.shape, product);
        bg_product_destroy(&product);
    }
    return status == BG_OK ? BG_OK : bg_fail(error, status, "fold: %s", bg_status_text(status));
}

static enum bg_status take_update(struct bg_span bytes)
{
    struct bg_upload upload = {0};
    struct bg_error error;
    enum bg_status status = begin_update(&upload, bytes, &error);
    if (status == BG_OK)
        status = bg_upload_verify(&upload, &group.terms, bg_identity_point(group.members[0]), &error);
    if (status == BG_OK) {
        status = verify_blocks(&upload, SIZE_MAX / 2, &error);
        enum bg_status again = verify_blocks(&upload, 1, &error);
        FUZZ_REQUIRE(again == status || again == BG_NO_MEMORY || status == BG_NO_MEMORY, "%s, then %s",
                     bg_status_name(status), bg_status_name(again));
        status = status == BG_NO_MEMORY ? status : again;
    }
    if (status == BG_OK)
        status = fold_update(&upload, &error);
    bg_upload_finish(&upload);
    return status == BG_OK ? BG_OK : fuzz_refused(status, &error);
}

static enum bg_status check(struct bg_span input)
{
    uint8_t *bytes = malloc(input.size ? input.size : 1);
    if (!bytes)
        return BG_NO_MEMORY;
    if (input.size)
        memcpy(bytes, input.data, input.size);
    give_plan_id(bytes, input.size);
    enum bg_status status = take_update((struct bg_span){bytes, input.size});
    free(bytes);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    set_up();
    return fuzz_run(check, data, size);
}
