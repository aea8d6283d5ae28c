/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/groups.h"

#include "wire/decoder.h"

#include <assert.h>

#define GROUP_LEAST_BYTES (BG_CELL_BYTES + 8 + BG_DIGEST_BYTES)

static const struct bg_digest no_plan;

void bg_groups_encode(struct bg_writer *w, const struct bg_population *population, const struct bg_groups *groups)
{
    size_t start = bg_frame_begin(w, BG_FRAME_GROUPS, population, &no_plan);
    bg_write_u64(w, groups->epoch);
    bg_write_digest(w, &groups->roster);
    bg_write_digest(w, &groups->beacon);
    bg_write_u64(w, groups->count);
    for (size_t i = 0; i < groups->count; i++) {
        const struct bg_group *group = &groups->groups[i];
        assert(bg_label_valid(group->cell.label, sizeof group->cell.label));
        bg_write_bytes(w, group->cell.label, sizeof group->cell.label);
        bg_write_u64(w, group->member_count);
        bg_write_bytes(w, group->members, (size_t)group->member_count * BG_DIGEST_BYTES);
    }
    bg_frame_end(w, start);
}

/* At most BG_MAX_GROUP_MEMBERS: pairs are few. */
static bool all_different(const struct bg_digest *members, size_t count)
{
    for (size_t i = 1; i < count; i++)
        for (size_t j = 0; j < i; j++)
            if (bg_digest_equal(&members[i], &members[j]))
                return false;
    return true;
}

/* Takes the group's members from the front of *unused, where there is room for *room. */
static void decode_group(struct bg_decoder *d, struct bg_digest **unused, size_t *room, struct bg_group *ret)
{
    bg_decode_label(d, ret->cell.label, sizeof ret->cell.label,
                    "a cell's label must be 1 to 31 of a-z 0-9 . _ -, then NUL");
    size_t count = bg_read_count(&d->reader, BG_MAX_GROUP_MEMBERS, BG_DIGEST_BYTES);
    bg_require(d, count > 0, BG_DECODE, "a group must have 1 to 64 members");
    bg_require(d, count <= *room, BG_TRUNCATED, "its members leave no bytes for the groups that follow");
    if (!bg_decoder_ok(d))
        return;
    for (size_t i = 0; i < count; i++)
        (*unused)[i] = bg_read_digest(&d->reader);
    bg_require(d, all_different(*unused, count), BG_DECODE, "a client must not be in a group twice");
    ret->member_count = (uint32_t)count;
    ret->members = *unused;
    *unused += count;
    *room -= count;
}

enum bg_status bg_groups_decode(const struct bg_frame *frame, struct bg_arena *arena, struct bg_error *error,
                                struct bg_groups *ret)
{
    struct bg_decoder d;
    struct bg_reader *r = &d.reader;
    struct bg_groups groups = {0};
    bg_decoder_init(&d, "groups", frame->body);
    bg_require(&d, frame->type == BG_FRAME_GROUPS, BG_DECODE, "the frame is of another type");
    bg_require(&d, bg_digest_equal(&frame->plan_id, &no_plan), BG_DECODE, "the plan id must be zero");
    groups.epoch = bg_read_u64(r);
    groups.roster = bg_read_digest(r);
    groups.beacon = bg_read_digest(r);
    groups.count = bg_read_count(r, BG_MAX_GROUPS, GROUP_LEAST_BYTES);
    bg_require(&d, groups.count > 0, BG_DECODE, "there must be a group");
    /* What is left holds the groups' heads and their members: one block has room for all of them. */
    size_t room = (r->size - r->offset - groups.count * (BG_CELL_BYTES + 8)) / BG_DIGEST_BYTES;
    bg_require(&d, room <= BG_MAX_CLIENTS, BG_TOO_LARGE, "more clients than a population may have");
    struct bg_group *list = bg_decoder_alloc(&d, arena, groups.count, sizeof *list);
    struct bg_digest *members = bg_decoder_alloc(&d, arena, room, sizeof *members);
    for (size_t i = 0; i < groups.count && bg_decoder_ok(&d); i++)
        decode_group(&d, &members, &room, &list[i]);
    groups.groups = list;
    enum bg_status status = bg_decoder_end(&d, error);
    if (status == BG_OK)
        *ret = groups;
    return status;
}
