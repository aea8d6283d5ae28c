/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an aggregator must not forget, in DIR/state.db: SQLite with a write-ahead log, each transaction durable (fsync)
 * when its function returns. DIR/lock is held by the one process that writes. Damage is found when the file is opened
 * (structure) or when a value is read (its CRC-32C), never taken for content.
 *
 *   documents  what there is one of, by name: agreement with the key holder, roster, checkpoint
 *   rounds     each with its task, how it ended, and its receipt
 *   updates    of a round, in the order in which they were acknowledged; their bytes are blobs (store/blobs.h)
 *   sums       of a round's groups, as the key holder answered
 *   models     published ones, by digest; their bytes are blobs
 *
 * Errors name the file. BG_IO: cannot be read or written; where a disk is full, nothing of the transaction has
 * happened. BG_BAD_DIGEST: damaged. Outside a transaction every call is one of its own. One thread.
 */
#pragma once

#include "base/error.h"
#include "base/phase.h"
#include "base/span.h"

struct bg_database;

enum bg_database_mode {
    BG_DATABASE_OWN = 0, /* makes the folder's database if there is none */
    BG_DATABASE_READ,    /* beside its owner; nothing is locked, every writing call is BG_IO */
};

/* BG_BUSY names the process that has the folder; BG_BAD_VERSION: of a later version of burgee; BG_NOT_FOUND: no such
 * folder, or no database to read in it. Its memory does not grow with what it keeps: half a megabyte at most. */
BG_MUST_CHECK enum bg_status bg_database_open(const char *folder, enum bg_database_mode mode, struct bg_error *error,
                                              struct bg_database **ret_database);
/* An open transaction is abandoned. */
void bg_database_close(struct bg_database **database);

/* All that is written until the commit is durable with its BG_OK, or none of it ever. Not nested. */
BG_MUST_CHECK enum bg_status bg_database_begin(struct bg_database *database, struct bg_error *error);
BG_MUST_CHECK enum bg_status bg_database_commit(struct bg_database *database, struct bg_error *error);
void bg_database_abandon(struct bg_database *database);

/* ---- documents ---- */

BG_MUST_CHECK enum bg_status bg_database_set_document(struct bg_database *database, const char *name,
                                                      struct bg_span content, struct bg_error *error);
/* Appends it. BG_NOT_FOUND: there is none. */
BG_MUST_CHECK enum bg_status bg_database_document(struct bg_database *database, const char *name,
                                                  struct bg_error *error, struct bg_writer *ret_content);
/* BG_OK also where there is none. */
BG_MUST_CHECK enum bg_status bg_database_drop_document(struct bg_database *database, const char *name,
                                                       struct bg_error *error);

/* ---- rounds ---- */

struct bg_stored_round {
    uint64_t number;
    uint64_t epoch;
    uint32_t stage;
    bool closed;    /* takes no more updates */
    bool ended;     /* what follows holds */
    bool held;
    enum bg_status outcome;
    uint64_t opened_at, ended_at; /* ms since 1970, for people */
    uint64_t length_ns;
    uint64_t updates, invited, opened, used, invalid, refused, sat_out; /* the last six in groups */
    uint64_t update_bytes;  /* of all updates */
    uint64_t clients;       /* invited */
    uint64_t phases_ns[BG_PHASE_COUNT]; /* processor time */
    double margin;          /* of the rule; 0: it has none, or there was nothing to combine */
    struct bg_digest model; /* after it */
};

/* Anything but BG_OK ends the visit with that status. */
typedef enum bg_status bg_round_visit(void *context, const struct bg_stored_round *round);

/* Number, epoch, stage and opened_at of the round are read. BG_DUPLICATE: it is there. */
BG_MUST_CHECK enum bg_status bg_database_open_round(struct bg_database *database, const struct bg_stored_round *round,
                                                    struct bg_span task, struct bg_error *error);
BG_MUST_CHECK enum bg_status bg_database_close_round(struct bg_database *database, uint64_t number,
                                                     struct bg_error *error);
/* Number and what follows `ended` are read. */
BG_MUST_CHECK enum bg_status bg_database_end_round(struct bg_database *database, const struct bg_stored_round *round,
                                                   struct bg_span receipt, struct bg_error *error);
/* Ascending, from round `first` on. */
BG_MUST_CHECK enum bg_status bg_database_rounds(struct bg_database *database, uint64_t first, bg_round_visit *visit,
                                                void *context, struct bg_error *error);
/* Append. BG_NOT_FOUND: no such round, or its receipt is not there yet or any more. */
BG_MUST_CHECK enum bg_status bg_database_task(struct bg_database *database, uint64_t number, struct bg_error *error,
                                              struct bg_writer *ret_task);
BG_MUST_CHECK enum bg_status bg_database_receipt(struct bg_database *database, uint64_t number, struct bg_error *error,
                                                 struct bg_writer *ret_receipt);
/* Tasks and receipts of rounds before `number` are forgotten; the rounds stay. */
BG_MUST_CHECK enum bg_status bg_database_drop_frames(struct bg_database *database, uint64_t number,
                                                     struct bg_error *error);

/* ---- updates ---- */

struct bg_stored_update {
    uint64_t round;
    struct bg_digest client;
    struct bg_digest blob;
    uint64_t size;
    bool kept; /* its bytes are still there */
};

typedef enum bg_status bg_update_visit(void *context, const struct bg_stored_update *update);

/* BG_DUPLICATE: this client has one in the round. */
BG_MUST_CHECK enum bg_status bg_database_add_update(struct bg_database *database,
                                                    const struct bg_stored_update *update, struct bg_error *error);
/* In the order in which they were added; UINT64_MAX: kept ones of all rounds. */
BG_MUST_CHECK enum bg_status bg_database_updates(struct bg_database *database, uint64_t round,
                                                 bg_update_visit *visit, void *context, struct bg_error *error);
/* One whose bytes turned out to be damaged was never there. */
BG_MUST_CHECK enum bg_status bg_database_drop_update(struct bg_database *database, uint64_t round,
                                                     const struct bg_digest *client, struct bg_error *error);
/* Those of rounds before `round` are no longer kept; their rows stay, as what the models were made from. Remove the
 * blobs afterwards (bg_blobs_sweep). */
BG_MUST_CHECK enum bg_status bg_database_release_updates(struct bg_database *database, uint64_t round,
                                                         struct bg_error *error);

/* Rows of rounds before `round` that are no longer kept are forgotten. */
BG_MUST_CHECK enum bg_status bg_database_drop_lineage(struct bg_database *database, uint64_t round,
                                                      struct bg_error *error);

/* ---- sums ---- */

/* BG_OK for the same content once more, BG_DUPLICATE for another one. */
BG_MUST_CHECK enum bg_status bg_database_add_sums(struct bg_database *database, uint64_t round, uint32_t group,
                                                  struct bg_span sums, struct bg_error *error);
/* Appends them. BG_NOT_FOUND. */
BG_MUST_CHECK enum bg_status bg_database_sums(struct bg_database *database, uint64_t round, uint32_t group,
                                              struct bg_error *error, struct bg_writer *ret_sums);
BG_MUST_CHECK enum bg_status bg_database_drop_sums(struct bg_database *database, uint64_t before_round,
                                                   struct bg_error *error);

/* ---- models ---- */

struct bg_stored_model {
    struct bg_digest digest;
    uint64_t round;          /* that made it; 0: the initial one */
    struct bg_digest parent; /* zero: none */
    uint64_t size;
    uint64_t made_at;        /* ms since 1970 */
};

typedef enum bg_status bg_model_visit(void *context, const struct bg_stored_model *model);

/* BG_OK for one that is there. */
BG_MUST_CHECK enum bg_status bg_database_add_model(struct bg_database *database, const struct bg_stored_model *model,
                                                   struct bg_error *error);
/* Ascending by round. */
BG_MUST_CHECK enum bg_status bg_database_models(struct bg_database *database, bg_model_visit *visit, void *context,
                                                struct bg_error *error);
BG_MUST_CHECK enum bg_status bg_database_model(struct bg_database *database, const struct bg_digest *digest,
                                               struct bg_error *error, struct bg_stored_model *ret_model);
/* All but the latest `keep` are forgotten. */
BG_MUST_CHECK enum bg_status bg_database_drop_models(struct bg_database *database, uint64_t keep,
                                                     struct bg_error *error);
