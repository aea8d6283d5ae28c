/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/roster.h"

#include "wire/decoder.h"

#include <assert.h>
#include <string.h>

#define CLIENT_BYTES (BG_CELL_BYTES + BG_PUBLIC_POINT_BYTES)

static const struct bg_digest no_plan;

void bg_roster_message_encode_unsigned(struct bg_writer *w, const struct bg_population *population,
                                       const struct bg_roster_message *message)
{
    size_t start = bg_frame_begin(w, BG_FRAME_ROSTER, population, &no_plan);
    bg_write_u64(w, message->version);
    bg_write_u64(w, message->client_count);
    for (size_t i = 0; i < message->client_count; i++) {
        const struct bg_roster_client *client = &message->clients[i];
        assert(bg_label_valid(client->cell.label, sizeof client->cell.label));
        bg_write_bytes(w, client->cell.label, sizeof client->cell.label);
        bg_write_bytes(w, client->point, sizeof client->point);
    }
    bg_write_u64(w, message->edge_count);
    for (size_t i = 0; i < message->edge_count; i++)
        bg_write_bytes(w, message->edges[i].point, sizeof message->edges[i].point);
    bg_write_u64(w, message->revoked_count);
    for (size_t i = 0; i < message->revoked_count; i++)
        bg_write_digest(w, &message->revoked[i]);
    bg_frame_end_unsigned(w, start);
}

static void decode_point(struct bg_decoder *d, uint8_t ret_point[static BG_PUBLIC_POINT_BYTES])
{
    struct bg_span point = bg_read_span(&d->reader, BG_PUBLIC_POINT_BYTES);
    bg_require(d, point.size && point.data[0] == 4, BG_DECODE, "a point must be uncompressed");
    if (bg_decoder_ok(d))
        memcpy(ret_point, point.data, BG_PUBLIC_POINT_BYTES);
}

static void decode_clients(struct bg_decoder *d, struct bg_arena *arena, struct bg_roster_message *message)
{
    size_t count = bg_read_count(&d->reader, BG_MAX_CLIENTS, CLIENT_BYTES);
    struct bg_roster_client *clients = bg_decoder_alloc(d, arena, count, sizeof *clients);
    for (size_t i = 0; i < count && bg_decoder_ok(d); i++) {
        bg_decode_label(d, clients[i].cell.label, sizeof clients[i].cell.label,
                        "a cell's label must be 1 to 31 of a-z 0-9 . _ -, then NUL");
        decode_point(d, clients[i].point);
    }
    message->client_count = count;
    message->clients = clients;
}

static void decode_edges(struct bg_decoder *d, struct bg_arena *arena, struct bg_roster_message *message)
{
    size_t count = bg_read_count(&d->reader, BG_MAX_CLIENTS, BG_PUBLIC_POINT_BYTES);
    struct bg_roster_edge *edges = bg_decoder_alloc(d, arena, count, sizeof *edges);
    for (size_t i = 0; i < count && bg_decoder_ok(d); i++)
        decode_point(d, edges[i].point);
    message->edge_count = count;
    message->edges = edges;
}

static void decode_revoked(struct bg_decoder *d, struct bg_arena *arena, struct bg_roster_message *message)
{
    size_t count = bg_read_count(&d->reader, BG_MAX_CLIENTS, BG_DIGEST_BYTES);
    struct bg_digest *revoked = bg_decoder_alloc(d, arena, count, sizeof *revoked);
    for (size_t i = 0; i < count && bg_decoder_ok(d); i++) {
        revoked[i] = bg_read_digest(&d->reader);
        bg_require(d, i == 0 || bg_digest_compare(&revoked[i - 1], &revoked[i]) < 0, BG_DECODE,
                   "revoked identities must be strictly ascending");
    }
    message->revoked_count = count;
    message->revoked = revoked;
}

enum bg_status bg_roster_message_decode(const struct bg_frame *frame, struct bg_arena *arena, struct bg_error *error,
                                        struct bg_roster_message *ret)
{
    struct bg_decoder d;
    struct bg_roster_message message = {0};
    bg_decoder_init(&d, "roster", frame->body);
    bg_require(&d, frame->type == BG_FRAME_ROSTER, BG_DECODE, "the frame is of another type");
    bg_require(&d, bg_digest_equal(&frame->plan_id, &no_plan), BG_DECODE, "the plan id must be zero");
    message.version = bg_read_u64(&d.reader);
    decode_clients(&d, arena, &message);
    decode_edges(&d, arena, &message);
    decode_revoked(&d, arena, &message);
    (void)bg_read_span(&d.reader, BG_SIGNATURE_BYTES);
    enum bg_status status = bg_decoder_end(&d, error);
    if (status == BG_OK)
        *ret = message;
    return status;
}
