/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every message is one frame: an 80-byte header, then the body. Integers are little-endian.
 *
 *    0  magic        4 bytes  "BRGE"
 *    4  version      u16      BG_PROTOCOL_VERSION
 *    6  type         u16      enum bg_frame_type
 *    8  population  32 bytes  name, NUL-padded
 *   40  plan id     32 bytes  zero where no plan applies (groups, epoch messages, pace, roster)
 *   72  body size    u64
 *   80  body
 *
 * A file of frames is their concatenation.
 */
#pragma once

#include "base/error.h"
#include "base/span.h"
#include "wire/limits.h"

#include <stdbool.h>

#define BG_FRAME_HEADER_BYTES 80

enum bg_frame_type {
    BG_FRAME_PLAN = 1,          /* wire/plan.h */
    BG_FRAME_GROUPS = 2,        /* wire/groups.h */
    BG_FRAME_TASK = 3,          /* wire/task.h */
    BG_FRAME_MANIFEST = 4,      /* wire/manifest.h */
    BG_FRAME_BLOCK = 5,         /* wire/block.h */
    BG_FRAME_RECEIPT = 6,       /* wire/receipt.h */
    BG_FRAME_RELEASE = 7,       /* wire/release.h */
    BG_FRAME_SUMS = 8,          /* wire/release.h */
    BG_FRAME_EPOCH_REQUEST = 9, /* wire/epoch.h */
    BG_FRAME_EPOCH_REVEAL = 10, /* wire/epoch.h */
    BG_FRAME_PACE = 11,         /* wire/pace.h */
    BG_FRAME_REPORT = 12,       /* wire/report.h */
    BG_FRAME_ROSTER = 13,       /* wire/roster.h */
    BG_FRAME_AUDIT = 14,        /* wire/audit.h */
    BG_FRAME_AUDIT_VERDICT = 15, /* wire/audit.h */
};

/* "manifest", …; NULL for a type that does not exist. */
const char *bg_frame_type_name(unsigned type);

struct bg_population {
    char name[BG_POPULATION_BYTES];
};

/* BG_INVALID unless `name` is 1 to 31 characters of [a-z0-9._-]. */
BG_MUST_CHECK enum bg_status bg_population_set(struct bg_population *population, const char *name);
bool bg_population_equal(const struct bg_population *a, const struct bg_population *b);

struct bg_frame {
    enum bg_frame_type type;
    struct bg_population population;
    struct bg_digest plan_id;
    struct bg_span body;  /* borrowed from the decoded bytes */
    struct bg_span bytes; /* the whole frame, header included */
};

/* Decodes the first frame of `input`, whose bytes the frame keeps. *ret_rest (may be NULL) gets what follows;
 * when it is NULL, trailing bytes are BG_DECODE. BG_TRUNCATED, BG_BAD_MAGIC, BG_BAD_VERSION, BG_TOO_LARGE, and
 * BG_DECODE for an unknown type or an ill-formed population. The sentence says what was found and expected. */
BG_MUST_CHECK enum bg_status bg_frame_decode(struct bg_span input, struct bg_error *error, struct bg_frame *ret,
                                             struct bg_span *ret_rest);

/* bg_frame_decode of a frame that must be of `type`; BG_DECODE names both types. */
BG_MUST_CHECK enum bg_status bg_frame_expect(struct bg_span input, enum bg_frame_type type,
                                             struct bg_error *error, struct bg_frame *ret);

/* Writes the header with a body size to be filled in by bg_frame_end; returns where the frame starts. */
size_t bg_frame_begin(struct bg_writer *w, enum bg_frame_type type, const struct bg_population *population,
                      const struct bg_digest *plan_id);
void bg_frame_end(struct bg_writer *w, size_t start);
/* As bg_frame_end, counting the signature that the caller appends. */
void bg_frame_end_unsigned(struct bg_writer *w, size_t start);
