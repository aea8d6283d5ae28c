/* SPDX-License-Identifier: Apache-2.0 */
/* One round in a folder: task out, updates in, releases out, sums in, model and receipt out. */
#include "aggregator/offline_parts.h"
#include "aggregator/upload.h"
#include "base/file.h"
#include "wire/release.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Whether the root still waits for this client's update; its task then, if ret_task is not NULL. */
static bool is_awaited(struct bg_offline *o, const struct bg_digest *client, struct bg_writer *ret_task)
{
    return bg_offline_ask(o, BG_ROUTE_TASK, client, (struct bg_span){NULL, 0}, NULL, ret_task) == BG_OK;
}

/* Members that updates are still awaited from. */
static size_t count_awaited(struct bg_offline *o)
{
    const struct bg_groups *groups = bg_root_groups(o->root);
    size_t count = 0;
    for (size_t g = 0; groups && g < groups->count; g++)
        for (uint32_t m = 0; m < groups->groups[g].member_count; m++)
            count += is_awaited(o, &groups->groups[g].members[m], NULL);
    return count;
}

/* ---- releases ---- */

static enum bg_status released_group(const struct bg_errand *errand, struct bg_error *error, uint32_t *ret_group)
{
    struct bg_arena arena;
    struct bg_frame frame;
    struct bg_span rest;
    struct bg_release release;
    bg_arena_init(&arena, SIZE_MAX);
    enum bg_status status = bg_frame_decode((struct bg_span){errand->body, errand->size}, error, &frame, &rest);
    if (status == BG_OK)
        status = bg_release_decode(&frame, &arena, error, &release);
    if (status == BG_OK)
        *ret_group = release.group;
    bg_arena_finish(&arena);
    return status;
}

/* The releases that wait for an answer, as files. */
static enum bg_status write_releases(struct bg_offline *o, struct bg_error *error)
{
    enum bg_status status = BG_OK;
    for (const struct bg_errand *errand = o->key_holder.first; status == BG_OK && errand; errand = errand->next) {
        uint32_t group;
        status = released_group(errand, error, &group);
        if (status != BG_OK)
            return status;
        struct bg_path path = bg_offline_round_path(o, "group-%u.release", group);
        if (!bg_offline_exists(&path))
            status = bg_offline_write(o, path.text, (struct bg_span){errand->body, errand->size}, error);
    }
    return status;
}

/* ---- updates ---- */

static enum bg_status no_round(struct bg_error *error)
{
    return bg_fail(error, BG_WRONG_ROUND, "no round is open");
}

/* Whether these bytes are the accepted file at `path`. */
static bool was_accepted(const struct bg_path *path, struct bg_span bytes)
{
    uint8_t *accepted;
    size_t size;
    if (bg_file_read(path->text, BG_OFFLINE_FILE_LIMIT, NULL, &accepted, &size) != BG_OK)
        return false;
    bool same = bg_span_equal(bytes, (struct bg_span){accepted, size});
    free(accepted);
    return same;
}

static struct bg_path update_path(const struct bg_offline *o, uint64_t round, const struct bg_digest *client)
{
    char hex[2 * BG_DIGEST_BYTES + 1];
    bg_digest_to_hex(client, hex);
    return bg_offline_path(&o->settings, "round-%llu/%s.update", (unsigned long long)round, hex);
}

/* One file's frames to the root. */
static enum bg_status send_update(struct bg_offline *o, struct bg_span bytes, struct bg_error *error,
                                  struct bg_manifest *ret_manifest)
{
    struct bg_frame frame;
    enum bg_status status = bg_upload_read(bytes, error, &frame, ret_manifest);
    if (status != BG_OK)
        return status;
    return bg_offline_ask(o, BG_ROUTE_UPDATE, &ret_manifest->client, bytes, error, NULL);
}

/* Of a round that has ended only what it accepted is accepted again. */
static enum bg_status take_update(struct bg_offline *o, struct bg_span bytes, struct bg_error *error,
                                  struct bg_manifest *ret_manifest, bool *ret_news)
{
    struct bg_frame frame;
    struct bg_path path;
    *ret_news = false;
    if (!o->state.open) {
        if (bg_upload_read(bytes, NULL, &frame, ret_manifest) != BG_OK)
            return no_round(error);
        path = update_path(o, ret_manifest->round, &ret_manifest->client);
        return was_accepted(&path, bytes) ? BG_OK : no_round(error);
    }
    enum bg_status status = send_update(o, bytes, error, ret_manifest);
    if (status != BG_OK)
        return status;
    path = update_path(o, ret_manifest->round, &ret_manifest->client);
    *ret_news = !bg_offline_exists(&path);
    return *ret_news ? bg_file_write(path.text, bytes, 0644, error) : BG_OK;
}

enum bg_status bg_offline_fold(struct bg_offline *o, const char *update_file, struct bg_error *error,
                               struct bg_digest *ret_client, bool *ret_news)
{
    uint8_t *bytes;
    size_t size;
    struct bg_manifest manifest;
    enum bg_status status = bg_file_read(update_file, BG_OFFLINE_FILE_LIMIT, error, &bytes, &size);
    if (status != BG_OK)
        return status;
    status = take_update(o, (struct bg_span){bytes, size}, error, &manifest, ret_news);
    if (status == BG_OK)
        *ret_client = manifest.client;
    else
        bg_fail_in(error, status, "%s", update_file);
    free(bytes);
    return status == BG_OK ? write_releases(o, error) : status;
}

static enum bg_status pass_deadline(struct bg_offline *o, struct bg_error *error)
{
    o->now = UINT64_MAX - 1;
    bg_root_tick(o->root, o->now);
    bg_offline_pump(o);
    return write_releases(o, error);
}

/* Closed first: an update that came between an incomplete group's release and an interruption must stay out. */
enum bg_status bg_offline_close_round(struct bg_offline *o, struct bg_error *error)
{
    if (!o->state.open)
        return no_round(error);
    o->state.closed = true;
    enum bg_status status = bg_offline_save(o, error);
    return status == BG_OK ? pass_deadline(o, error) : status;
}

/* ---- sums ---- */

static enum bg_status find_release(struct bg_offline *o, uint32_t group, struct bg_error *error,
                                   struct bg_errand **ret_errand)
{
    for (struct bg_errand *errand = o->key_holder.first; errand; errand = errand->next) {
        uint32_t released;
        enum bg_status status = released_group(errand, error, &released);
        if (status != BG_OK)
            return status;
        if (released == group) {
            *ret_errand = errand;
            return BG_OK;
        }
    }
    return bg_fail(error, BG_NOT_FOUND, "group %u: no release of it waits for sums", group);
}

static struct bg_path sums_path(const struct bg_offline *o, uint64_t round, uint32_t group)
{
    return bg_offline_path(&o->settings, "round-%llu/group-%u.sums", (unsigned long long)round, group);
}

static enum bg_status read_sums(struct bg_span bytes, struct bg_error *error, struct bg_sums *ret_sums)
{
    struct bg_frame frame;
    enum bg_status status = bg_frame_expect(bytes, BG_FRAME_SUMS, error, &frame);
    return status == BG_OK ? bg_sums_decode(&frame, error, ret_sums) : status;
}

static enum bg_status bring_sums(struct bg_offline *o, struct bg_span bytes, const struct bg_sums *sums,
                                 struct bg_error *error)
{
    struct bg_errand *errand = NULL;
    if (sums->round != o->round.round)
        return bg_fail(error, BG_WRONG_ROUND, "sums of round %llu, open is %llu", (unsigned long long)sums->round,
                       (unsigned long long)o->round.round);
    enum bg_status status = find_release(o, sums->group, error, &errand);
    if (status != BG_OK)
        return status;
    o->failed = false;
    bg_courier_answer(&o->key_holder, errand, BG_OK, bytes);
    bg_offline_pump(o);
    return o->failed ? bg_fail(error, o->error.status, "%s", o->error.text) : BG_OK;
}

/* The accepted ones are accepted again, also when their round has ended. */
static enum bg_status take_sums(struct bg_offline *o, struct bg_span bytes, struct bg_error *error)
{
    struct bg_sums sums;
    enum bg_status status = read_sums(bytes, error, &sums);
    if (status != BG_OK)
        return o->state.open ? status : no_round(error);
    struct bg_path path = sums_path(o, sums.round, sums.group);
    bool stale = o->state.open && sums.round != o->round.round;
    if (!stale && was_accepted(&path, bytes))
        return BG_OK;
    if (!o->state.open)
        return no_round(error);
    if (!stale && bg_offline_exists(&path))
        return bg_fail(error, BG_DUPLICATE, "other sums of this group were accepted before");
    status = bring_sums(o, bytes, &sums, error);
    return status == BG_OK ? bg_file_write(path.text, bytes, 0644, error) : status;
}

enum bg_status bg_offline_take_sums(struct bg_offline *o, const char *sums_file, struct bg_error *error)
{
    uint8_t *bytes;
    size_t size;
    enum bg_status status = bg_file_read(sums_file, BG_OFFLINE_FILE_LIMIT, error, &bytes, &size);
    if (status != BG_OK)
        return status;
    status = take_sums(o, (struct bg_span){bytes, size}, error);
    free(bytes);
    return status == BG_OK ? BG_OK : bg_fail_in(error, status, "%s", sums_file);
}

enum bg_status bg_offline_give_up(struct bg_offline *o, struct bg_error *error)
{
    if (!o->state.open)
        return no_round(error);
    size_t awaited = count_awaited(o);
    if (awaited)
        return bg_fail(error, BG_INVALID, "round %llu still takes the updates of %zu clients: close it first",
                       (unsigned long long)o->round.round, awaited);
    while (o->key_holder.first)
        bg_courier_answer(&o->key_holder, o->key_holder.first, BG_REFUSED, (struct bg_span){NULL, 0});
    bg_offline_pump(o);
    return BG_OK;
}

/* ---- begin and end ---- */

static uint64_t round_of_task(struct bg_span task)
{
    struct bg_reader r;
    bg_reader_init(&r, task);
    (void)bg_read_span(&r, BG_FRAME_HEADER_BYTES);
    return bg_read_u64(&r);
}

/* Opens a round in the root. Its task is that of any invited client. */
static enum bg_status open_round(struct bg_offline *o, struct bg_error *error, struct bg_writer *ret_task)
{
    const struct bg_groups *groups = bg_root_groups(o->root);
    bool invited = false;
    enum bg_status status = bg_offline_check_plan(o, error);
    if (status == BG_OK)
        status = bg_root_open_round(o->root, error);
    for (size_t g = 0; status == BG_OK && !invited && g < groups->count; g++)
        invited = is_awaited(o, &groups->groups[g].members[0], ret_task);
    if (status == BG_OK && !invited)
        status = bg_fail(error, BG_FAULT, "the round invites nobody");
    o->round = (struct bg_offline_round){.round = round_of_task(bg_writer_span(ret_task))};
    return status;
}

enum bg_status bg_offline_open_round(struct bg_offline *o, struct bg_error *error)
{
    struct bg_writer task;
    if (o->state.open)
        return bg_fail(error, BG_BUSY, "round %llu is open", (unsigned long long)o->round.round);
    if (o->state.stage != BG_EPOCH_AGREED)
        return bg_fail(error, BG_INVALID, "no epoch is agreed on: ask the key holder for one first");
    bg_writer_init(&task);
    enum bg_status status = open_round(o, error, &task);
    struct bg_path path = bg_offline_round_path(o, "task");
    struct bg_path folder =
        bg_offline_path(&o->settings, "round-%llu", (unsigned long long)o->round.round);
    if (status == BG_OK && mkdir(folder.text, 0700) != 0 && errno != EEXIST)
        status = bg_fail(error, BG_IO, "%s: cannot make the folder: %s", folder.text, strerror(errno));
    if (status == BG_OK)
        status = bg_offline_write(o, path.text, bg_writer_span(&task), error);
    bg_writer_finish(&task);
    if (status != BG_OK)
        return status;
    o->state.open = true;
    o->state.closed = false;
    return bg_offline_save(o, error);
}

/* The task must be the one that clients have. */
static enum bg_status reopen(struct bg_offline *o, struct bg_error *error)
{
    struct bg_writer task;
    uint8_t *bytes = NULL;
    size_t size = 0;
    bg_writer_init(&task);
    enum bg_status status = open_round(o, error, &task);
    struct bg_path path = bg_offline_round_path(o, "task");
    if (status == BG_OK)
        status = bg_file_read(path.text, BG_OFFLINE_FILE_LIMIT, error, &bytes, &size);
    if (status == BG_OK && !bg_span_equal(bg_writer_span(&task), (struct bg_span){bytes, size}))
        status = bg_fail(error, BG_CONFIG, "%s: the settings have changed since the round was opened: restore them",
                         path.text);
    bg_writer_finish(&task);
    free(bytes);
    return status;
}

/* Brings an accepted file to the root once more. */
static enum bg_status replay(struct bg_offline *o, const struct bg_path *path,
                             enum bg_status (*bring)(struct bg_offline *, struct bg_span, struct bg_error *),
                             struct bg_error *error)
{
    uint8_t *bytes;
    size_t size;
    if (!bg_offline_exists(path))
        return BG_OK;
    enum bg_status status = bg_file_read(path->text, BG_OFFLINE_FILE_LIMIT, error, &bytes, &size);
    if (status != BG_OK)
        return status;
    status = bring(o, (struct bg_span){bytes, size}, error);
    free(bytes);
    return status == BG_OK ? BG_OK : bg_fail_in(error, status, "%s: was accepted, but is not any more", path->text);
}

static enum bg_status replay_update(struct bg_offline *o, struct bg_span bytes, struct bg_error *error)
{
    struct bg_manifest manifest;
    return send_update(o, bytes, error, &manifest);
}

static enum bg_status replay_sums(struct bg_offline *o, struct bg_span bytes, struct bg_error *error)
{
    struct bg_sums sums;
    enum bg_status status = read_sums(bytes, error, &sums);
    return status == BG_OK ? bring_sums(o, bytes, &sums, error) : status;
}

enum bg_status bg_offline_replay_round(struct bg_offline *o, struct bg_error *error)
{
    const struct bg_groups *groups = bg_root_groups(o->root);
    enum bg_status status = reopen(o, error);
    for (size_t g = 0; status == BG_OK && g < groups->count; g++)
        for (uint32_t m = 0; status == BG_OK && m < groups->groups[g].member_count; m++) {
            struct bg_path path = update_path(o, o->round.round, &groups->groups[g].members[m]);
            status = replay(o, &path, replay_update, error);
        }
    if (status == BG_OK && o->state.closed)
        status = pass_deadline(o, error);
    for (uint32_t g = 0; status == BG_OK && g < groups->count; g++) {
        struct bg_path path = sums_path(o, o->round.round, g);
        status = replay(o, &path, replay_sums, error);
    }
    return status;
}

static enum bg_status write_model(struct bg_offline *o, struct bg_error *error)
{
    struct bg_path path = bg_offline_path(&o->settings, "model-%llu.safetensors", (unsigned long long)o->round.round);
    o->state.model_round = o->round.round;
    o->state.model = *bg_root_model_digest(o->root);
    return bg_offline_write(o, path.text, bg_root_model_file(o->root), error);
}

static enum bg_status write_receipt(struct bg_offline *o, struct bg_error *error)
{
    struct bg_writer round, receipt;
    struct bg_path path = bg_offline_round_path(o, "receipt");
    bg_writer_init(&round);
    bg_writer_init(&receipt);
    bg_write_u64(&round, o->round.round);
    enum bg_status status = bg_offline_ask(o, BG_ROUTE_RECEIPT, bg_identity_digest(o->identity),
                                           bg_writer_span(&round), error, &receipt);
    if (status == BG_OK)
        status = bg_offline_write(o, path.text, bg_writer_span(&receipt), error);
    bg_writer_finish(&round);
    bg_writer_finish(&receipt);
    return status;
}

enum bg_status bg_offline_settle(struct bg_offline *o, struct bg_error *error)
{
    if (!o->state.open || !o->round.ended)
        return BG_OK;
    enum bg_status status = o->round.outcome == BG_OK ? write_model(o, error) : BG_OK;
    if (status == BG_OK)
        status = write_receipt(o, error);
    if (status == BG_OK)
        status = bg_offline_renew_plan(o, error);
    if (status == BG_OK)
        status = bg_offline_checkpoint(o, error);
    if (status != BG_OK)
        return status;
    o->state.open = o->state.closed = false;
    return bg_offline_save(o, error);
}

void bg_offline_waiting(struct bg_offline *o, struct bg_error *ret_sentence)
{
    size_t releases = 0;
    for (const struct bg_errand *errand = o->key_holder.first; errand; errand = errand->next)
        releases++;
    if (o->state.stage == BG_EPOCH_ASKED)
        bg_fail(ret_sentence, BG_BUSY, "the key holder's answer to the request for epoch %llu",
                (unsigned long long)o->state.epoch);
    else if (!o->state.open)
        bg_fail(ret_sentence, BG_BUSY, "%s", o->state.stage == BG_EPOCH_NONE ? "the first epoch" : "the next round");
    else
        bg_fail(ret_sentence, BG_BUSY, "round %llu: the updates of %zu clients, the sums of %zu groups",
                (unsigned long long)o->round.round, count_awaited(o), releases);
}
