/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/decoder.h"

#include "wire/limits.h"

#include <math.h>
#include <string.h>

void bg_decoder_init(struct bg_decoder *d, const char *message, struct bg_span bytes)
{
    *d = (struct bg_decoder){.message = message};
    bg_reader_init(&d->reader, bytes);
}

void bg_require(struct bg_decoder *d, bool holds, enum bg_status status, const char *rule)
{
    if (!bg_decoder_ok(d) || holds)
        return;
    bg_reader_fail(&d->reader, status);
    d->rule = rule;
}

bool bg_decode_bool(struct bg_decoder *d, const char *rule)
{
    uint8_t value = bg_read_u8(&d->reader);
    bg_require(d, value <= 1, BG_DECODE, rule);
    return value == 1;
}

double bg_decode_real(struct bg_decoder *d, double least, double most, const char *rule)
{
    double value = bg_read_f64(&d->reader);
    bg_require(d, isfinite(value), BG_NOT_FINITE, rule);
    bg_require(d, value >= least && value <= most, BG_DECODE, rule);
    return value;
}

uint8_t bg_decode_choice(struct bg_decoder *d, uint8_t first, uint8_t last, const char *rule)
{
    uint8_t value = bg_read_u8(&d->reader);
    bg_require(d, value >= first && value <= last, BG_DECODE, rule);
    return value;
}

uint32_t bg_decode_u32(struct bg_decoder *d, uint32_t least, uint32_t most, const char *rule)
{
    uint32_t value = bg_read_u32(&d->reader);
    bg_require(d, value >= least && value <= most, BG_DECODE, rule);
    return value;
}

void bg_decode_label(struct bg_decoder *d, char *ret_label, size_t size, const char *rule)
{
    struct bg_span bytes = bg_read_span(&d->reader, size);
    memset(ret_label, 0, size);
    if (bytes.data)
        memcpy(ret_label, bytes.data, size);
    bg_require(d, bg_label_valid(ret_label, size), BG_DECODE, rule);
}

void bg_require_payload(struct bg_decoder *d, struct bg_span payload, uint64_t positions)
{
    if (!bg_decoder_ok(d))
        return;
    bg_require(d, payload.size >= positions, BG_DECODE, "the payload must have at least 1 byte per position");
    bg_require(d, payload.size <= positions * BG_MAX_POSITION_BYTES, BG_TOO_LARGE,
               "a position is longer than a ciphertext can be");
}

void *bg_decoder_alloc(struct bg_decoder *d, struct bg_arena *arena, size_t count, size_t size)
{
    void *block = bg_decoder_ok(d) ? bg_arena_alloc(arena, count, size) : NULL;
    bg_require(d, block, BG_NO_MEMORY, "out of memory, or over the cap that its reader set");
    return block;
}

enum bg_status bg_decoder_end(const struct bg_decoder *d, struct bg_error *error)
{
    const struct bg_reader *r = &d->reader;
    enum bg_status status = bg_reader_end(r);
    if (status == BG_OK)
        return BG_OK;
    if (d->rule)
        return bg_fail(error, status, "%s: %s (found before byte %zu)", d->message, d->rule, r->offset);
    if (r->status == BG_OK)
        return bg_fail(error, status, "%s: %zu bytes after its end, at byte %zu", d->message, r->size - r->offset,
                       r->offset);
    if (status == BG_TRUNCATED)
        return bg_fail(error, status, "%s: ends too early: byte %zu begins a field that does not fit its %zu bytes",
                       d->message, r->offset, r->size);
    return bg_fail(error, status, "%s: at byte %zu: %s", d->message, r->offset, bg_status_text(status));
}

bool bg_label_valid(const char *label, size_t size)
{
    size_t length = 0;
    while (length < size && label[length]) {
        char c = label[length];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'))
            return false;
        length++;
    }
    if (length == 0 || length == size)
        return false;
    for (size_t i = length; i < size; i++)
        if (label[i])
            return false;
    return true;
}
