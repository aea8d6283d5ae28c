/* SPDX-License-Identifier: Apache-2.0 */
/* The root's side of an epoch: roster and nonce out, groups and key part in, plan signed by both. */
#include "aggregator/root_state.h"
#include "crypto/digest.h"
#include "protocol/envelope.h"
#include "wire/epoch.h"

#include <stdlib.h>
#include <string.h>

void bg_root_epoch_finish(struct bg_root *root)
{
    for (size_t g = 0; g < root->group_count; g++)
        bg_root_group_finish(&root->members[g]);
    bg_intake_end_epoch(&root->intake);
    free(root->members);
    root->members = NULL;
    root->group_count = 0;
    if (root->has_plan)
        bg_plan_finish(&root->plan);
    root->has_plan = root->ready = root->plan_stale = false;
    bg_public_key_destroy(&root->key);
    bg_writer_finish(&root->epoch_request);
    bg_writer_finish(&root->groups_frame);
    bg_writer_finish(&root->plan_frame);
    bg_arena_finish(&root->epoch_arena);
}

static void fail(struct bg_root *root, const struct bg_error *error)
{
    root->agreeing = false;
    bg_root_notify(root, (struct bg_root_notice){.kind = BG_ROOT_NOTICE_FAILED, .error = error});
}

/* ---- step 3: the key holder has seen the plan ---- */

static void on_plan_accepted(void *context, enum bg_status status, struct bg_span reply)
{
    struct bg_root *root = context;
    (void)reply;
    root->busy--;
    if (root->failed)
        return;
    if (status == BG_IO || status == BG_BUSY) {
        root->epoch_retry_at = root->now + root->settings.retry_ns;
        return;
    }
    if (status != BG_OK) {
        bg_fail(&root->error, status, "the key holder refuses the plan of epoch %llu: %s",
                (unsigned long long)root->epoch, bg_status_text(status));
        fail(root, &root->error);
        return;
    }
    root->agreeing = false;
    root->ready = true;
    bg_root_notify(root, (struct bg_root_notice){.kind = BG_ROOT_NOTICE_EPOCH});
}

static void send_plan(struct bg_root *root)
{
    struct bg_request request = {.route = BG_ROUTE_SIGNED_PLAN,
                                 .peer = *bg_identity_digest(root->settings.identity),
                                 .body = bg_writer_span(&root->plan_frame)};
    root->busy++;
    enum bg_status status =
        bg_transport_send(root->settings.key_holder_transport, &request, on_plan_accepted, root);
    if (status != BG_OK)
        on_plan_accepted(root, status, (struct bg_span){NULL, 0});
}

/* A plan that was just made. */
static void keep_and_send_plan(struct bg_root *root)
{
    if (bg_root_keep(root,
                     (struct bg_root_step){.kind = BG_ROOT_STEP_PLAN, .bytes = bg_writer_span(&root->plan_frame)}))
        send_plan(root);
}

/* ---- step 2: groups and key part are in ---- */

struct epoch_answer {
    struct bg_frame reveal_frame, groups_frame;
    struct bg_epoch_reveal reveal;
    struct bg_span key_bytes;
    struct bg_span key_signature;
    struct bg_key_part key;
};

static enum bg_status read_answer(struct bg_root *root, struct bg_span reply, struct epoch_answer *answer)
{
    struct bg_error *error = &root->error;
    struct bg_span rest;
    enum bg_status status = bg_frame_decode(reply, error, &answer->reveal_frame, &rest);
    if (status == BG_OK)
        status = bg_frame_decode(rest, error, &answer->groups_frame, &rest);
    if (status != BG_OK)
        return status;
    if (answer->reveal_frame.type != BG_FRAME_EPOCH_REVEAL || answer->groups_frame.type != BG_FRAME_GROUPS)
        return bg_fail(error, BG_DECODE, "epoch answer: expected a reveal frame and a groups frame");
    struct bg_reader r;
    bg_reader_init(&r, rest);
    size_t size = bg_read_count(&r, SIZE_MAX, 1);
    answer->key_bytes = bg_read_span(&r, size);
    answer->key_signature = bg_read_span(&r, BG_SIGNATURE_BYTES);
    status = bg_reader_end(&r);
    if (status != BG_OK)
        return bg_fail(error, status, "epoch answer: no signed key part after the groups");
    status = bg_envelope_verify_frame(root->settings.key_holder, BG_SIGNED_EPOCH_REVEAL, &answer->reveal_frame);
    if (status == BG_OK)
        status = bg_envelope_verify(root->settings.key_holder, BG_SIGNED_KEY_PART, answer->key_bytes,
                                    answer->key_signature);
    if (status != BG_OK)
        return bg_fail(error, status, "epoch answer: not signed by the key holder");
    status = bg_epoch_reveal_decode(&answer->reveal_frame, error, &answer->reveal);
    return status == BG_OK ? bg_key_part_decode(answer->key_bytes, error, &answer->key) : status;
}

/* Recomputes what the key holder claims: its nonce is the committed one, its groups follow from the beacon. */
static enum bg_status check_answer(struct bg_root *root, const struct epoch_answer *answer)
{
    struct bg_error *error = &root->error;
    struct bg_digest commitment, groups_digest;
    struct bg_digest roster_digest = bg_roster_digest(&root->epoch_roster);
    const struct bg_key_part *key = &answer->key;
    uint32_t group_most;
    bg_sha256((struct bg_span){answer->reveal.nonce.bytes, BG_DIGEST_BYTES}, &commitment);
    if (answer->reveal.epoch != root->epoch || key->epoch != root->epoch)
        return bg_fail(error, BG_REFUSED, "epoch answer: for epoch %llu, asked for %llu",
                       (unsigned long long)answer->reveal.epoch, (unsigned long long)root->epoch);
    if (!bg_digest_equal(&commitment, &root->commitment))
        return bg_fail(error, BG_BAD_COMMITMENT, "epoch answer: the key holder's nonce is not the one it committed to");
    struct bg_digest beacon = bg_beacon(&roster_digest, &root->nonce, &answer->reveal.nonce);
    enum bg_status status = bg_partition(&root->epoch_roster, &beacon, root->epoch, key->group_size, key->group_least,
                                         &root->epoch_arena, error, &root->groups, &group_most);
    if (status != BG_OK)
        return status;
    bg_writer_finish(&root->groups_frame);
    bg_groups_encode(&root->groups_frame, &root->settings.population, &root->groups);
    if (root->groups_frame.status != BG_OK)
        return bg_fail(error, BG_NO_MEMORY, "epoch: out of memory");
    bg_sha256(answer->groups_frame.body, &groups_digest);
    if (!bg_span_equal(bg_writer_span(&root->groups_frame), answer->groups_frame.bytes) ||
        !bg_digest_equal(&groups_digest, &key->groups) || !bg_digest_equal(&roster_digest, &key->roster) ||
        key->group_count != root->groups.count || key->group_most != group_most)
        return bg_fail(error, BG_REFUSED, "epoch answer: the groups do not follow from roster and beacon");
    root->commitment = answer->reveal.next_commitment;
    return BG_OK;
}

/* Key part and root part to a plan that both signed. The spans may lie in the plan that it replaces. */
static enum bg_status make_plan(struct bg_root *root, struct bg_span key_bytes, struct bg_span key_signature)
{
    const struct bg_model_card *card = &root->card;
    struct bg_root_part part = {.feature_count = card->transform.columns,
                                .features = card->feature_names,
                                .class_count = card->model->classes,
                                .classes = card->class_names,
                                .layout = card->model->layout,
                                .codec = root->settings.codec,
                                .training = root->settings.training};
    struct bg_writer bytes;
    uint8_t signature[BG_SIGNATURE_BYTES];
    struct bg_frame frame;
    struct bg_error *error = &root->error;
    strncpy(part.model, card->model->spec, sizeof part.model - 1);
    strncpy(part.label_map, card->label_map, sizeof part.label_map - 1);
    memcpy(part.sealing_key, bg_sealing_key_point(root->settings.sealing_key), sizeof part.sealing_key);
    bg_writer_init(&bytes);
    bg_root_part_encode(&part, &bytes);
    enum bg_status status = bytes.status;
    if (status == BG_OK)
        status = bg_envelope_sign(root->settings.identity, BG_SIGNED_ROOT_PART, bg_writer_span(&bytes), signature);
    if (status == BG_OK) {
        struct bg_writer plan_frame;
        root->plan_id = bg_plan_id(key_bytes, bg_writer_span(&bytes));
        bg_writer_init(&plan_frame);
        bg_plan_encode(&plan_frame, &root->settings.population, &root->plan_id, key_bytes, key_signature.data,
                       bg_writer_span(&bytes), signature);
        bg_writer_finish(&root->plan_frame);
        root->plan_frame = plan_frame;
        status = root->plan_frame.status;
    }
    bg_writer_finish(&bytes);
    if (status != BG_OK)
        return bg_fail(error, status, "plan: %s", bg_status_text(status));
    if (root->has_plan)
        bg_plan_finish(&root->plan);
    root->has_plan = false;
    /* Read back, so that the root works from what its clients read. */
    status = bg_frame_expect(bg_writer_span(&root->plan_frame), BG_FRAME_PLAN, error, &frame);
    if (status == BG_OK)
        status = bg_plan_decode(&frame, &root->epoch_arena, error, &root->plan);
    root->has_plan = status == BG_OK;
    return status;
}

static enum bg_status adopt_key(struct bg_root *root)
{
    const struct bg_key_part *key = &root->plan.key;
    if (!bg_digest_equal(&root->key_id, &key->key_id)) {
        root->key_id = key->key_id;
        root->key_since = key->epoch;
    }
    root->key_over = false;
    if (key->encryption == BG_PLAN_OFF)
        return BG_OK;
    enum bg_status status = bg_public_key_create(key->modulus, key->key_bits, key->s,
                                                 root->settings.allow_insecure_key, &root->error, &root->key);
    if (status != BG_OK)
        return status;
    if (!bg_digest_equal(bg_public_key_id(root->key), &key->key_id))
        return bg_fail(&root->error, BG_BAD_KEY, "epoch answer: the key id is not that of the key");
    return BG_OK;
}

static enum bg_status make_groups(struct bg_root *root)
{
    uint64_t seed;
    size_t count = root->groups.count;
    root->members = calloc(count, sizeof *root->members);
    root->audited = BG_ARENA_ARRAY(&root->epoch_arena, bool, count);
    enum bg_status status = BG_NO_MEMORY;
    if (root->members && root->audited)
        status = bg_random_fill(&root->settings.random, &seed, sizeof seed);
    if (status == BG_OK) {
        root->group_count = count;
        for (size_t g = 0; g < count; g++)
            root->members[g].retry_at = UINT64_MAX;
        status = bg_intake_begin_epoch(&root->intake, &root->settings.rules, &root->groups, &root->epoch_roster, seed);
    }
    return status == BG_OK ? BG_OK : bg_fail(&root->error, status, "epoch: %s", bg_status_text(status));
}

/* That rounds over so many groups can succeed at all. */
static enum bg_status check_settings(struct bg_root *root)
{
    const struct bg_root_settings *s = &root->settings;
    size_t groups = root->groups.count;
    if (s->target_groups && s->target_groups < groups)
        groups = (size_t)s->target_groups;
    if (s->faulty >= 0 && groups < 2 * (size_t)s->faulty + 3)
        return bg_fail(&root->error, BG_CONFIG, "robust.f=%d: f hostile groups need 2 f + 3 = %d in a round, and epoch "
                                                "%llu gives %zu: set a smaller f or have more groups",
                       s->faulty, 2 * s->faulty + 3, (unsigned long long)root->epoch, groups);
    if (s->rules.quorum > groups)
        return bg_fail(&root->error, BG_CONFIG, "rounds.quorum=%u: a round of epoch %llu has %zu groups, so none could "
                                                "ever succeed: set a smaller quorum or have more groups",
                       s->rules.quorum, (unsigned long long)root->epoch, groups);
    return BG_OK;
}

static void on_epoch(void *context, enum bg_status status, struct bg_span reply)
{
    struct bg_root *root = context;
    struct epoch_answer answer;
    root->busy--;
    if (root->failed)
        return;
    if (status == BG_IO || status == BG_BUSY) {
        root->epoch_retry_at = root->now + root->settings.retry_ns;
        return;
    }
    if (status != BG_OK) {
        bg_fail(&root->error, status, "the key holder refuses epoch %llu: %s", (unsigned long long)root->epoch,
                bg_status_text(status));
        root->epoch--; /* it was not made: the next one has its number */
    } else {
        status = read_answer(root, reply, &answer);
    }
    if (status == BG_OK)
        status = check_answer(root, &answer);
    if (status == BG_OK)
        status = check_settings(root);
    if (status == BG_OK &&
        !bg_root_keep(root, (struct bg_root_step){.kind = BG_ROOT_STEP_EPOCH_AGREED, .bytes = reply}))
        return;
    if (status == BG_OK)
        status = make_plan(root, answer.key_bytes, answer.key_signature);
    if (status == BG_OK)
        status = adopt_key(root);
    if (status == BG_OK)
        status = make_groups(root);
    if (status == BG_OK)
        keep_and_send_plan(root);
    else
        fail(root, &root->error);
}

/* ---- another plan in the same epoch ---- */

bool bg_root_key_over(const struct bg_root *root)
{
    return root->key_over;
}

uint64_t bg_root_key_epochs(const struct bg_root *root)
{
    return root->has_plan ? root->plan.key.epoch - root->key_since + 1 : 0;
}

bool bg_root_plan_due(const struct bg_root *root)
{
    return root->plan_stale && bg_root_rests(root);
}

void bg_root_renew_plan(struct bg_root *root)
{
    if (!bg_root_plan_due(root))
        return;
    root->plan_stale = false;
    root->ready = false;
    root->agreeing = true;
    enum bg_status status = make_plan(root, root->plan.key_bytes, root->plan.key_signature);
    if (status == BG_OK)
        keep_and_send_plan(root);
    else
        fail(root, &root->error);
}

/* ---- step 1: the request ---- */

void bg_root_send_epoch_request(struct bg_root *root)
{
    root->epoch_retry_at = UINT64_MAX;
    if (root->has_plan) {
        send_plan(root);
        return;
    }
    struct bg_request request = {.route = BG_ROUTE_EPOCH,
                                 .peer = *bg_identity_digest(root->settings.identity),
                                 .body = bg_writer_span(&root->epoch_request)};
    root->busy++;
    enum bg_status status = bg_transport_send(root->settings.key_holder_transport, &request, on_epoch, root);
    if (status != BG_OK)
        on_epoch(root, status, (struct bg_span){NULL, 0});
}

enum bg_status bg_root_begin_epoch(struct bg_root *root, struct bg_error *error)
{
    if (!bg_root_rests(root))
        return bg_fail(error, BG_BUSY, "epoch: a round or its work is not over");
    enum bg_status status = bg_root_check(root, error);
    if (status != BG_OK)
        return status;
    bg_root_round_finish(root);
    bg_root_epoch_finish(root);
    bg_arena_init(&root->epoch_arena, BG_ROOT_MEMORY);
    status = bg_roster_list_copy(&root->enrolled, &root->epoch_arena, error, &root->epoch_roster);
    if (status == BG_OK)
        status = bg_random_fill(&root->settings.random, &root->nonce, sizeof root->nonce);
    if (status != BG_OK)
        return status;
    struct bg_epoch_request request = {
        .epoch = ++root->epoch, .roster = bg_roster_digest(&root->epoch_roster), .nonce = root->nonce};
    bg_epoch_request_encode(&root->epoch_request, &root->settings.population, &request);
    if (root->epoch_request.status != BG_OK)
        return bg_fail(error, BG_NO_MEMORY, "epoch: out of memory");
    struct bg_span nonce = {root->nonce.bytes, BG_DIGEST_BYTES};
    if (!bg_root_keep(root, (struct bg_root_step){.kind = BG_ROOT_STEP_EPOCH_ASKED, .bytes = nonce}))
        return bg_root_check(root, error);
    root->agreeing = true;
    bg_root_send_epoch_request(root);
    return BG_OK;
}
