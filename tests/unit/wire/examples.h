/* SPDX-License-Identifier: Apache-2.0 */
/* Random well-formed messages; what they point at comes from the arena. */
#pragma once

#include "base/prng.h"
#include "wire/audit.h"
#include "wire/block.h"
#include "wire/epoch.h"
#include "wire/groups.h"
#include "wire/manifest.h"
#include "wire/pace.h"
#include "wire/plan.h"
#include "wire/receipt.h"
#include "wire/report.h"
#include "wire/roster.h"
#include "wire/task.h"

struct source {
    struct bg_prng prng;
    struct bg_arena arena;
    struct bg_population population;
};

void source_init(struct source *source, uint64_t seed);
void source_finish(struct source *source);
uint32_t random_within(struct source *source, uint32_t least, uint32_t most);
struct bg_digest random_digest(struct source *source);
struct bg_span random_bytes(struct source *source, size_t size);
struct bg_cell random_cell(struct source *source);

struct bg_key_part random_key_part(struct source *source);
struct bg_root_part random_root_part(struct source *source); /* its layout is the heap's: bg_layout_finish */
struct bg_groups random_groups(struct source *source);
struct bg_task random_task(struct source *source);
struct bg_manifest random_manifest(struct source *source);
struct bg_block random_block(struct source *source);
struct bg_receipt random_receipt(struct source *source);
struct bg_release random_release(struct source *source);
struct bg_record random_record(struct source *source);
struct bg_sums random_sums(struct source *source);
struct bg_report random_report(struct source *source);
struct bg_roster_message random_roster_message(struct source *source);
struct bg_audit_request random_audit_request(struct source *source);
struct bg_audit_verdict random_audit_verdict(struct source *source);
struct bg_epoch_request random_epoch_request(struct source *source);
struct bg_epoch_reveal random_epoch_reveal(struct source *source);
struct bg_pace_window random_pace_window(struct source *source);

/* Every type of frame: how to make one, and how to decode one and encode what was decoded. */
struct kind {
    enum bg_frame_type type;
    void (*make)(struct source *source, struct bg_writer *w);
    enum bg_status (*again)(const struct bg_frame *frame, struct bg_arena *arena, struct bg_error *error,
                            struct bg_writer *w);
};

extern const struct kind kinds[];
extern const size_t kind_count;

/* Decodes `bytes` as a frame of any kind and, if that works, encodes it again into *w. */
enum bg_status decode_again(struct bg_span bytes, struct bg_arena *arena, struct bg_error *error,
                            struct bg_writer *w);
