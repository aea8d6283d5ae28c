/* SPDX-License-Identifier: Apache-2.0 */
#include "examples.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

void source_init(struct source *source, uint64_t seed)
{
    bg_prng_init(&source->prng, seed);
    bg_arena_init(&source->arena, SIZE_MAX);
    cr_assert_eq(bg_population_set(&source->population, "plant-7.flows"), BG_OK);
}

void source_finish(struct source *source)
{
    bg_arena_finish(&source->arena);
}

uint32_t random_within(struct source *source, uint32_t least, uint32_t most)
{
    return least + (uint32_t)bg_prng_below(&source->prng, (uint64_t)most - least + 1);
}

static bool random_bool(struct source *source)
{
    return bg_prng_below(&source->prng, 2) == 1;
}

struct bg_digest random_digest(struct source *source)
{
    struct bg_digest digest;
    for (size_t i = 0; i < sizeof digest.bytes; i++)
        digest.bytes[i] = (uint8_t)bg_prng_next(&source->prng);
    return digest;
}

struct bg_span random_bytes(struct source *source, size_t size)
{
    uint8_t *bytes = BG_ARENA_ARRAY(&source->arena, uint8_t, size);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)bg_prng_next(&source->prng);
    return (struct bg_span){bytes, size};
}

struct bg_cell random_cell(struct source *source)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
    struct bg_cell cell = {{0}};
    uint32_t length = random_within(source, 1, BG_CELL_BYTES - 1);
    for (uint32_t i = 0; i < length; i++)
        cell.label[i] = letters[random_within(source, 0, sizeof letters - 2)];
    return cell;
}

struct bg_key_part random_key_part(struct source *source)
{
    struct bg_key_part part = {.population = source->population,
                               .epoch = bg_prng_next(&source->prng),
                               .encryption = (enum bg_plan_encryption)random_within(source, 1, 3),
                               .insecure = random_bool(source),
                               .mixed_radix = random_bool(source),
                               .key_id = random_digest(source),
                               .group_size = random_within(source, 1, BG_MAX_GROUP_MEMBERS),
                               .group_count = random_within(source, 1, BG_MAX_GROUPS),
                               .roster = random_digest(source),
                               .groups = random_digest(source)};
    if (part.encryption != BG_PLAN_OFF) {
        part.key_bits = 64 * random_within(source, BG_LEAST_KEY_BITS / 64, BG_LEAST_KEY_BITS / 32);
        part.s = random_within(source, 1, BG_MAX_EXPONENT_S);
        part.knowledge_tags = random_bool(source);
    }
    if (part.knowledge_tags)
        memcpy(part.sealing_key, random_bytes(source, BG_PUBLIC_POINT_BYTES).data, BG_PUBLIC_POINT_BYTES);
    part.modulus = random_bytes(source, part.key_bits / 8);
    part.group_least = random_within(source, 1, part.group_size);
    uint32_t most = 2 * part.group_size < BG_MAX_GROUP_MEMBERS ? 2 * part.group_size : BG_MAX_GROUP_MEMBERS;
    part.group_most = random_within(source, part.group_least, most);
    return part;
}

static const char *const *random_names(struct source *source, const char *stem, size_t count)
{
    const char **names = BG_ARENA_ARRAY(&source->arena, const char *, count);
    for (size_t i = 0; i < count; i++) {
        char name[BG_NAME_BYTES];
        snprintf(name, sizeof name, "%s %zu µs", stem, i);
        names[i] = bg_arena_text(&source->arena, name);
    }
    return names;
}

static struct bg_layout random_layout(struct source *source)
{
    struct bg_layout layout;
    bg_layout_init(&layout);
    uint32_t tensors = random_within(source, 1, 5);
    for (uint32_t i = 0; i < tensors; i++) {
        char name[BG_TENSOR_NAME_BYTES];
        uint32_t shape[BG_TENSOR_MAX_RANK];
        uint32_t rank = random_within(source, 1, BG_TENSOR_MAX_RANK);
        snprintf(name, sizeof name, "layer%u.weight", i);
        for (uint32_t axis = 0; axis < rank; axis++)
            shape[axis] = random_within(source, 1, 64);
        cr_assert_eq(bg_layout_add(&layout, name, rank, shape, NULL), BG_OK);
    }
    return layout;
}

struct bg_root_part random_root_part(struct source *source)
{
    struct bg_root_part part = {
        .model = "mlp:128-64",
        .label_map = "papers7",
        .feature_count = random_within(source, 0, 6),
        .class_count = random_within(source, 0, 4),
        .layout = random_layout(source),
        .codec = {.mode = (enum bg_plan_codec_mode)random_within(source, 1, 4),
                  .scale_from_residual = random_bool(source),
                  .centre_median = random_bool(source),
                  .clip = 10 * (1 - bg_prng_uniform(&source->prng)),
                  .growth = 1 + bg_prng_uniform(&source->prng),
                  .growth_from = random_within(source, 0, UINT32_MAX),
                  .percentile = bg_prng_uniform(&source->prng),
                  .decay = bg_prng_uniform(&source->prng),
                  .client_momentum = bg_prng_uniform(&source->prng),
                  .server_momentum = bg_prng_uniform(&source->prng),
                  .server_step = 1 - bg_prng_uniform(&source->prng)},
        .training = {.optimizer = (enum bg_plan_optimizer)random_within(source, 1, 2),
                     .class_weights = (enum bg_plan_class_weights)random_within(source, 1, 4),
                     .momentum = bg_prng_uniform(&source->prng),
                     .weight_decay = bg_prng_uniform(&source->prng),
                     .clip_norm = bg_prng_uniform(&source->prng),
                     .proximal_mu = bg_prng_uniform(&source->prng),
                     .drift_memory = bg_prng_uniform(&source->prng),
                     .own_prior = bg_prng_uniform(&source->prng),
                     .federated_prior = bg_prng_uniform(&source->prng),
                     .batch = random_within(source, 1, BG_MAX_BATCH)},
    };
    part.features = random_names(source, "Flow Duration", part.feature_count);
    part.classes = random_names(source, "DoS", part.class_count);
    struct bg_span point = random_bytes(source, sizeof part.sealing_key);
    memcpy(part.sealing_key, point.data, point.size);
    return part;
}

struct bg_groups random_groups(struct source *source)
{
    struct bg_groups groups = {.epoch = bg_prng_next(&source->prng),
                               .roster = random_digest(source),
                               .beacon = random_digest(source),
                               .count = random_within(source, 1, 5)};
    struct bg_group *list = BG_ARENA_ARRAY(&source->arena, struct bg_group, groups.count);
    for (size_t i = 0; i < groups.count; i++) {
        list[i] = (struct bg_group){.cell = random_cell(source), .member_count = random_within(source, 1, 6)};
        struct bg_digest *members = BG_ARENA_ARRAY(&source->arena, struct bg_digest, list[i].member_count);
        for (uint32_t m = 0; m < list[i].member_count; m++)
            members[m] = random_digest(source);
        list[i].members = members;
    }
    groups.groups = list;
    return groups;
}

struct bg_task random_task(struct source *source)
{
    struct bg_task task = {.round = bg_prng_next(&source->prng),
                           .attempt = random_within(source, 0, 9),
                           .epoch = bg_prng_next(&source->prng),
                           .model = random_digest(source),
                           .receipt = random_digest(source),
                           .stage = (enum bg_task_stage)random_within(source, 0, BG_STAGE_COUNT - 1),
                           .learning_rate = bg_prng_uniform(&source->prng),
                           .steps = random_within(source, 1, BG_MAX_STEPS),
                           .window_first = (uint32_t)bg_prng_next(&source->prng),
                           .window_rest = (uint32_t)bg_prng_next(&source->prng),
                           .deadline_ns = bg_prng_next(&source->prng),
                           .tensor_count = random_within(source, 0, 6),
                           .invited_count = random_within(source, 0, 6)};
    bool *travels = BG_ARENA_ARRAY(&source->arena, bool, task.tensor_count);
    double *scales = BG_ARENA_ARRAY(&source->arena, double, task.tensor_count);
    double *centres = BG_ARENA_ARRAY(&source->arena, double, task.tensor_count);
    uint32_t *invited = BG_ARENA_ARRAY(&source->arena, uint32_t, task.invited_count);
    for (size_t i = 0; i < task.tensor_count; i++) {
        travels[i] = random_bool(source);
        scales[i] = 1 - bg_prng_uniform(&source->prng);
        centres[i] = bg_prng_normal(&source->prng);
    }
    for (uint32_t i = 0, next = 0; i < task.invited_count; i++, next++)
        invited[i] = next = random_within(source, next, next + 100);
    task.travels = travels;
    task.scales = scales;
    task.centres = centres;
    task.invited = invited;
    return task;
}

struct bg_manifest random_manifest(struct source *source)
{
    struct bg_manifest manifest = {.key_id = random_digest(source),
                                   .model = random_digest(source),
                                   .task = random_digest(source),
                                   .epoch = bg_prng_next(&source->prng),
                                   .round = bg_prng_next(&source->prng),
                                   .attempt = random_within(source, 0, 9),
                                   .group = random_within(source, 0, BG_MAX_GROUPS - 1),
                                   .client = random_digest(source),
                                   .positions = random_within(source, 1, 300),
                                   .pad_commitment = random_digest(source)};
    size_t blocks = bg_manifest_blocks(manifest.positions);
    manifest.block_digests = random_bytes(source, blocks * BG_DIGEST_BYTES);
    manifest.sealed_seed = random_bytes(source, random_bool(source) ? BG_SEALED_SEED_BYTES : 0);
    manifest.sealed_tags =
        random_bytes(source, random_bool(source) ? BG_PUBLIC_POINT_BYTES + 16 * blocks + 16 : 0);
    return manifest;
}

struct bg_block random_block(struct source *source)
{
    struct bg_block block = {.round = bg_prng_next(&source->prng),
                             .attempt = random_within(source, 0, 9),
                             .group = random_within(source, 0, BG_MAX_GROUPS - 1),
                             .client = random_digest(source),
                             .index = random_within(source, 0, BG_MAX_BLOCKS - 1),
                             .positions = random_within(source, 1, BG_BLOCK_POSITIONS)};
    block.payload = random_bytes(source, (size_t)block.positions * random_within(source, 1, 8));
    return block;
}

struct bg_receipt random_receipt(struct source *source)
{
    bool committed = random_bool(source);
    struct bg_receipt receipt = {.round = bg_prng_next(&source->prng),
                                 .attempt = random_within(source, 0, 9),
                                 .outcome = committed ? BG_ROUND_COMMITTED : BG_ROUND_ABANDONED,
                                 .reason = committed ? 0 : (uint16_t)-BG_MARGIN,
                                 .model = random_digest(source),
                                 .tensor_count = committed ? random_within(source, 0, 6) : 0,
                                 .group_count = random_within(source, 0, 6)};
    double *scales = BG_ARENA_ARRAY(&source->arena, double, receipt.tensor_count);
    struct bg_receipt_group *groups = BG_ARENA_ARRAY(&source->arena, struct bg_receipt_group, receipt.group_count);
    for (size_t i = 0; i < receipt.tensor_count; i++)
        scales[i] = 1 - bg_prng_uniform(&source->prng);
    for (uint32_t i = 0, next = 0; i < receipt.group_count; i++, next++) {
        groups[i].index = next = random_within(source, next, next + 100);
        groups[i].used = committed && random_bool(source);
        groups[i].members = random_within(source, groups[i].used, 15);
    }
    receipt.scales = scales;
    receipt.groups = groups;
    return receipt;
}

static struct bg_span random_manifest_frame(struct source *source)
{
    struct bg_writer w;
    struct bg_digest plan_id = random_digest(source);
    struct bg_manifest manifest = random_manifest(source);
    bg_writer_init(&w);
    bg_manifest_encode_unsigned(&w, &source->population, &plan_id, &manifest);
    bg_write_bytes(&w, random_bytes(source, BG_SIGNATURE_BYTES).data, BG_SIGNATURE_BYTES);
    uint8_t *bytes = BG_ARENA_ARRAY(&source->arena, uint8_t, w.size);
    size_t size = w.size;
    memcpy(bytes, w.data, size);
    bg_writer_finish(&w);
    return (struct bg_span){bytes, size};
}

struct bg_release random_release(struct source *source)
{
    struct bg_release release = {.round = bg_prng_next(&source->prng),
                                 .attempt = random_within(source, 0, 9),
                                 .epoch = bg_prng_next(&source->prng),
                                 .group = random_within(source, 0, BG_MAX_GROUPS - 1),
                                 .member_count = random_within(source, 1, 3),
                                 .positions = random_within(source, 1, 9)};
    struct bg_span *manifests = BG_ARENA_ARRAY(&source->arena, struct bg_span, release.member_count);
    for (uint32_t i = 0; i < release.member_count; i++)
        manifests[i] = random_manifest_frame(source);
    release.manifests = manifests;
    release.product = random_bytes(source, (size_t)release.positions * random_within(source, 1, 16));
    return release;
}

struct bg_record random_record(struct source *source)
{
    struct bg_record record = {.sequence = random_within(source, 1, UINT32_MAX),
                               .epoch = bg_prng_next(&source->prng),
                               .round = bg_prng_next(&source->prng),
                               .attempt = random_within(source, 0, 9),
                               .group = random_within(source, 0, BG_MAX_GROUPS - 1),
                               .members = random_within(source, 1, 15),
                               .manifests = random_digest(source),
                               .product = random_digest(source),
                               .previous = random_digest(source)};
    memcpy(record.signature, random_bytes(source, BG_SIGNATURE_BYTES).data, BG_SIGNATURE_BYTES);
    return record;
}

struct bg_sums random_sums(struct source *source)
{
    struct bg_sums sums = {.positions = random_within(source, 1, 9), .record = random_record(source)};
    sums.round = sums.record.round;
    sums.attempt = sums.record.attempt;
    sums.group = sums.record.group;
    sums.sums = random_bytes(source, (size_t)sums.positions * random_within(source, 1, 16));
    return sums;
}

struct bg_report random_report(struct source *source)
{
    struct bg_report report = {.edge = random_digest(source),
                               .member_count = random_within(source, 1, 3),
                               .opened = random_within(source, 0, 1) == 1,
                               .record = random_record(source)};
    struct bg_span *manifests = BG_ARENA_ARRAY(&source->arena, struct bg_span, report.member_count);
    for (uint32_t i = 0; i < report.member_count; i++)
        manifests[i] = random_manifest_frame(source);
    report.manifests = manifests;
    report.record.members = ((uint64_t)1 << report.member_count) - 1;
    report.round = report.record.round;
    report.attempt = report.record.attempt;
    report.group = report.record.group;
    return report;
}

static void random_point(struct source *source, uint8_t ret_point[static BG_PUBLIC_POINT_BYTES])
{
    memcpy(ret_point, random_bytes(source, BG_PUBLIC_POINT_BYTES).data, BG_PUBLIC_POINT_BYTES);
    ret_point[0] = 4;
}

struct bg_roster_message random_roster_message(struct source *source)
{
    struct bg_roster_message message = {.version = bg_prng_next(&source->prng),
                                        .client_count = random_within(source, 0, 3),
                                        .edge_count = random_within(source, 0, 2),
                                        .revoked_count = random_within(source, 0, 3)};
    struct bg_roster_client *clients = BG_ARENA_ARRAY(&source->arena, struct bg_roster_client, message.client_count);
    struct bg_roster_edge *edges = BG_ARENA_ARRAY(&source->arena, struct bg_roster_edge, message.edge_count);
    struct bg_digest *revoked = BG_ARENA_ARRAY(&source->arena, struct bg_digest, message.revoked_count);
    for (size_t i = 0; i < message.client_count; i++) {
        clients[i].cell = random_cell(source);
        random_point(source, clients[i].point);
    }
    for (size_t i = 0; i < message.edge_count; i++)
        random_point(source, edges[i].point);
    for (size_t i = 0; i < message.revoked_count; i++) {
        revoked[i] = random_digest(source);
        revoked[i].bytes[0] = (uint8_t)i;
    }
    message.clients = clients;
    message.edges = edges;
    message.revoked = revoked;
    return message;
}

struct bg_epoch_request random_epoch_request(struct source *source)
{
    return (struct bg_epoch_request){bg_prng_next(&source->prng), random_digest(source), random_digest(source)};
}

struct bg_epoch_reveal random_epoch_reveal(struct source *source)
{
    return (struct bg_epoch_reveal){bg_prng_next(&source->prng), random_digest(source), random_digest(source)};
}

struct bg_pace_window random_pace_window(struct source *source)
{
    uint64_t most = bg_prng_below(&source->prng, BG_MAX_PACE_NS + 1);
    return (struct bg_pace_window){.round = bg_prng_next(&source->prng),
                                   .least_ns = bg_prng_below(&source->prng, most + 1),
                                   .most_ns = most};
}

struct bg_audit_request random_audit_request(struct source *source)
{
    struct bg_audit_request request = {.epoch = bg_prng_next(&source->prng),
                                       .round = bg_prng_next(&source->prng),
                                       .attempt = random_within(source, 0, 9),
                                       .group = random_within(source, 0, BG_MAX_GROUPS - 1),
                                       .position = random_within(source, 0, BG_MAX_POSITIONS - 1),
                                       .plan = random_bytes(source, random_within(source, 0, 40)),
                                       .task = random_bytes(source, random_within(source, 0, 40)),
                                       .member_count = random_within(source, 1, 3)};
    struct bg_audit_member *members = BG_ARENA_ARRAY(&source->arena, struct bg_audit_member, request.member_count);
    for (uint32_t i = 0; i < request.member_count; i++)
        members[i] = (struct bg_audit_member){.manifest = random_manifest_frame(source),
                                              .position_key = random_bytes(source, BG_AUDIT_KEY_BYTES),
                                              .list = random_bytes(source, 32 * random_within(source, 1, 3))};
    request.members = members;
    return request;
}

struct bg_audit_verdict random_audit_verdict(struct source *source)
{
    return (struct bg_audit_verdict){.epoch = bg_prng_next(&source->prng),
                                     .round = bg_prng_next(&source->prng),
                                     .attempt = random_within(source, 0, 9),
                                     .group = random_within(source, 0, BG_MAX_GROUPS - 1),
                                     .position = bg_prng_next(&source->prng),
                                     .named = random_within(source, 1, 15),
                                     .record = random_digest(source)};
}
