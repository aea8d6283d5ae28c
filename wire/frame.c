/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/frame.h"

#include "wire/decoder.h"

#include <assert.h>
#include <string.h>

#define BODY_SIZE_AT 72

static const uint8_t magic[4] = {'B', 'R', 'G', 'E'};

const char *bg_frame_type_name(unsigned type)
{
    static const char *const names[] = {
        [BG_FRAME_PLAN] = "plan",
        [BG_FRAME_GROUPS] = "groups",
        [BG_FRAME_TASK] = "task",
        [BG_FRAME_MANIFEST] = "manifest",
        [BG_FRAME_BLOCK] = "block",
        [BG_FRAME_RECEIPT] = "receipt",
        [BG_FRAME_RELEASE] = "release",
        [BG_FRAME_SUMS] = "sums",
        [BG_FRAME_EPOCH_REQUEST] = "epoch request",
        [BG_FRAME_EPOCH_REVEAL] = "epoch reveal",
        [BG_FRAME_PACE] = "pace",
        [BG_FRAME_REPORT] = "report",
        [BG_FRAME_ROSTER] = "roster",
        [BG_FRAME_AUDIT] = "audit",
        [BG_FRAME_AUDIT_VERDICT] = "audit verdict",
    };
    return type < sizeof names / sizeof *names ? names[type] : NULL;
}

enum bg_status bg_population_set(struct bg_population *population, const char *name)
{
    struct bg_population padded = {{0}};
    size_t size = strlen(name);
    if (size >= sizeof padded.name)
        return BG_INVALID;
    memcpy(padded.name, name, size);
    if (!bg_label_valid(padded.name, sizeof padded.name))
        return BG_INVALID;
    *population = padded;
    return BG_OK;
}

bool bg_population_equal(const struct bg_population *a, const struct bg_population *b)
{
    return memcmp(a->name, b->name, sizeof a->name) == 0;
}

/* Fails with the sentence for the four bytes that are not ours. */
static enum bg_status bad_magic(struct bg_span found, struct bg_error *error)
{
    const uint8_t *b = found.data;
    return bg_fail(error, BG_BAD_MAGIC, "not a burgee frame: it begins with %02x %02x %02x %02x, not with \"BRGE\"",
                   b[0], b[1], b[2], b[3]);
}

static enum bg_status bad_version(unsigned version, struct bg_error *error)
{
    return bg_fail(error, BG_BAD_VERSION, "frame of protocol version %u; versions %u to %u are spoken here", version,
                   BG_PROTOCOL_OLDEST, BG_PROTOCOL_VERSION);
}

enum bg_status bg_frame_decode(struct bg_span input, struct bg_error *error, struct bg_frame *ret,
                               struct bg_span *ret_rest)
{
    struct bg_decoder d;
    struct bg_reader *r = &d.reader;
    struct bg_frame frame;
    bg_decoder_init(&d, "frame", input);
    struct bg_span found = bg_read_span(r, sizeof magic);
    if (found.data && memcmp(found.data, magic, sizeof magic) != 0)
        return bad_magic(found, error);
    unsigned version = bg_read_u16(r);
    if (bg_decoder_ok(&d) && (version < BG_PROTOCOL_OLDEST || version > BG_PROTOCOL_VERSION))
        return bad_version(version, error);
    unsigned type = bg_read_u16(r);
    if (bg_decoder_ok(&d) && !bg_frame_type_name(type))
        return bg_fail(error, BG_DECODE, "frame of type %u, which does not exist", type);
    frame.type = (enum bg_frame_type)type;
    bg_decode_label(&d, frame.population.name, sizeof frame.population.name,
                    "the population must be 1 to 31 of a-z 0-9 . _ -, then NUL");
    frame.plan_id = bg_read_digest(r);
    uint64_t size = bg_read_u64(r);
    if (bg_decoder_ok(&d) && size > BG_MAX_BODY_BYTES)
        return bg_fail(error, BG_TOO_LARGE, "%s frame of %llu bytes; at most %llu are allowed",
                       bg_frame_type_name(type), (unsigned long long)size, (unsigned long long)BG_MAX_BODY_BYTES);
    if (bg_decoder_ok(&d) && size > input.size - BG_FRAME_HEADER_BYTES)
        return bg_fail(error, BG_TRUNCATED, "%s frame ends too early: %zu of its %llu bytes are there",
                       bg_frame_type_name(type), input.size - BG_FRAME_HEADER_BYTES, (unsigned long long)size);
    frame.body = bg_read_span(r, (size_t)size);
    frame.bytes = (struct bg_span){input.data, r->offset};
    struct bg_span rest = {input.data ? input.data + r->offset : NULL, input.size - r->offset};
    if (ret_rest && bg_decoder_ok(&d))
        r->offset = r->size;
    enum bg_status status = bg_decoder_end(&d, error);
    if (status != BG_OK)
        return status;
    *ret = frame;
    if (ret_rest)
        *ret_rest = rest;
    return BG_OK;
}

enum bg_status bg_frame_expect(struct bg_span input, enum bg_frame_type type, struct bg_error *error,
                               struct bg_frame *ret)
{
    struct bg_frame frame;
    enum bg_status status = bg_frame_decode(input, error, &frame, NULL);
    if (status != BG_OK)
        return status;
    if (frame.type != type)
        return bg_fail(error, BG_DECODE, "a frame of type \"%s\" where \"%s\" was expected",
                       bg_frame_type_name(frame.type), bg_frame_type_name(type));
    *ret = frame;
    return BG_OK;
}

size_t bg_frame_begin(struct bg_writer *w, enum bg_frame_type type, const struct bg_population *population,
                      const struct bg_digest *plan_id)
{
    size_t start = w->size;
    assert(bg_label_valid(population->name, sizeof population->name));
    bg_write_bytes(w, magic, sizeof magic);
    bg_write_u16(w, BG_PROTOCOL_VERSION);
    bg_write_u16(w, (uint16_t)type);
    bg_write_bytes(w, population->name, sizeof population->name);
    bg_write_digest(w, plan_id);
    bg_write_u64(w, 0);
    return start;
}

static void set_body_size(struct bg_writer *w, size_t start, size_t still_to_come)
{
    if (w->status != BG_OK)
        return;
    uint64_t size = (uint64_t)(w->size - start - BG_FRAME_HEADER_BYTES) + still_to_come;
    for (size_t i = 0; i < 8; i++)
        w->data[start + BODY_SIZE_AT + i] = (uint8_t)(size >> (8 * i));
}

void bg_frame_end(struct bg_writer *w, size_t start)
{
    set_body_size(w, start, 0);
}

void bg_frame_end_unsigned(struct bg_writer *w, size_t start)
{
    set_body_size(w, start, BG_SIGNATURE_BYTES);
}
