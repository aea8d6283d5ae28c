/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a root on a network must not forget, in its folder, and how it comes back from there:
 *
 *   state.db   the agreement with the key holder, the checkpoint of the last round that ended, each round with its
 *              task, updates, sums and receipt, and the line of models (store/database.h)
 *   models/    published models, by their digests
 *   updates/   updates of the latest rounds as they were sent, each by the digest of its manifest's frame
 *
 * It stands on both sides of the root: it is the root's `keep` and `keep_update` (aggregator/keeping.h), and a
 * transport between the root and its key holder that answers what was answered before. Updates that arrive together
 * become durable together. A process that ends at any moment goes on from here as if it had not: the same round, with
 * every update that was acknowledged.
 *
 *   bg_memory_open ─▶ bg_memory_begin, the first time ─▶ bg_memory_prepare ─▶ bg_root_create ─▶ bg_memory_resume
 *                  ─▶ resumed
 */
#pragma once

#include "aggregator/root.h"
#include "store/blobs.h"
#include "store/database.h"

struct bg_memory;

struct bg_memory_settings {
    const char *folder;              /* copied */
    uint64_t update_rounds;          /* ended rounds whose updates stay; 0: none */
    uint64_t models;                 /* latest that stay, at least 2, and rounds whose updates are still named;
                                      * 0: all */
    struct bg_transport *key_holder; /* kept: where questions without a kept answer go */
    /* Later, on this thread and in order. */
    enum bg_status (*post)(void *owner, void (*run)(void *argument), void *argument);
    void (*enter)(void *owner); /* around what is done to the root */
    void (*leave)(void *owner);
    /* The file that these bytes are a mapping of, whole and synced, so that it need not be written again; NULL: none.
     * May be NULL itself. */
    const char *(*file_of)(const struct bg_held_bytes *held);
    /* An update is durable, and its client hears of it next. May be NULL. */
    void (*kept)(void *owner, const struct bg_kept_update *update);
    /* Processor time of the running round's arithmetic, kept with its end. May be NULL: not known. */
    void (*phases)(void *owner, uint64_t ret_ns[static BG_PHASE_COUNT]);
    /* All that was kept is back, and the root is where it was; or it cannot be: BG_CONFIG where the settings no longer
     * make the task of the open round, BG_BAD_DIGEST for damage. Once per bg_memory_resume. */
    void (*resumed)(void *owner, enum bg_status status, const struct bg_error *error);
    /* An update that had been acknowledged is damaged; it was set aside, and its round goes on without it. May be
     * NULL. */
    void (*warn)(void *owner, const struct bg_error *error);
    void *owner;
};

/* Copies settings; opens the folder as its only owner and removes what was left half-done. Errors of bg_database_open
 * and bg_blobs_open. */
BG_MUST_CHECK enum bg_status bg_memory_open(const struct bg_memory_settings *settings, struct bg_error *error,
                                            struct bg_memory **ret_memory);
/* After the root was destroyed, if it was. Nothing that was posted may be run afterwards. */
void bg_memory_close(struct bg_memory **memory);

/* Whether no root has lived here yet. */
bool bg_memory_fresh(const struct bg_memory *memory);
/* Only then: the file of the initial model, and the commitment to the key holder's first nonce. */
BG_MUST_CHECK enum bg_status bg_memory_begin(struct bg_memory *memory, struct bg_span model,
                                             const struct bg_digest *commitment, struct bg_error *error);
/* The model to start from; finish it. BG_BAD_DIGEST. */
BG_MUST_CHECK enum bg_status bg_memory_model(struct bg_memory *memory, struct bg_error *error,
                                             struct bg_mapping *ret_model);

/* Sets keep, keep_update and their context, first_commitment, and wraps random. */
void bg_memory_prepare(struct bg_memory *memory, struct bg_root_settings *settings);
/* What the root asks its key holder through. */
struct bg_transport *bg_memory_transport(struct bg_memory *memory);
/* Brings a root fresh from creation, which is kept, to where the last one was. It ends in `resumed`; until then nothing
 * else may ask the root. */
BG_MUST_CHECK enum bg_status bg_memory_resume(struct bg_memory *memory, struct bg_root *root, struct bg_error *error);
/* From the root's `observe`. */
void bg_memory_observe(struct bg_memory *memory, const struct bg_root_notice *notice);

/* Whether no update waits to become durable, of which the root would have to hear before it is destroyed. */
bool bg_memory_idle(const struct bg_memory *memory);

/* Durable updates of the round that runs or ran last. */
struct bg_memory_updates {
    uint64_t count, bytes;
};
struct bg_memory_updates bg_memory_round_updates(const struct bg_memory *memory);

/* For lists of rounds, models and documents of the owner's; borrowed. */
struct bg_database *bg_memory_database(struct bg_memory *memory);
struct bg_blobs *bg_memory_models(struct bg_memory *memory);
/* Whether the last thing to be kept was. */
bool bg_memory_writes(const struct bg_memory *memory);
