/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/library.h"

#include "crypto/digest.h"
#include "protocol/partition.h"

#include <string.h>

static bool same(const struct bg_document *document, struct bg_span bytes)
{
    return document->bytes && bg_span_equal(bg_document_span(document), bytes);
}

static bool same_trust(const struct bg_trust *a, const struct bg_trust *b)
{
    return bg_population_equal(&a->population, &b->population) &&
           memcmp(a->key_holder, b->key_holder, sizeof a->key_holder) == 0 &&
           memcmp(a->root, b->root, sizeof a->root) == 0;
}

static size_t take_place(size_t *next)
{
    size_t place = *next;
    *next = (place + 1) % BG_LIBRARY_SHELF;
    return place;
}

static void groups_finish(struct bg_library_groups *groups)
{
    bg_document_finish(&groups->document);
    bg_digest_table_finish(&groups->places);
    *groups = (struct bg_library_groups){0};
}

void bg_library_finish(struct bg_library *library)
{
    for (size_t i = 0; i < BG_LIBRARY_SHELF; i++) {
        bg_trusted_plan_finish(&library->plans[i].plan);
        bg_trusted_task_finish(&library->tasks[i].task);
        bg_trusted_receipt_finish(&library->receipts[i].receipt);
        bg_document_finish(&library->models[i].document);
    }
    groups_finish(&library->groups);
    *library = (struct bg_library){0};
}

enum bg_status bg_library_plan(struct bg_library *library, const struct bg_trust *trust, struct bg_span frame,
                               struct bg_error *error, struct bg_trusted_plan *ret_plan)
{
    for (size_t i = 0; library && i < BG_LIBRARY_SHELF; i++) {
        struct bg_library_plan *held = &library->plans[i];
        if (same(&held->plan.document, frame) && same_trust(&held->trust, trust)) {
            *ret_plan = held->plan;
            bg_document_hold(&ret_plan->document);
            return BG_OK;
        }
    }
    enum bg_status status = bg_trusted_plan_accept(trust, frame, error, ret_plan);
    if (status != BG_OK || !library)
        return status;
    struct bg_library_plan *place = &library->plans[take_place(&library->next_plan)];
    bg_trusted_plan_finish(&place->plan);
    *place = (struct bg_library_plan){*trust, *ret_plan};
    bg_document_hold(&ret_plan->document);
    library->checked++;
    return BG_OK;
}

enum bg_status bg_library_task(struct bg_library *library, const struct bg_trust *trust, struct bg_span frame,
                               struct bg_error *error, struct bg_trusted_task *ret_task)
{
    for (size_t i = 0; library && i < BG_LIBRARY_SHELF; i++) {
        struct bg_library_task *held = &library->tasks[i];
        if (same(&held->task.document, frame) && same_trust(&held->trust, trust)) {
            *ret_task = held->task;
            bg_document_hold(&ret_task->document);
            return BG_OK;
        }
    }
    enum bg_status status = bg_trusted_task_accept(trust, frame, error, ret_task);
    if (status != BG_OK || !library)
        return status;
    struct bg_library_task *place = &library->tasks[take_place(&library->next_task)];
    bg_trusted_task_finish(&place->task);
    *place = (struct bg_library_task){*trust, *ret_task};
    bg_document_hold(&ret_task->document);
    library->checked++;
    return BG_OK;
}

enum bg_status bg_library_receipt(struct bg_library *library, const struct bg_trust *trust, struct bg_span frame,
                                  struct bg_error *error, struct bg_trusted_receipt *ret_receipt)
{
    for (size_t i = 0; library && i < BG_LIBRARY_SHELF; i++) {
        struct bg_library_receipt *held = &library->receipts[i];
        if (same(&held->receipt.document, frame) && same_trust(&held->trust, trust)) {
            *ret_receipt = held->receipt;
            bg_document_hold(&ret_receipt->document);
            return BG_OK;
        }
    }
    enum bg_status status = bg_trusted_receipt_accept(trust, frame, error, ret_receipt);
    if (status != BG_OK || !library)
        return status;
    struct bg_library_receipt *place = &library->receipts[take_place(&library->next_receipt)];
    bg_trusted_receipt_finish(&place->receipt);
    *place = (struct bg_library_receipt){*trust, *ret_receipt};
    bg_document_hold(&ret_receipt->document);
    library->checked++;
    return BG_OK;
}

/* ---- groups ---- */

static enum bg_status find_place(const struct bg_groups *groups, const struct bg_digest_table *places,
                                 const struct bg_digest *client, struct bg_error *error, uint32_t *ret_group,
                                 uint32_t *ret_member, uint32_t *ret_members)
{
    uint32_t place;
    bool found = places ? bg_digest_table_find(places, client, &place)
                        : bg_groups_find(groups, client, ret_group, ret_member);
    if (!found)
        return bg_fail(error, BG_UNKNOWN_CLIENT, "groups: this client is in no group of epoch %llu",
                       (unsigned long long)groups->epoch);
    if (places) {
        *ret_group = place / BG_MAX_GROUP_MEMBERS;
        *ret_member = place % BG_MAX_GROUP_MEMBERS;
    }
    *ret_members = groups->groups[*ret_group].member_count;
    return BG_OK;
}

/* A decoded partition never names a client twice, so the table takes all. */
static enum bg_status index_places(struct bg_library_groups *groups)
{
    enum bg_status status = BG_OK;
    for (size_t g = 0; status == BG_OK && g < groups->groups.count; g++)
        for (uint32_t m = 0; status == BG_OK && m < groups->groups.groups[g].member_count; m++)
            status = bg_digest_table_put(&groups->places, &groups->groups.groups[g].members[m],
                                         (uint32_t)g * BG_MAX_GROUP_MEMBERS + m);
    return status;
}

/* Client ids are chosen by enrolled devices: what they could make collide is only their own process's table. */
static enum bg_status read_groups(const struct bg_plan *plan, struct bg_span frame, struct bg_error *error,
                                  struct bg_library_groups *ret)
{
    struct bg_library_groups fresh = {.digest = plan->key.groups};
    bg_digest_table_init(&fresh.places, plan->key.epoch);
    enum bg_status status = bg_document_init(&fresh.document, frame);
    if (status != BG_OK)
        return bg_fail(error, status, "groups: out of memory");
    status = bg_trusted_groups_read(plan, bg_document_span(&fresh.document), &fresh.document.arena, error,
                                    &fresh.groups);
    if (status == BG_OK && index_places(&fresh) != BG_OK)
        status = bg_fail(error, BG_NO_MEMORY, "groups: out of memory");
    if (status != BG_OK)
        groups_finish(&fresh);
    else
        *ret = fresh;
    return status;
}

enum bg_status bg_library_place(struct bg_library *library, const struct bg_plan *plan, struct bg_span groups_frame,
                                const struct bg_digest *client, struct bg_error *error, uint32_t *ret_group,
                                uint32_t *ret_member, uint32_t *ret_members)
{
    if (!library) {
        struct bg_arena arena;
        struct bg_groups groups;
        bg_arena_init(&arena, BG_DOCUMENT_MEMORY);
        enum bg_status status = bg_trusted_groups_read(plan, groups_frame, &arena, error, &groups);
        if (status == BG_OK)
            status = find_place(&groups, NULL, client, error, ret_group, ret_member, ret_members);
        bg_arena_finish(&arena);
        return status;
    }
    struct bg_library_groups *held = &library->groups;
    if (!same(&held->document, groups_frame) || !bg_digest_equal(&held->digest, &plan->key.groups)) {
        struct bg_library_groups fresh;
        enum bg_status status = read_groups(plan, groups_frame, error, &fresh);
        if (status != BG_OK)
            return status;
        groups_finish(held);
        *held = fresh;
        library->checked++;
    }
    return find_place(&held->groups, &held->places, client, error, ret_group, ret_member, ret_members);
}

/* ---- models ---- */

enum bg_status bg_library_model(struct bg_library *library, const struct bg_digest *digest, struct bg_span bytes,
                                struct bg_document *ret_model)
{
    struct bg_digest found;
    for (size_t i = 0; library && i < BG_LIBRARY_SHELF; i++) {
        struct bg_library_model *held = &library->models[i];
        if (same(&held->document, bytes) && bg_digest_equal(&held->digest, digest)) {
            *ret_model = held->document;
            bg_document_hold(ret_model);
            return BG_OK;
        }
    }
    bg_sha256(bytes, &found);
    if (!bg_digest_equal(&found, digest))
        return BG_BAD_DIGEST;
    enum bg_status status = bg_document_init(ret_model, bytes);
    if (status != BG_OK || !library)
        return status;
    struct bg_library_model *place = &library->models[take_place(&library->next_model)];
    bg_document_finish(&place->document);
    *place = (struct bg_library_model){*digest, *ret_model};
    bg_document_hold(ret_model);
    library->checked++;
    return BG_OK;
}
