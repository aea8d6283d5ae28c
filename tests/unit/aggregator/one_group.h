/* SPDX-License-Identifier: Apache-2.0 */
/* One group of four clients under a plan and a task made in memory, with the 512-bit test key of the vectors. */
#pragma once

#include "aggregator/upload.h"
#include "base/prng.h"
#include "client/update.h"
#include "crypto/secret_key.h"

#define MEMBERS 4
#define TENSORS 3

struct group_terms {
    enum bg_plan_encryption encryption;
    enum bg_plan_codec_mode mode;
    uint32_t s;
    uint32_t coordinates; /* of the first tensor; 0: 900 */
    bool mixed_radix;
    bool centre_median;
    enum bg_task_stage stage;
    uint32_t window_rest;
    bool nothing_travels;
};

struct one_group {
    struct bg_plan plan;
    struct bg_digest plan_id;
    bool travels[TENSORS];
    double scales[TENSORS], centres[TENSORS];
    struct bg_task task;
    struct bg_digest task_digest;
    struct bg_shape shape;
    struct bg_secret_key *secret;
    struct bg_cipher cipher;
    struct bg_sealing_key *sealing_key;
    struct bg_identity *members[MEMBERS];
    struct bg_mask_table *table;
    struct bg_mask_source *masks;
    struct bg_prng prng;
    struct bg_random random; /* repeatable */
    struct bg_upload_terms terms;
};

/* The middle tensor does not travel. */
void one_group_init(struct one_group *group, const struct group_terms *terms);
void one_group_finish(struct one_group *group);

/* Slots of an honest member (shape.slots), to free(). */
uint64_t *honest_slots(struct one_group *group);
/* The member's frames. `coordinates` in mode dense only. */
struct bg_update update_of(struct one_group *group, uint32_t member, uint64_t *slots,
                           const float *coordinates);
/* Its manifest, as decoded from its own bytes. */
struct bg_manifest manifest_of(const struct bg_update *update);
/* The manifest's frame again, signed by `signer`, after a test has changed it. */
struct bg_writer signed_again(const struct one_group *group, const struct bg_manifest *manifest,
                              const struct bg_digest *plan_id, uint32_t signer);

/* bg_upload_begin_manifest with a frame's bytes. */
enum bg_status begin(struct one_group *group, struct bg_upload *upload, struct bg_span manifest,
                     struct bg_error *error);
enum bg_status verify(struct one_group *group, struct bg_upload *upload, uint32_t member, struct bg_error *error);
/* All of an update, copied, and every check; the upload is empty afterwards unless all is well. */
enum bg_status take(struct one_group *group, struct bg_upload *upload, uint32_t member, struct bg_span bytes,
                    struct bg_error *error);
/* The same, which must succeed. */
void accept_update(struct one_group *group, struct bg_upload *upload, uint32_t member, const struct bg_update *update);
