/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What offline.c (the folder and the driver of the root in it), offline_init.c, offline_epoch.c and offline_round.c
 * share. For no other file.
 */
#pragma once

#include "aggregator/courier.h"
#include "aggregator/offline.h"
#include "aggregator/offline_state.h"
#include "net/loopback.h"

#define BG_OFFLINE_PATH_BYTES 4096
#define BG_OFFLINE_FOLDER_BYTES 3800 /* what a folder's name may take of it */
#define BG_OFFLINE_FILE_LIMIT ((size_t)1 << 30)

struct bg_path {
    char text[BG_OFFLINE_PATH_BYTES];
};

/* A delivery that the loopback has posted. */
struct bg_offline_post {
    void (*run)(void *argument);
    void *argument;
    struct bg_offline_post *next;
};

struct bg_offline {
    struct bg_offline_settings settings;
    struct bg_aggregator_config config;
    int lock;
    struct bg_identity *identity;
    struct bg_sealing_key *sealing_key;
    struct bg_offline_state state;
    struct bg_root *root;
    uint64_t now;
    struct bg_courier key_holder;
    struct bg_loopback clients;
    struct bg_offline_post *first, *last;
    bool repeat_nonce;     /* the next 32 random bytes are the epoch's nonce */
    bool new_plan;         /* the root has signed another one since it agreed on the epoch */
    bool replaying;        /* nothing happens for the first time */
    bool failed;           /* the root could not do something: error */
    struct bg_error error; /* of the last refusal or failure */
    struct bg_offline_round round;
};

/* "folder/…" */
struct bg_path bg_offline_path(const struct bg_offline_settings *settings, const char *format, ...) BG_PRINTF(2, 3);
/* "folder/round-R/…" of the open round. */
struct bg_path bg_offline_round_path(const struct bg_offline *offline, const char *format, ...) BG_PRINTF(2, 3);
bool bg_offline_exists(const struct bg_path *path);
/* Writes, then tells. */
BG_MUST_CHECK enum bg_status bg_offline_write(struct bg_offline *offline, const char *path, struct bg_span content,
                                              struct bg_error *error);
BG_MUST_CHECK enum bg_status bg_offline_save(struct bg_offline *offline, struct bg_error *error);

/* Runs work and deliveries until nothing is left to do. */
void bg_offline_pump(struct bg_offline *offline);
/* A client's request to the root, answered. `ret_reply` may be NULL; the caller finishes it, also after a failure. */
BG_MUST_CHECK enum bg_status bg_offline_ask(struct bg_offline *offline, enum bg_route route,
                                            const struct bg_digest *peer, struct bg_span body,
                                            struct bg_error *error, struct bg_writer *ret_reply);
/* Sets the checkpoint to the root as it is between rounds. */
BG_MUST_CHECK enum bg_status bg_offline_checkpoint(struct bg_offline *offline, struct bg_error *error);

/* offline_epoch.c: brings the answer of the key holder to the root that has asked. */
BG_MUST_CHECK enum bg_status bg_offline_agree(struct bg_offline *offline, struct bg_span answer,
                                              struct bg_error *error);
/* Where the round that has ended changed the tensors of the model, the root has signed another plan of the epoch: it is
 * written in the place of the one before. */
BG_MUST_CHECK enum bg_status bg_offline_renew_plan(struct bg_offline *offline, struct bg_error *error);
/* BG_CONFIG unless the settings make the plan that clients and key holder have. */
BG_MUST_CHECK enum bg_status bg_offline_check_plan(struct bg_offline *offline, struct bg_error *error);

/* offline_round.c: opens the round of the state again and goes through what was accepted. */
BG_MUST_CHECK enum bg_status bg_offline_replay_round(struct bg_offline *offline, struct bg_error *error);
