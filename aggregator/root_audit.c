/* SPDX-License-Identifier: Apache-2.0 */
/* Who spoilt the sum of a group: what the key holder is shown of one position, and what is made of its verdict. */
#include "aggregator/root_state.h"
#include "crypto/wipe.h"
#include "protocol/envelope.h"
#include "protocol/pad_seed.h"
#include "wire/audit.h"
#include "wire/block.h"

#include <stdlib.h>
#include <string.h>

struct audit {
    struct bg_root *root;
    uint64_t epoch, round;
    uint32_t group;
};

static enum bg_status read_verdict(const struct audit *audit, struct bg_span reply, struct bg_error *error,
                                   struct bg_audit_verdict *ret)
{
    struct bg_frame frame;
    struct bg_root *root = audit->root;
    enum bg_status status = bg_frame_expect(reply, BG_FRAME_AUDIT_VERDICT, error, &frame);
    if (status == BG_OK)
        status = bg_audit_verdict_decode(&frame, error, ret);
    if (status == BG_OK && bg_envelope_verify_frame(root->settings.key_holder, BG_SIGNED_VERDICT, &frame) != BG_OK)
        status = bg_fail(error, BG_BAD_SIGNATURE, "verdict: not signed by the key holder");
    if (status == BG_OK && (ret->epoch != audit->epoch || ret->round != audit->round || ret->group != audit->group))
        status = bg_fail(error, BG_DECODE, "verdict: not an answer to what was asked");
    return status;
}

static void tell(struct bg_root *root, const struct audit *audit, const struct bg_audit_verdict *verdict)
{
    const struct bg_group *group = &root->groups.groups[audit->group];
    for (uint32_t m = 0; m < group->member_count; m++) {
        char hex[2 * BG_DIGEST_BYTES + 1];
        struct bg_error error;
        if (!(verdict->named >> m & 1))
            continue;
        bg_digest_to_hex(&group->members[m], hex);
        bg_fail(&error, BG_OUT_OF_RANGE,
                "group %u: client %s made it unusable, by the key holder's audit of position %llu", audit->group, hex,
                (unsigned long long)verdict->position);
        bg_root_notify(root, (struct bg_root_notice){.kind = BG_ROOT_NOTICE_NAMED,
                                                     .group = audit->group,
                                                     .client = &group->members[m],
                                                     .error = &error});
    }
}

static void on_verdict(void *context, enum bg_status status, struct bg_span reply)
{
    struct audit audit = *(struct audit *)context;
    struct bg_root *root = audit.root;
    struct bg_audit_verdict verdict;
    struct bg_error error = {0};
    free(context);
    root->busy--;
    if (root->epoch == audit.epoch && status != BG_IO && status != BG_BUSY)
        root->audited[audit.group] = true;
    if (status != BG_OK)
        bg_fail(&error, status, "group %u: the key holder does not audit it: %s", audit.group, bg_status_text(status));
    else
        status = read_verdict(&audit, reply, &error, &verdict);
    if (status != BG_OK)
        bg_root_notify(
            root, (struct bg_root_notice){.kind = BG_ROOT_NOTICE_GROUP, .group = audit.group, .error = &error});
    else if (root->epoch == audit.epoch)
        tell(root, &audit, &verdict);
}

/* One member: its position key there, the digests of all of them, and the frame of the block that has the position. */
static bool show_member(const struct bg_root *root, const struct bg_upload *upload, uint64_t position,
                        struct bg_position_key *ret_key, uint8_t *ret_list, struct bg_span *ret_block)
{
    struct bg_pad_keys pads;
    struct bg_span rest = upload->blocks;
    struct bg_frame frame;
    bg_pad_keys_of_task(&pads, upload->seed, &root->plan, &root->plan_id, &root->task);
    bg_pad_key_at(&pads, position, ret_key);
    bg_pad_list(&pads, root->shape.positions, ret_list);
    bg_pad_keys_finish(&pads);
    for (uint64_t i = 0; i <= position / BG_BLOCK_POSITIONS; i++)
        if (!rest.size || bg_frame_decode(rest, NULL, &frame, &rest) != BG_OK)
            return false;
    *ret_block = frame.bytes;
    return true;
}

static enum bg_status write_audit(const struct bg_root *root, uint32_t group, uint64_t position,
                                  const struct bg_upload *const *uploads, uint32_t count, uint8_t *lists,
                                  struct bg_writer *w)
{
    struct bg_audit_member members[BG_MAX_GROUP_MEMBERS];
    struct bg_position_key keys[BG_MAX_GROUP_MEMBERS];
    struct bg_span blocks[BG_MAX_GROUP_MEMBERS];
    size_t size = root->shape.positions * BG_DIGEST_BYTES;
    bool whole = true;
    for (uint32_t m = 0; m < count; m++) {
        whole = whole && show_member(root, uploads[m], position, &keys[m], lists + m * size, &blocks[m]);
        members[m] = (struct bg_audit_member){
            uploads[m]->frame, {keys[m].bytes, sizeof keys[m].bytes}, {lists + m * size, size}};
    }
    struct bg_audit_request request = {.epoch = root->epoch,
                                       .round = root->round.number,
                                       .attempt = root->round.attempt,
                                       .group = group,
                                       .position = position,
                                       .plan = bg_writer_span(&root->plan_frame),
                                       .task = bg_writer_span(&root->task_frame),
                                       .member_count = count,
                                       .members = members};
    if (whole)
        bg_audit_request_encode(w, &root->settings.population, &root->plan_id, &request);
    for (uint32_t m = 0; whole && m < count; m++)
        bg_write_bytes(w, blocks[m].data, blocks[m].size);
    bg_wipe(keys, sizeof keys);
    return whole ? w->status : BG_NOT_FOUND;
}

void bg_root_audit(struct bg_root *root, uint32_t group, uint64_t position)
{
    const struct bg_upload *uploads[BG_MAX_GROUP_MEMBERS];
    const struct bg_root_group *g = &root->members[group];
    /* Of a group that an edge gathered there are manifests and no blocks. */
    if (!root->settings.audit || root->audited[group] || g->reported_count || root->plan.key.encryption == BG_PLAN_OFF)
        return;
    uint32_t count = bg_intake_uploads(&root->intake, group, g->members, uploads);
    uint8_t *lists = malloc(count * root->shape.positions * BG_DIGEST_BYTES);
    struct audit *audit = malloc(sizeof *audit);
    struct bg_writer w;
    bg_writer_init(&w);
    if (lists && audit && write_audit(root, group, position, uploads, count, lists, &w) == BG_OK) {
        struct bg_request request = {.route = BG_ROUTE_AUDIT,
                                     .peer = *bg_identity_digest(root->settings.identity),
                                     .body = bg_writer_span(&w)};
        *audit = (struct audit){root, root->epoch, root->round.number, group};
        root->busy++;
        enum bg_status status =
            bg_transport_send(root->settings.key_holder_transport, &request, on_verdict, audit);
        if (status != BG_OK)
            on_verdict(audit, status, (struct bg_span){NULL, 0});
        audit = NULL;
    }
    bg_writer_finish(&w);
    free(audit);
    free(lists);
}
