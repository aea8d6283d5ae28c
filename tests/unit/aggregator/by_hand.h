/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A root in a folder, a key holder as an object, and members who vote at random: the messages of rounds carried by
 * hand. Every step opens the folder anew, as the program's verbs do.
 */
#pragma once

#include "aggregator/offline.h"
#include "base/prng.h"
#include "crypto/mask.h"
#include "crypto/secret_key.h"
#include "keyholder/keyholder.h"
#include "net/loopback.h"

#define HANDS 8 /* clients: the first four in cell a, which is group 0, the others in cell b, group 1 */

struct by_hand {
    char folder[64];
    char file[96]; /* "folder/carried": whatever is carried next */
    struct bg_aggregator_config config;
    struct bg_offline_settings settings;
    struct bg_offline *offline; /* while a verb has it open */
    struct bg_digest believed[2]; /* plan and task that members have checked */
    size_t wrote;               /* files told of since the folder was opened */
    struct bg_prng prng;
    struct bg_random random;

    struct bg_secret_key *secret;
    struct bg_mask_table *table;
    struct bg_mask_source *masks;
    struct bg_identity *root, *key_holder_identity, *clients[HANDS];
    struct bg_keyholder *keyholder;
    struct bg_loopback to_key_holder;
    void (*posted_run)(void *argument);
    void *posted_argument;
    struct bg_error error;
};

/* Folder, keys, key holder; the root's folder is initialised, everybody enrolled on both sides. */
void by_hand_init(struct by_hand *h, enum bg_plan_encryption encryption, const char *codec_mode);
void by_hand_finish(struct by_hand *h);

/* Opens the folder; it must be closed before the next step. */
enum bg_status enter(struct by_hand *h);
void leave(struct by_hand *h);

/* File names in the folder and under the open round; valid until the third next call. */
const char *file_in(struct by_hand *h, const char *name);
const char *round_file(struct by_hand *h, uint64_t round, const char *name);
bool exists(const char *path);
struct bg_digest digest_of_file(const char *path);
void write_file(const char *path, struct bg_span content);
struct bg_writer read_file(const char *path);

/* What the key holder says to the root; the caller finishes the answer, also after a failure. */
enum bg_status bring_to_key_holder(struct by_hand *h, enum bg_route route, struct bg_span body,
                                   struct bg_writer *ret_answer);
/* The same of a file's bytes, with the answer in h->file. */
enum bg_status ask_key_holder(struct by_hand *h, enum bg_route route, const char *body_file);

/* Each in a folder of its own opening. */
enum bg_status agree_on_epoch(struct by_hand *h);
enum bg_status open_round(struct by_hand *h);
/* Client's update for the open round to h->file. `overvote` makes its first vote 5. */
void make_update(struct by_hand *h, uint64_t round, size_t client, bool overvote);
enum bg_status fold_file(struct by_hand *h);
enum bg_status close_round(struct by_hand *h);
/* The group's release to the key holder, its answer to h->file. */
enum bg_status have_opened(struct by_hand *h, uint64_t round, uint32_t group);
/* Takes the sums in h->file and settles; *ret_round is where the round stands. */
enum bg_status take_sums(struct by_hand *h, struct bg_offline_round *ret_round);
