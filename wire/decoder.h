/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal to wire/: a sticky reader that also keeps the rule that the first bad field broke, so that a decoder
 * reads and checks straight through and one sentence at the end names message, rule and byte.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/span.h"

struct bg_decoder {
    struct bg_reader reader;
    const char *message; /* "task": what errors call it */
    const char *rule;    /* broken; NULL where the bytes themselves are at fault */
};

void bg_decoder_init(struct bg_decoder *d, const char *message, struct bg_span bytes);

static inline bool bg_decoder_ok(const struct bg_decoder *d)
{
    return d->reader.status == BG_OK;
}

/* Unless something failed before: fails with `status` where `holds` is false. `rule` is a literal that reads
 * "the clip must be above 0". */
void bg_require(struct bg_decoder *d, bool holds, enum bg_status status, const char *rule);
bool bg_decode_bool(struct bg_decoder *d, const char *rule);
/* BG_NOT_FINITE, or BG_DECODE unless least ≤ value ≤ most. */
double bg_decode_real(struct bg_decoder *d, double least, double most, const char *rule);
uint8_t bg_decode_choice(struct bg_decoder *d, uint8_t first, uint8_t last, const char *rule);
uint32_t bg_decode_u32(struct bg_decoder *d, uint32_t least, uint32_t most, const char *rule);
/* A name or label of `size` bytes as bg_label_valid has it. */
void bg_decode_label(struct bg_decoder *d, char *ret_label, size_t size, const char *rule);
/* The payload must have at least 1 byte per position, and no more than ciphertexts can have; positions is at most
 * BG_MAX_POSITIONS. */
void bg_require_payload(struct bg_decoder *d, struct bg_span payload, uint64_t positions);
/* count × size bytes from the arena; NULL after a failure. */
void *bg_decoder_alloc(struct bg_decoder *d, struct bg_arena *arena, size_t count, size_t size);

/* BG_OK if nothing failed and every byte was read; otherwise the reason, with its sentence. */
BG_MUST_CHECK enum bg_status bg_decoder_end(const struct bg_decoder *d, struct bg_error *error);

/* One or more of [a-z0-9._-], then only NUL bytes, at least one. */
bool bg_label_valid(const char *label, size_t size);
