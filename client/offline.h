/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client on files: one call makes one update from documents that somebody carried here, another reads the receipt.
 * In between, and from round to round, a folder holds what the client owes to its residual (client/device_state.h). The
 * checks, the training and the encryption are those of the client on a network.
 */
#pragma once

#include "base/error.h"
#include "client/device_state.h"
#include "client/filling.h"
#include "client/jobs.h"
#include "client/local_data.h"

/* Everything is borrowed. */
struct bg_device_settings {
    const char *folder; /* made if it does not exist */
    const struct bg_identity *identity;
    const uint8_t *key_holder, *root; /* points; BG_PUBLIC_POINT_BYTES */
    const char *population;           /* "": whichever both signed for */
    struct bg_key_ring *keys;
    const struct bg_random *random;
    bool fills_pool;                  /* computes masks while it trains, on another processor if there is one */
    uint64_t seed;                    /* of the order of minibatches */
    struct bg_dataset_settings data;  /* label_map "": the plan's */
    void (*progress)(void *context, const char *what); /* what begins now; may be NULL */
    void *context;
};

/* Paths of what the root handed out, and of the update to write: a manifest frame, then its blocks. */
struct bg_device_files {
    const char *plan, *groups, *task, *model, *update;
};

struct bg_device_report {
    uint64_t round;
    uint32_t attempt;
    enum bg_task_stage stage;
    bool insecure; /* made with a test key */
    bool again;    /* made before: missed, rows and loss are 0 */
    struct bg_seat seat;
    uint64_t missed; /* rounds since the last update */
    size_t rows;
    double loss;
    size_t positions;
    size_t bytes;
    double bits_per_coordinate;
};

/* Makes the update of a task, or hands over again the one that is out for it. Errors name the file or the setting.
 * BG_DUPLICATE: an update of this round was made for another task or has its receipt, and pads are never used twice.
 * BG_BUSY: another process, or an earlier update whose receipt was not read yet. BG_REFUSED: the folder is of another
 * client, or of one that believes others. After an error nothing has changed, unless it names the update's file: call
 * again then. */
BG_MUST_CHECK enum bg_status bg_device_update(const struct bg_device_settings *settings,
                                              const struct bg_device_files *files, struct bg_error *error,
                                              struct bg_device_report *ret_report);

/* Commits or folds back the update that is out. `receipt` NULL: there will be none, fold back. BG_NOT_FOUND: no update
 * is out; BG_WRONG_ROUND, BG_STALE_PLAN: a receipt of another; after an error nothing has changed. */
BG_MUST_CHECK enum bg_status bg_device_settle(const char *folder, const char *receipt, struct bg_error *error,
                                              uint64_t *ret_round, bool *ret_used);
