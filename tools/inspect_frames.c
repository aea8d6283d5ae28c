/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/inspect.h"

#include "crypto/digest.h"
#include "protocol/envelope.h"
#include "wire/audit.h"
#include "wire/block.h"
#include "wire/epoch.h"
#include "wire/groups.h"
#include "wire/manifest.h"
#include "wire/pace.h"
#include "wire/plan.h"
#include "wire/receipt.h"
#include "wire/report.h"
#include "wire/roster.h"
#include "wire/task.h"

#define ARENA_CAP ((size_t)1 << 30)

/* One frame while it is described. */
struct about {
    const struct bg_frame *frame;
    struct bg_arena *arena;
    struct bg_json *facts;
    struct bg_error *error;
};

static void add_members(struct bg_json *parent, const char *key, uint64_t mask)
{
    struct bg_json *array = bg_json_add_array(parent, key);
    for (unsigned i = 0; i < 64; i++)
        if (mask >> i & 1)
            bg_json_add_u64(array, NULL, i);
}

static void add_names(struct bg_json *parent, const char *key, const char *const *names, size_t count)
{
    struct bg_json *array = bg_json_add_array(parent, key);
    for (size_t i = 0; i < count; i++)
        bg_json_add_string(array, NULL, names[i]);
}

static void add_reals(struct bg_json *parent, const char *key, const double *values, size_t count)
{
    struct bg_json *array = bg_json_add_array(parent, key);
    for (size_t i = 0; i < count; i++)
        bg_json_add_number(array, NULL, values[i]);
}

/* ---- plan ---- */

static void add_key_part(struct bg_json *parent, const struct bg_key_part *part)
{
    static const char *const encryptions[] = {NULL, "paillier", "null", "off"};
    struct bg_json *facts = bg_json_add_object(parent, "key_part");
    bg_json_add_u64(facts, "epoch", part->epoch);
    bg_json_add_string(facts, "encryption", encryptions[part->encryption]);
    bg_json_add_u64(facts, "key_bits", part->key_bits);
    bg_json_add_u64(facts, "s", part->s);
    bg_json_add_bool(facts, "insecure", part->insecure);
    bg_json_add_bool(facts, "mixed_radix", part->mixed_radix);
    bg_json_add_bool(facts, "knowledge_tags", part->knowledge_tags);
    bg_facts_digest(facts, "key_id", &part->key_id);
    bg_json_add_u64(facts, "k", part->group_size);
    bg_json_add_u64(facts, "k_min", part->group_least);
    bg_json_add_u64(facts, "k_max", part->group_most);
    bg_json_add_u64(facts, "groups", part->group_count);
    bg_facts_digest(facts, "roster", &part->roster);
    bg_facts_digest(facts, "groups_digest", &part->groups);
}

static void add_codec(struct bg_json *parent, const struct bg_plan_codec *codec)
{
    static const char *const modes[] = {NULL, "ef", "median", "sign", "dense"};
    struct bg_json *facts = bg_json_add_object(parent, "codec");
    bg_json_add_string(facts, "mode", modes[codec->mode]);
    bg_json_add_string(facts, "scale_basis", codec->scale_from_residual ? "residual" : "delta");
    bg_json_add_string(facts, "centre", codec->centre_median ? "median" : "zero");
    bg_json_add_number(facts, "clip", codec->clip);
    bg_json_add_number(facts, "growth", codec->growth);
    bg_json_add_u64(facts, "growth_from", codec->growth_from);
    bg_json_add_number(facts, "percentile", codec->percentile);
    bg_json_add_number(facts, "decay", codec->decay);
    bg_json_add_number(facts, "client_momentum", codec->client_momentum);
    bg_json_add_number(facts, "server_momentum", codec->server_momentum);
    bg_json_add_number(facts, "server_step", codec->server_step);
}

static void add_training(struct bg_json *parent, const struct bg_plan_training *training)
{
    static const char *const optimizers[] = {NULL, "sgd", "adamw"};
    static const char *const weights[] = {NULL, "none", "inverse square root", "inverse square root, federated",
                                          "balanced, federated"};
    struct bg_json *facts = bg_json_add_object(parent, "training");
    bg_json_add_string(facts, "optimizer", optimizers[training->optimizer]);
    bg_json_add_string(facts, "class_weights", weights[training->class_weights]);
    bg_json_add_number(facts, "momentum", training->momentum);
    bg_json_add_number(facts, "weight_decay", training->weight_decay);
    bg_json_add_number(facts, "clip_norm", training->clip_norm);
    bg_json_add_number(facts, "proximal_mu", training->proximal_mu);
    bg_json_add_number(facts, "drift_memory", training->drift_memory);
    bg_json_add_number(facts, "own_prior", training->own_prior);
    bg_json_add_number(facts, "federated_prior", training->federated_prior);
    bg_json_add_u64(facts, "batch", training->batch);
}

static void add_layout(struct bg_json *parent, const struct bg_layout *layout)
{
    bg_json_add_u64(parent, "parameters", layout->coordinates);
    struct bg_json *facts = bg_json_add_object(parent, "layout");
    for (size_t i = 0; i < layout->tensor_count; i++) {
        struct bg_json *shape = bg_json_add_array(facts, layout->tensors[i].name);
        for (uint32_t axis = 0; axis < layout->tensors[i].rank; axis++)
            bg_json_add_u64(shape, NULL, layout->tensors[i].shape[axis]);
    }
}

static enum bg_status about_plan(const struct about *a)
{
    struct bg_plan plan;
    enum bg_status status = bg_plan_decode(a->frame, a->arena, a->error, &plan);
    if (status != BG_OK)
        return status;
    struct bg_digest id = bg_plan_id(plan.key_bytes, plan.root_bytes);
    bg_json_add_bool(a->facts, "plan_id_matches", bg_digest_equal(&id, &a->frame->plan_id));
    add_key_part(a->facts, &plan.key);
    struct bg_json *root = bg_json_add_object(a->facts, "root_part");
    bg_json_add_string(root, "model", plan.root.model);
    bg_json_add_string(root, "label_map", plan.root.label_map);
    add_names(root, "features", plan.root.features, plan.root.feature_count);
    add_names(root, "classes", plan.root.classes, plan.root.class_count);
    add_layout(root, &plan.root.layout);
    add_codec(root, &plan.root.codec);
    add_training(root, &plan.root.training);
    bg_plan_finish(&plan);
    return BG_OK;
}

/* ---- other messages ---- */

static enum bg_status about_groups(const struct about *a)
{
    struct bg_groups groups;
    enum bg_status status = bg_groups_decode(a->frame, a->arena, a->error, &groups);
    if (status != BG_OK)
        return status;
    bg_json_add_u64(a->facts, "epoch", groups.epoch);
    bg_facts_digest(a->facts, "roster", &groups.roster);
    bg_facts_digest(a->facts, "beacon", &groups.beacon);
    struct bg_json *list = bg_json_add_array(a->facts, "groups");
    for (size_t i = 0; i < groups.count; i++) {
        struct bg_json *group = bg_json_add_object(list, NULL);
        bg_json_add_string(group, "cell", groups.groups[i].cell.label);
        struct bg_json *members = bg_json_add_array(group, "members");
        for (uint32_t m = 0; m < groups.groups[i].member_count; m++)
            bg_facts_digest(members, NULL, &groups.groups[i].members[m]);
    }
    return BG_OK;
}

static enum bg_status about_task(const struct about *a)
{
    struct bg_task task;
    enum bg_status status = bg_task_decode(a->frame, a->arena, a->error, &task);
    if (status != BG_OK)
        return status;
    bg_json_add_u64(a->facts, "round", task.round);
    bg_json_add_u64(a->facts, "attempt", task.attempt);
    bg_json_add_u64(a->facts, "epoch", task.epoch);
    bg_facts_digest(a->facts, "model", &task.model);
    bg_facts_digest(a->facts, "receipt", &task.receipt);
    bg_json_add_string(a->facts, "stage", bg_task_stage_name(task.stage));
    bg_json_add_number(a->facts, "learning_rate", task.learning_rate);
    bg_json_add_u64(a->facts, "steps", task.steps);
    bg_json_add_u64(a->facts, "window_first", task.window_first);
    bg_json_add_u64(a->facts, "window_rest", task.window_rest);
    bg_json_add_number(a->facts, "deadline_seconds", (double)task.deadline_ns / 1e9);
    struct bg_json *travels = bg_json_add_array(a->facts, "travels");
    for (size_t i = 0; i < task.tensor_count; i++)
        bg_json_add_bool(travels, NULL, task.travels[i]);
    add_reals(a->facts, "scales", task.scales, task.tensor_count);
    add_reals(a->facts, "centres", task.centres, task.tensor_count);
    struct bg_json *invited = bg_json_add_array(a->facts, "invited_groups");
    for (size_t i = 0; i < task.invited_count; i++)
        bg_json_add_u64(invited, NULL, task.invited[i]);
    return BG_OK;
}

static void add_manifest(struct bg_json *facts, const struct bg_manifest *manifest)
{
    bg_facts_digest(facts, "key_id", &manifest->key_id);
    bg_facts_digest(facts, "model", &manifest->model);
    bg_facts_digest(facts, "task", &manifest->task);
    bg_json_add_u64(facts, "epoch", manifest->epoch);
    bg_json_add_u64(facts, "round", manifest->round);
    bg_json_add_u64(facts, "attempt", manifest->attempt);
    bg_json_add_u64(facts, "group", manifest->group);
    bg_facts_digest(facts, "client", &manifest->client);
    bg_json_add_u64(facts, "positions", manifest->positions);
    bg_json_add_u64(facts, "blocks", bg_manifest_blocks(manifest->positions));
    bg_facts_digest(facts, "pad_commitment", &manifest->pad_commitment);
    bg_json_add_bool(facts, "sealed_seed", manifest->sealed_seed.size > 0);
    bg_json_add_bool(facts, "knowledge_tags", manifest->sealed_tags.size > 0);
}

static enum bg_status about_manifest(const struct about *a)
{
    struct bg_manifest manifest;
    enum bg_status status = bg_manifest_decode(a->frame, a->error, &manifest);
    if (status == BG_OK)
        add_manifest(a->facts, &manifest);
    return status;
}

static enum bg_status about_block(const struct about *a)
{
    struct bg_block block;
    struct bg_digest digest;
    enum bg_status status = bg_block_decode(a->frame, a->error, &block);
    if (status != BG_OK)
        return status;
    bg_json_add_u64(a->facts, "round", block.round);
    bg_json_add_u64(a->facts, "attempt", block.attempt);
    bg_json_add_u64(a->facts, "group", block.group);
    bg_facts_digest(a->facts, "client", &block.client);
    bg_json_add_u64(a->facts, "block", block.index);
    bg_json_add_u64(a->facts, "positions", block.positions);
    bg_json_add_u64(a->facts, "payload_bytes", block.payload.size);
    bg_sha256(block.payload, &digest);
    bg_facts_digest(a->facts, "payload_digest", &digest);
    return BG_OK;
}

static enum bg_status about_receipt(const struct about *a)
{
    struct bg_receipt receipt;
    enum bg_status status = bg_receipt_decode(a->frame, a->arena, a->error, &receipt);
    if (status != BG_OK)
        return status;
    bool committed = receipt.outcome == BG_ROUND_COMMITTED;
    bg_json_add_u64(a->facts, "round", receipt.round);
    bg_json_add_u64(a->facts, "attempt", receipt.attempt);
    bg_json_add_string(a->facts, "outcome", committed ? "committed" : "abandoned");
    if (!committed)
        bg_json_add_string(a->facts, "reason", bg_status_name((enum bg_status)-(int)receipt.reason));
    bg_facts_digest(a->facts, "model", &receipt.model);
    add_reals(a->facts, "scales", receipt.scales, receipt.tensor_count);
    struct bg_json *list = bg_json_add_array(a->facts, "groups");
    for (size_t i = 0; i < receipt.group_count; i++) {
        struct bg_json *group = bg_json_add_object(list, NULL);
        bg_json_add_u64(group, "index", receipt.groups[i].index);
        bg_json_add_bool(group, "used", receipt.groups[i].used);
        add_members(group, "members", receipt.groups[i].members);
    }
    return BG_OK;
}

static enum bg_status add_manifests(const struct about *a, const char *message, const struct bg_span *manifests,
                                    uint32_t count)
{
    struct bg_json *list = bg_json_add_array(a->facts, "manifests");
    for (uint32_t i = 0; i < count; i++) {
        struct bg_frame frame;
        struct bg_manifest manifest;
        enum bg_status status = bg_frame_expect(manifests[i], BG_FRAME_MANIFEST, a->error, &frame);
        if (status == BG_OK)
            status = bg_manifest_decode(&frame, a->error, &manifest);
        if (status != BG_OK)
            return bg_fail_in(a->error, status, "%s: manifest of member %u", message, i);
        add_manifest(bg_json_add_object(list, NULL), &manifest);
    }
    return BG_OK;
}

static void add_record(struct bg_json *facts, const struct bg_record *record)
{
    struct bg_json *json = bg_json_add_object(facts, "record");
    bg_json_add_u64(json, "sequence", record->sequence);
    bg_json_add_u64(json, "epoch", record->epoch);
    add_members(json, "members", record->members);
    bg_facts_digest(json, "manifests", &record->manifests);
    bg_facts_digest(json, "product", &record->product);
    bg_facts_digest(json, "previous", &record->previous);
}

static enum bg_status about_release(const struct about *a)
{
    struct bg_release release;
    enum bg_status status = bg_release_decode(a->frame, a->arena, a->error, &release);
    if (status != BG_OK)
        return status;
    bg_json_add_u64(a->facts, "round", release.round);
    bg_json_add_u64(a->facts, "attempt", release.attempt);
    bg_json_add_u64(a->facts, "epoch", release.epoch);
    bg_json_add_u64(a->facts, "group", release.group);
    bg_json_add_u64(a->facts, "positions", release.positions);
    bg_json_add_u64(a->facts, "product_bytes", release.product.size);
    return add_manifests(a, "release", release.manifests, release.member_count);
}

static enum bg_status about_sums(const struct about *a)
{
    struct bg_sums sums;
    enum bg_status status = bg_sums_decode(a->frame, a->error, &sums);
    if (status != BG_OK)
        return status;
    bg_json_add_u64(a->facts, "round", sums.round);
    bg_json_add_u64(a->facts, "attempt", sums.attempt);
    bg_json_add_u64(a->facts, "group", sums.group);
    bg_json_add_u64(a->facts, "positions", sums.positions);
    bg_json_add_u64(a->facts, "sums_bytes", sums.sums.size);
    add_record(a->facts, &sums.record);
    return BG_OK;
}

static enum bg_status about_report(const struct about *a)
{
    struct bg_report report;
    enum bg_status status = bg_report_decode(a->frame, a->arena, a->error, &report);
    if (status != BG_OK)
        return status;
    bg_facts_digest(a->facts, "edge", &report.edge);
    bg_json_add_u64(a->facts, "round", report.round);
    bg_json_add_u64(a->facts, "attempt", report.attempt);
    bg_json_add_u64(a->facts, "group", report.group);
    bg_json_add_bool(a->facts, "opened", report.opened);
    status = add_manifests(a, "report", report.manifests, report.member_count);
    if (status == BG_OK && report.opened)
        add_record(a->facts, &report.record);
    return status;
}

static enum bg_status about_roster(const struct about *a)
{
    struct bg_roster_message message;
    enum bg_status status = bg_roster_message_decode(a->frame, a->arena, a->error, &message);
    if (status != BG_OK)
        return status;
    bg_json_add_u64(a->facts, "roster_version", message.version);
    bg_json_add_u64(a->facts, "clients", message.client_count);
    bg_json_add_u64(a->facts, "edges", message.edge_count);
    bg_json_add_u64(a->facts, "revoked", message.revoked_count);
    return BG_OK;
}

static enum bg_status about_audit(const struct about *a)
{
    struct bg_audit_request request;
    enum bg_status status = bg_audit_request_decode(a->frame, a->arena, a->error, &request);
    if (status != BG_OK)
        return status;
    bg_json_add_u64(a->facts, "epoch", request.epoch);
    bg_json_add_u64(a->facts, "round", request.round);
    bg_json_add_u64(a->facts, "attempt", request.attempt);
    bg_json_add_u64(a->facts, "group", request.group);
    bg_json_add_u64(a->facts, "position", request.position);
    bg_json_add_u64(a->facts, "members", request.member_count);
    return BG_OK;
}

static enum bg_status about_audit_verdict(const struct about *a)
{
    struct bg_audit_verdict verdict;
    enum bg_status status = bg_audit_verdict_decode(a->frame, a->error, &verdict);
    if (status != BG_OK)
        return status;
    bg_json_add_u64(a->facts, "epoch", verdict.epoch);
    bg_json_add_u64(a->facts, "round", verdict.round);
    bg_json_add_u64(a->facts, "attempt", verdict.attempt);
    bg_json_add_u64(a->facts, "group", verdict.group);
    bg_json_add_u64(a->facts, "position", verdict.position);
    add_members(a->facts, "named", verdict.named);
    bg_facts_digest(a->facts, "record", &verdict.record);
    return BG_OK;
}

static enum bg_status about_epoch_request(const struct about *a)
{
    struct bg_epoch_request request;
    enum bg_status status = bg_epoch_request_decode(a->frame, a->error, &request);
    if (status != BG_OK)
        return status;
    bg_json_add_u64(a->facts, "epoch", request.epoch);
    bg_facts_digest(a->facts, "roster", &request.roster);
    bg_facts_digest(a->facts, "nonce", &request.nonce);
    return BG_OK;
}

static enum bg_status about_epoch_reveal(const struct about *a)
{
    struct bg_epoch_reveal reveal;
    enum bg_status status = bg_epoch_reveal_decode(a->frame, a->error, &reveal);
    if (status != BG_OK)
        return status;
    bg_json_add_u64(a->facts, "epoch", reveal.epoch);
    bg_facts_digest(a->facts, "nonce", &reveal.nonce);
    bg_facts_digest(a->facts, "next_commitment", &reveal.next_commitment);
    return BG_OK;
}

static enum bg_status about_pace(const struct about *a)
{
    struct bg_pace_window window;
    enum bg_status status = bg_pace_window_decode(a->frame, a->error, &window);
    if (status != BG_OK)
        return status;
    bg_json_add_u64(a->facts, "round", window.round);
    bg_json_add_u64(a->facts, "least_ns", window.least_ns);
    bg_json_add_u64(a->facts, "most_ns", window.most_ns);
    return BG_OK;
}

static enum bg_status about_frame(const struct about *a)
{
    static enum bg_status (*const describe[])(const struct about *a) = {
        [BG_FRAME_PLAN] = about_plan,
        [BG_FRAME_GROUPS] = about_groups,
        [BG_FRAME_TASK] = about_task,
        [BG_FRAME_MANIFEST] = about_manifest,
        [BG_FRAME_BLOCK] = about_block,
        [BG_FRAME_RECEIPT] = about_receipt,
        [BG_FRAME_RELEASE] = about_release,
        [BG_FRAME_SUMS] = about_sums,
        [BG_FRAME_REPORT] = about_report,
        [BG_FRAME_ROSTER] = about_roster,
        [BG_FRAME_AUDIT] = about_audit,
        [BG_FRAME_AUDIT_VERDICT] = about_audit_verdict,
        [BG_FRAME_EPOCH_REQUEST] = about_epoch_request,
        [BG_FRAME_EPOCH_REVEAL] = about_epoch_reveal,
        [BG_FRAME_PACE] = about_pace,
    };
    const uint8_t *header = a->frame->bytes.data;
    bg_json_add_string(a->facts, "type", bg_frame_type_name(a->frame->type));
    bg_json_add_u64(a->facts, "version", (uint64_t)(header[4] | header[5] << 8));
    bg_json_add_string(a->facts, "population", a->frame->population.name);
    bg_facts_digest(a->facts, "plan_id", &a->frame->plan_id);
    bg_json_add_u64(a->facts, "bytes", a->frame->bytes.size);
    return describe[a->frame->type](a);
}

enum bg_status bg_inspect_frames(const char *path, struct bg_span content, struct bg_json *facts,
                                 struct bg_error *error)
{
    struct bg_json *list = bg_json_add_array(facts, "frames");
    struct bg_span rest = content;
    for (size_t i = 0; rest.size > 0; i++) {
        struct bg_frame frame;
        struct bg_arena arena;
        size_t offset = content.size - rest.size;
        bg_arena_init(&arena, ARENA_CAP);
        enum bg_status status = bg_frame_decode(rest, error, &frame, &rest);
        struct about about = {.frame = &frame, .arena = &arena, .error = error};
        if (status == BG_OK) {
            about.facts = bg_json_add_object(list, NULL);
            status = about_frame(&about);
        }
        bg_arena_finish(&arena);
        if (status != BG_OK)
            return bg_fail_in(error, status, "%s: frame %zu at byte %zu", path, i, offset);
    }
    return BG_OK;
}
