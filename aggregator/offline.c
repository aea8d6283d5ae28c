/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/offline.h"

#include "aggregator/checkpoint.h"
#include "aggregator/offline_parts.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "crypto/identity_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* ---- files ---- */

struct bg_path bg_offline_path(const struct bg_offline_settings *settings, const char *format, ...)
{
    struct bg_path path;
    va_list arguments;
    int size = snprintf(path.text, sizeof path.text, "%.*s/", BG_OFFLINE_FOLDER_BYTES, settings->folder);
    va_start(arguments, format);
    vsnprintf(path.text + size, sizeof path.text - (size_t)size, format, arguments);
    va_end(arguments);
    return path;
}

struct bg_path bg_offline_round_path(const struct bg_offline *offline, const char *format, ...)
{
    char name[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    return bg_offline_path(&offline->settings, "round-%llu/%s", (unsigned long long)offline->round.round, name);
}

bool bg_offline_exists(const struct bg_path *path)
{
    return access(path->text, F_OK) == 0;
}

enum bg_status bg_offline_write(struct bg_offline *offline, const char *path, struct bg_span content,
                                struct bg_error *error)
{
    enum bg_status status = bg_file_write(path, content, 0644, error);
    if (status == BG_OK && offline->settings.wrote)
        offline->settings.wrote(offline->settings.context, path);
    return status;
}

enum bg_status bg_offline_save(struct bg_offline *offline, struct bg_error *error)
{
    struct bg_path path = bg_offline_path(&offline->settings, "state");
    return bg_offline_state_save(&offline->state, path.text, error);
}

/* ---- the driver ---- */

static uint64_t no_delay(void *owner, const struct bg_request *request, size_t bytes, int upward)
{
    (void)owner;
    (void)request;
    (void)bytes;
    (void)upward;
    return 0;
}

static enum bg_status post(void *owner, uint64_t delay_ns, void (*run)(void *argument), void *argument)
{
    struct bg_offline *o = owner;
    struct bg_offline_post *delivery = malloc(sizeof *delivery);
    (void)delay_ns;
    if (!delivery)
        return BG_NO_MEMORY;
    *delivery = (struct bg_offline_post){run, argument, NULL};
    if (o->last)
        o->last->next = delivery;
    else
        o->first = delivery;
    o->last = delivery;
    return BG_OK;
}

void bg_offline_pump(struct bg_offline *o)
{
    for (;;) {
        struct bg_work *work = bg_root_work(o->root);
        struct bg_offline_post *delivery = o->first;
        /* A plan leaves as a file: nobody here waits for what the key holder says of it. */
        struct bg_errand *plan = bg_courier_find(&o->key_holder, BG_ROUTE_SIGNED_PLAN);
        if (work) {
            work->job.run(&work->job);
            bg_root_tick(o->root, o->now);
            work->job.done(&work->job);
        } else if (delivery) {
            o->first = delivery->next;
            if (!o->first)
                o->last = NULL;
            bg_root_tick(o->root, o->now);
            delivery->run(delivery->argument);
            free(delivery);
        } else if (plan) {
            bg_courier_answer(&o->key_holder, plan, BG_OK, (struct bg_span){NULL, 0});
        } else if (bg_root_plan_due(o->root)) {
            bg_root_tick(o->root, o->now);
        } else {
            return;
        }
    }
}

struct answer {
    bool here;
    enum bg_status status;
    struct bg_writer *reply;
};

static void on_reply(void *context, enum bg_status status, struct bg_span reply)
{
    struct answer *answer = context;
    answer->here = true;
    answer->status = status;
    if (answer->reply) {
        bg_write_bytes(answer->reply, reply.data, reply.size);
        if (status == BG_OK)
            answer->status = answer->reply->status;
    }
}

enum bg_status bg_offline_ask(struct bg_offline *o, enum bg_route route, const struct bg_digest *peer,
                              struct bg_span body, struct bg_error *error, struct bg_writer *ret_reply)
{
    struct bg_request request = {.route = route, .peer = *peer, .body = body};
    struct answer answer = {.reply = ret_reply};
    o->error = (struct bg_error){BG_OK, ""};
    enum bg_status status = bg_transport_send(&o->clients.transport, &request, on_reply, &answer);
    if (status != BG_OK)
        return bg_fail(error, status, "out of memory");
    bg_offline_pump(o);
    status = answer.here ? answer.status : BG_BUSY;
    if (status != BG_OK)
        bg_fail(error, status, "%s", o->error.status == status ? o->error.text : bg_status_text(status));
    return status;
}

/* ---- what the root tells ---- */

static void note_end(struct bg_offline *o, const struct bg_root_notice *notice)
{
    const struct bg_round *state = notice->state;
    struct bg_offline_round *round = &o->round;
    *round = (struct bg_offline_round){.round = notice->round,
                                       .stage = notice->stage,
                                       .ended = true,
                                       .held = state->held,
                                       .outcome = state->outcome,
                                       .invited = state->invited,
                                       .opened = bg_round_count(state, BG_GROUP_OPENED),
                                       .invalid = bg_round_count(state, BG_GROUP_INVALID),
                                       .refused = bg_round_count(state, BG_GROUP_REFUSED),
                                       .sat_out = bg_round_count(state, BG_GROUP_SAT_OUT)};
    if (!notice->combination)
        return;
    round->margin = notice->combination->rule.margin;
    for (size_t g = 0; g < round->opened && round->outcome == BG_OK; g++)
        round->used += notice->combination->used[g];
}

static void observe(void *context, const struct bg_root_notice *notice)
{
    struct bg_offline *o = context;
    switch (notice->kind) {
    case BG_ROOT_NOTICE_EPOCH:
        o->new_plan = true;
        return;
    case BG_ROOT_NOTICE_OPENED:
        return;
    case BG_ROOT_NOTICE_REFUSED:
    case BG_ROOT_NOTICE_NAMED:
        o->error = *notice->error;
        return;
    case BG_ROOT_NOTICE_GROUP:
        o->error = *notice->error;
        bg_fail_in(&o->error, o->error.status, "group %u", notice->group);
        o->failed |= o->error.status != BG_OUT_OF_RANGE;
        if (o->settings.warn && !o->replaying)
            o->settings.warn(o->settings.context, &o->error);
        return;
    case BG_ROOT_NOTICE_ENDED:
        note_end(o, notice);
        return;
    case BG_ROOT_NOTICE_FAILED:
        o->error = *notice->error;
        o->failed = true;
        return;
    }
}

/* The nonce of an epoch that was asked for before must come again. */
static enum bg_status fill(void *context, void *data, size_t size)
{
    struct bg_offline *o = context;
    struct bg_random system = bg_random_system();
    if (!o->repeat_nonce || size != sizeof o->state.nonce)
        return bg_random_fill(&system, data, size);
    memcpy(data, &o->state.nonce, size);
    o->repeat_nonce = false;
    return BG_OK;
}

enum bg_status bg_offline_checkpoint(struct bg_offline *o, struct bg_error *error)
{
    bg_writer_finish(&o->state.checkpoint);
    bg_checkpoint_write(o->root, &o->state.checkpoint);
    return o->state.checkpoint.status == BG_OK ? BG_OK : bg_fail(error, BG_NO_MEMORY, "checkpoint: out of memory");
}

/* ---- opening a folder ---- */

static enum bg_status take_lock(struct bg_offline *o, struct bg_error *error)
{
    struct bg_path path = bg_offline_path(&o->settings, "state.db");
    if (bg_offline_exists(&path))
        return bg_fail(error, BG_INVALID, "%s: its root is on a network (burgee-aggregator serve): nothing can be done "
                                          "by hand with it", o->settings.folder);
    path = bg_offline_path(&o->settings, "state");
    o->lock = open(path.text, O_RDONLY | O_CLOEXEC);
    if (o->lock < 0)
        return bg_fail(error, errno == ENOENT ? BG_NOT_FOUND : BG_IO,
                       "%s: no root lives here, or it believes no key holder yet: run init, or enrol, first",
                       o->settings.folder);
    /* The folder, not the file: that one is replaced. */
    close(o->lock);
    o->lock = open(o->settings.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (o->lock < 0 || flock(o->lock, LOCK_EX | LOCK_NB) != 0)
        return bg_fail(error, o->lock >= 0 && errno == EWOULDBLOCK ? BG_BUSY : BG_IO,
                       "%s: in use by another process", o->settings.folder);
    return BG_OK;
}

static enum bg_status load_keys(struct bg_offline *o, struct bg_error *error,
                                uint8_t ret_key_holder[static BG_PUBLIC_POINT_BYTES])
{
    struct bg_path path = bg_offline_path(&o->settings, "identity.secret");
    enum bg_status status = bg_identity_load(path.text, error, &o->identity);
    path = bg_offline_path(&o->settings, "sealing.secret");
    if (status == BG_OK)
        status = bg_sealing_key_load(path.text, error, &o->sealing_key);
    path = bg_offline_path(&o->settings, "keyholder.point");
    return status == BG_OK ? bg_point_load(BG_POINT_IDENTITY, path.text, error, ret_key_holder) : status;
}

static enum bg_status make_root(struct bg_offline *o, const struct bg_model_card *card,
                                const uint8_t key_holder[static BG_PUBLIC_POINT_BYTES], struct bg_error *error)
{
    struct bg_root_settings settings = {.identity = o->identity,
                                        .sealing_key = o->sealing_key,
                                        .key_holder_transport = &o->key_holder.transport,
                                        .first_commitment = o->state.commitment,
                                        .random = {.fill = fill, .context = o},
                                        .initial = *card,
                                        .retry_ns = BG_SECOND,
                                        .observe = observe,
                                        .observe_context = o};
    memcpy(settings.key_holder, key_holder, sizeof settings.key_holder);
    bg_aggregator_config_apply(&o->config, &settings);
    settings.audit = false; /* people carry releases and sums */
    enum bg_status status = bg_population_set(&settings.population, o->config.population);
    if (status == BG_OK)
        status = bg_root_create(&settings, o->now, error, &o->root);
    if (status != BG_OK)
        return status;
    bg_loopback_init(&o->clients, bg_root_serve, o->root, no_delay, post, o, 0);
    return BG_OK;
}

static enum bg_status load_model(struct bg_offline *o, struct bg_error *error)
{
    uint8_t key_holder[BG_PUBLIC_POINT_BYTES];
    struct bg_model_file model;
    enum bg_status status = load_keys(o, error, key_holder);
    if (status != BG_OK)
        return status;
    struct bg_path path =
        bg_offline_path(&o->settings, "model-%llu.safetensors", (unsigned long long)o->state.model_round);
    status = bg_model_load(path.text, error, &model);
    if (status != BG_OK)
        return status;
    status = make_root(o, &model.card, key_holder, error);
    bg_model_file_finish(&model);
    if (status == BG_OK && !bg_digest_equal(bg_root_model_digest(o->root), &o->state.model))
        status = bg_fail(error, BG_BAD_DIGEST, "%s: not the model that round %llu made", path.text,
                         (unsigned long long)o->state.model_round);
    return status;
}

/* Brings a fresh root to where the state says. */
static enum bg_status resume(struct bg_offline *o, struct bg_error *error)
{
    struct bg_reader r;
    enum bg_status status = BG_OK;
    bg_reader_init(&r, bg_writer_span(&o->state.checkpoint));
    if (o->state.checkpoint.size)
        status = bg_checkpoint_restore(o->root, o->state.epoch - 1, &r, error);
    for (size_t i = 0; status == BG_OK && i < o->state.epoch_clients; i++)
        status = bg_root_enrol(o->root, &o->state.clients[i], error);
    if (status != BG_OK || o->state.stage == BG_EPOCH_NONE)
        return status;
    o->repeat_nonce = true;
    status = bg_root_begin_epoch(o->root, error);
    if (status != BG_OK || o->state.stage == BG_EPOCH_ASKED)
        return status;
    status = bg_offline_agree(o, bg_writer_span(&o->state.answer), error);
    if (status == BG_OK)
        status = bg_checkpoint_restore_groups(o->root, &r, error);
    if (status == BG_OK && o->state.open)
        status = bg_offline_replay_round(o, error);
    /* Where the process was stopped between the last message of a round and its end. */
    return status == BG_OK ? bg_offline_settle(o, error) : status;
}

enum bg_status bg_offline_create(const struct bg_offline_settings *settings, struct bg_error *error,
                                 struct bg_offline **ret_offline)
{
    if (strlen(settings->folder) > BG_OFFLINE_FOLDER_BYTES)
        return bg_fail(error, BG_INVALID, "the folder's name is longer than %d bytes", BG_OFFLINE_FOLDER_BYTES);
    struct bg_offline *o = calloc(1, sizeof *o);
    if (!o)
        return bg_fail(error, BG_NO_MEMORY, "%s: out of memory", settings->folder);
    o->settings = *settings;
    o->config = *settings->config;
    o->lock = -1;
    bg_courier_init(&o->key_holder);
    bg_offline_state_init(&o->state);
    struct bg_path path = bg_offline_path(settings, "state");
    enum bg_status status = bg_aggregator_config_check(&o->config, error);
    if (status == BG_OK)
        status = take_lock(o, error);
    if (status == BG_OK)
        status = bg_offline_state_load(path.text, error, &o->state);
    if (status == BG_OK)
        status = load_model(o, error);
    o->replaying = true;
    if (status == BG_OK)
        status = resume(o, error);
    if (status != BG_OK) {
        bg_offline_destroy(&o);
        return status;
    }
    o->replaying = false;
    *ret_offline = o;
    return BG_OK;
}

void bg_offline_destroy(struct bg_offline **offline)
{
    struct bg_offline *o = *offline;
    if (!o)
        return;
    bg_courier_finish(&o->key_holder);
    bg_root_destroy(&o->root);
    bg_sealing_key_destroy(&o->sealing_key);
    bg_identity_destroy(&o->identity);
    bg_offline_state_finish(&o->state);
    if (o->lock >= 0)
        close(o->lock);
    free(o);
    *offline = NULL;
}

/* ---- what there is ---- */

const struct bg_offline_round *bg_offline_round(const struct bg_offline *o)
{
    return &o->round;
}

void bg_offline_show(struct bg_offline *o, struct bg_json *object)
{
    static const char *const stages[] = {"none", "asked", "agreed"};
    const struct bg_groups *groups = bg_root_groups(o->root);
    bg_json_add_string(object, "population", o->config.population);
    bg_json_add_digest(object, "identity", bg_identity_digest(o->identity));
    bg_json_add_u64(object, "clients", o->state.client_count);
    bg_json_add_u64(object, "epoch", o->state.epoch);
    bg_json_add_string(object, "epoch_stage", stages[o->state.stage]);
    bg_json_add_u64(object, "epoch_clients", o->state.epoch_clients);
    bg_json_add_u64(object, "groups", groups ? groups->count : 0);
    bg_json_add_u64(object, "model_round", o->state.model_round);
    bg_json_add_digest(object, "model", &o->state.model);
    bg_json_add_u64(object, "open_round", o->state.open ? o->round.round : 0);
    bg_json_add_bool(object, "closed", o->state.closed);
    struct bg_error sentence;
    bg_offline_waiting(o, &sentence);
    bg_json_add_string(object, "waiting_for", sentence.text);
}
