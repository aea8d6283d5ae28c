/* SPDX-License-Identifier: Apache-2.0 */
/* What memory.c (opening and keeping), memory_recall.c (documents, the transport) and memory_resume.c (giving back)
 * share. For no other file. */
#pragma once

#include "aggregator/memory.h"
#include "protocol/partition.h"

enum bg_agreement_stage {
    BG_AGREEMENT_NONE = 0, /* before the first epoch */
    BG_AGREEMENT_ASKED,    /* the request may have left */
    BG_AGREEMENT_MADE,
};

/* With the key holder on the latest epoch. Document "agreement":
 *   u64 epoch | u8 stage | 32 nonce of the root | 32 commitment to the key holder's nonce of this epoch |
 *   u64 clients | per client: 65 point, text cell | u64 size, key holder's answer */
struct bg_agreement {
    uint64_t epoch;
    enum bg_agreement_stage stage;
    struct bg_digest nonce, commitment;
    struct bg_roster_entry *clients; /* (client_count) of the epoch */
    size_t client_count;
    struct bg_writer answer;
};

/* Document "checkpoint":
 *   u64 epoch that its release sets are of | u64 round of the model | 32 its digest |
 *   the rest: aggregator/checkpoint.h, nothing before the first epoch */
struct bg_checkpoint {
    uint64_t epoch;
    uint64_t model_round;
    struct bg_digest model;
    struct bg_writer root;
};

/* An update between its check and the answer to its client. */
struct bg_memory_pending {
    struct bg_keeping *keeping;
    struct bg_kept_update kept; /* borrowed until it is answered */
    struct bg_stored_update update;
    enum bg_status status; /* of its bytes */
};

/* A kept update on its way back into the root. */
struct bg_memory_return {
    struct bg_held_bytes held;
    struct bg_mapping mapping;
    struct bg_call call;
    struct bg_memory *memory;
    struct bg_stored_update update;
    struct bg_request request;
    struct bg_memory_return *next;
};

/* An answer of the key holder that was kept, on its way. */
struct bg_recalled {
    struct bg_recalled *next;
    struct bg_memory *memory;
    bg_reply_function *on_reply;
    void *context;
    struct bg_writer reply;
};

struct bg_memory {
    struct bg_memory_settings settings;
    char *folder;
    struct bg_transport transport;
    struct bg_random random; /* the owner's */
    struct bg_database *database;
    struct bg_blobs *models, *updates;
    struct bg_agreement agreement;
    struct bg_checkpoint checkpoint;
    struct bg_digest plan; /* of the frame that the key holder accepted last; document "plan" */
    struct bg_root *root;
    bool begun;
    bool failing;          /* the last write failed */
    struct bg_error error;

    /* updates that become durable together */
    struct bg_memory_pending *pending;
    size_t pending_count, pending_capacity;
    bool flush_posted;
    struct bg_memory_updates round_updates;
    uint64_t opened_at;     /* ms since 1970 */

    /* giving back */
    bool resuming;
    bool repeat_nonce;      /* the next 32 random bytes are the epoch's nonce */
    bool closed;            /* the round that is given back takes no more updates */
    struct bg_reader rest;  /* of the checkpoint: its release sets */
    size_t returning;       /* updates whose answer is due */
    struct bg_memory_return *returned, *last_returned; /* that are not yet on their way */
    struct bg_recalled *recalled; /* answers on their way */
};

/* ---- memory_recall.c ---- */

/* Answers on their way that nobody will deliver. */
void bg_recalled_finish(struct bg_memory *memory);

BG_MUST_CHECK enum bg_status bg_agreement_write(struct bg_database *database, const struct bg_agreement *agreement,
                                                struct bg_error *error);
/* BG_NOT_FOUND before bg_memory_begin. */
BG_MUST_CHECK enum bg_status bg_agreement_read(struct bg_database *database, struct bg_error *error,
                                               struct bg_agreement *ret_agreement);
void bg_agreement_finish(struct bg_agreement *agreement);
BG_MUST_CHECK enum bg_status bg_checkpoint_keep(struct bg_database *database, const struct bg_checkpoint *checkpoint,
                                                struct bg_error *error);
BG_MUST_CHECK enum bg_status bg_checkpoint_recall(struct bg_database *database, struct bg_error *error,
                                                  struct bg_checkpoint *ret_checkpoint);
