/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The root on files: the same object as on a network (aggregator/root.h), whose messages are files that people carry,
 * and whose state is a folder. One verb of a program opens the folder, does one step and lets go of it.
 *
 *   config.json               settings, as they were at init; codec.* and training.* may be edited between epochs,
 *                             others and the learning rate between rounds
 *   identity.secret, identity.point, sealing.secret, keyholder.point      who signs, and whom the root believes
 *   state                     what changes (aggregator/offline_state.h)
 *   model-R.safetensors       the model that round R made; R = 0: the initial one
 *   plan, groups              frames of the epoch, for clients (the plan for the key holder, too; again after a round
 *                             of statistics that changed how many inputs the model takes)
 *   round-R/task              frame for the invited clients
 *   round-R/CLIENT.update     accepted updates
 *   round-R/group-G.release   for the key holder: a complete group to open
 *   round-R/group-G.sums      its accepted answers
 *   round-R/receipt           frame for all clients: how the round ended
 *
 * A process that opens the folder in the middle of a round goes through the round again from the accepted files. An
 * interrupted verb is as if it had not been called, or as if it had ended; repeating it does no harm.
 */
#pragma once

#include "aggregator/config.h"

struct bg_json;
struct bg_offline;

/* How a round ended, or where it stands. */
struct bg_offline_round {
    uint64_t round;
    enum bg_task_stage stage;
    bool ended;
    bool held;              /* ended without a step: the groups contradict each other */
    enum bg_status outcome; /* BG_OK: committed */
    size_t invited, opened, used, invalid, refused, sat_out; /* groups */
    double margin;          /* of the rule; 0 where none was applied */
};

struct bg_offline_settings {
    const char *folder;
    const struct bg_aggregator_config *config; /* borrowed during create */
    void (*wrote)(void *context, const char *path);                 /* a file is there for somebody; may be NULL */
    void (*warn)(void *context, const struct bg_error *error);      /* a group could not be used; may be NULL */
    void *context;
};

/* Whom the root believes, before the first epoch. */
struct bg_offline_trust {
    const char *key_holder_file;             /* its point */
    struct bg_digest commitment;             /* to its first nonce */
};

/* Makes a folder: keys, initial model, state. BG_INVALID where a root lives there already; what the configuration, the
 * model file or the data set give. An interrupted call can be repeated. Without `trust` (NULL) the folder has no state
 * yet: bg_offline_believe comes later. */
BG_MUST_CHECK enum bg_status bg_offline_init(const struct bg_offline_settings *settings,
                                             const struct bg_offline_trust *trust, struct bg_error *error);
/* Whom a root believes that was made without, or believes from now on, before its first epoch: BG_INVALID later;
 * BG_NOT_FOUND: no root was made here. */
BG_MUST_CHECK enum bg_status bg_offline_believe(const struct bg_offline_settings *settings,
                                                const uint8_t key_holder[static BG_PUBLIC_POINT_BYTES],
                                                const struct bg_digest *commitment, struct bg_error *error);
/* What a root begins with that is not worked by hand: its initial model's file (free() it) and the commitment.
 * BG_INVALID: it has had an epoch on files; BG_NOT_FOUND: no root was made here, or believes nobody yet. */
BG_MUST_CHECK enum bg_status bg_offline_origin(const char *folder, struct bg_error *error, uint8_t **ret_model,
                                               size_t *ret_size, struct bg_digest *ret_commitment);

/* Opens a folder. BG_INVALID: its root is on a network (aggregator/service.h); BG_BUSY while another process has it;
 * BG_CONFIG where the settings no longer make the task of the open round. */
BG_MUST_CHECK enum bg_status bg_offline_create(const struct bg_offline_settings *settings, struct bg_error *error,
                                               struct bg_offline **ret_offline);
void bg_offline_destroy(struct bg_offline **offline);

/* Puts a client's point file on the roster, for the next epoch. BG_DUPLICATE: enrolled in another cell. In the same
 * cell it is BG_OK, and nothing changes. */
BG_MUST_CHECK enum bg_status bg_offline_enrol(struct bg_offline *offline, const char *point_file, const char *cell,
                                              struct bg_error *error);
/* Writes the request for the next epoch; once more the same one while it has not been answered. BG_BUSY while a round
 * is open. */
BG_MUST_CHECK enum bg_status bg_offline_ask_epoch(struct bg_offline *offline, const char *request_file,
                                                  struct bg_error *error);
/* Takes the key holder's answer; writes plan and groups. BG_OK for the one that was taken before. */
BG_MUST_CHECK enum bg_status bg_offline_accept_epoch(struct bg_offline *offline, const char *answer_file,
                                                     struct bg_error *error);
/* Opens the next round and writes its task. BG_CONFIG where the settings no longer make the plan of the epoch. */
BG_MUST_CHECK enum bg_status bg_offline_open_round(struct bg_offline *offline, struct bg_error *error);
/* Takes one client's update: its manifest frame and all its block frames. Writes the releases of groups that it
 * completes. The file is named in every refusal. BG_OK for one that was accepted before, also when its round has ended;
 * *ret_news is false then. */
BG_MUST_CHECK enum bg_status bg_offline_fold(struct bg_offline *offline, const char *update_file,
                                             struct bg_error *error, struct bg_digest *ret_client, bool *ret_news);
/* The deadline of the open round has passed: groups that may be opened without all members are released. */
BG_MUST_CHECK enum bg_status bg_offline_close_round(struct bg_offline *offline, struct bg_error *error);
/* Takes the key holder's answer to one release. BG_OK for one that was taken before, also when its round has ended. */
BG_MUST_CHECK enum bg_status bg_offline_take_sums(struct bg_offline *offline, const char *sums_file,
                                                  struct bg_error *error);
/* Groups whose release has no answer sit the round out. BG_INVALID while updates may still come: close the round. */
BG_MUST_CHECK enum bg_status bg_offline_give_up(struct bg_offline *offline, struct bg_error *error);
/* Last call of every verb that works on a round: writes model, receipt and state if the round has ended. */
BG_MUST_CHECK enum bg_status bg_offline_settle(struct bg_offline *offline, struct bg_error *error);

/* Of the open round, or of the one that ended in this process; round 0 if there is none. */
const struct bg_offline_round *bg_offline_round(const struct bg_offline *offline);
/* One sentence on what the open round waits for. */
void bg_offline_waiting(struct bg_offline *offline, struct bg_error *ret_sentence);
/* Population, epoch, roster, model and round, into an object. */
void bg_offline_show(struct bg_offline *offline, struct bg_json *object);
