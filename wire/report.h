/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An edge tells the root what became of a group in its hands: whose updates it took in, with the manifests they
 * signed, and the key holder's record if their sum was opened. Edges above it pass it on unchanged. Signed by the
 * edge: the signature covers the label and the frame up to the signature.
 *
 * Body: 32 edge id | u64 round | u32 attempt | u32 group | u64 members | per member: u64 size, manifest frame |
 *       u8 opened | record, if opened (wire/release.h) | 64 signature
 */
#pragma once

#include "wire/release.h"

struct bg_report {
    struct bg_digest edge;           /* identity of the edge that signed */
    uint64_t round;
    uint32_t attempt;
    uint32_t group;
    uint32_t member_count;           /* 1 to BG_MAX_GROUP_MEMBERS */
    const struct bg_span *manifests; /* whole manifest frames, in member order */
    bool opened;
    struct bg_record record;         /* if opened: of the same round, attempt and group, and of as many members */
    struct bg_span record_bytes;     /* set by decode: its BG_RECORD_BYTES; empty if not opened */
};

/* As bg_task_encode_unsigned. */
void bg_report_encode_unsigned(struct bg_writer *w, const struct bg_population *population,
                               const struct bg_digest *plan_id, const struct bg_report *report);
/* Spans keep the frame's bytes, the list of manifests is the arena's. */
BG_MUST_CHECK enum bg_status bg_report_decode(const struct bg_frame *frame, struct bg_arena *arena,
                                              struct bg_error *error, struct bg_report *ret);
