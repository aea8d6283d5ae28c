/* SPDX-License-Identifier: Apache-2.0 */
#include "keyholder/announce.h"

#include "keyholder/state.h"
#include "protocol/envelope.h"
#include "wire/roster.h"

#include <stdlib.h>
#include <string.h>

struct bg_roster_wait {
    struct bg_call *call;
    uint64_t until;
    struct bg_roster_wait *next;
};

static int by_digest(const void *a, const void *b)
{
    return bg_digest_compare(a, b);
}

/* Signed, into w; BG_NO_MEMORY. */
static enum bg_status write_roster(struct bg_keyholder *keyholder, struct bg_writer *w)
{
    const struct bg_enrolment *enrolment = &keyholder->enrolment;
    struct bg_arena arena;
    size_t count = enrolment->count;
    bg_arena_init(&arena, SIZE_MAX);
    struct bg_roster_client *clients = BG_ARENA_ARRAY(&arena, struct bg_roster_client, count);
    struct bg_roster_edge *edges = BG_ARENA_ARRAY(&arena, struct bg_roster_edge, count);
    struct bg_digest *revoked = BG_ARENA_ARRAY(&arena, struct bg_digest, count);
    struct bg_roster_message message = {
        .version = enrolment->version, .clients = clients, .edges = edges, .revoked = revoked};
    enum bg_status status = clients && edges && revoked ? BG_OK : BG_NO_MEMORY;
    for (size_t i = 0; i < count && status == BG_OK; i++) {
        const struct bg_device *device = &enrolment->devices[i];
        if (device->revoked) {
            revoked[message.revoked_count++] = device->id;
        } else if (device->role == BG_CERTIFICATE_CLIENT) {
            struct bg_roster_client *client = &clients[message.client_count++];
            client->cell = device->cell;
            memcpy(client->point, device->point, sizeof client->point);
        } else if (device->role == BG_CERTIFICATE_EDGE) {
            memcpy(edges[message.edge_count++].point, device->point, sizeof device->point);
        }
    }
    if (status == BG_OK) {
        qsort(revoked, message.revoked_count, sizeof *revoked, by_digest);
        bg_roster_message_encode_unsigned(w, &keyholder->settings.population, &message);
        status = bg_envelope_close(keyholder->settings.identity, BG_SIGNED_ROSTER, w, 0);
    }
    bg_arena_finish(&arena);
    return status;
}

static void answer(struct bg_call *call, enum bg_status status, const struct bg_writer *w)
{
    bg_call_answer(call, status, status == BG_OK ? bg_writer_span(w) : (struct bg_span){NULL, 0});
}

static enum bg_status hold(struct bg_keyholder *keyholder, struct bg_call *call)
{
    struct bg_roster_wait **link = &keyholder->waits;
    size_t count = 0;
    for (; *link; link = &(*link)->next)
        count++;
    struct bg_roster_wait *wait = count < BG_ROSTER_MOST_WAITS ? calloc(1, sizeof *wait) : NULL;
    if (!wait)
        return BG_BUSY;
    wait->call = call;
    wait->until = keyholder->now + BG_ROSTER_WAIT_NS;
    *link = wait; /* at the end: in the order in which they end */
    return BG_OK;
}

void bg_keyholder_serve_roster(struct bg_keyholder *keyholder, const struct bg_request *request, struct bg_call *call)
{
    struct bg_reader r;
    struct bg_writer w;
    bg_writer_init(&w);
    bg_reader_init(&r, request->body);
    uint64_t version = bg_read_u64(&r);
    enum bg_status status = bg_reader_end(&r);
    if (status == BG_OK && version == keyholder->enrolment.version) {
        status = hold(keyholder, call);
        if (status == BG_OK)
            return;
    } else if (status == BG_OK) {
        status = write_roster(keyholder, &w);
    }
    answer(call, status, &w);
    bg_writer_finish(&w);
}

void bg_keyholder_announce(struct bg_keyholder *keyholder)
{
    struct bg_roster_wait *waits = keyholder->waits;
    struct bg_writer w;
    if (!waits)
        return;
    keyholder->waits = NULL; /* an answer may bring the next request */
    bg_writer_init(&w);
    enum bg_status status = write_roster(keyholder, &w);
    while (waits) {
        struct bg_roster_wait *wait = waits;
        waits = wait->next;
        answer(wait->call, status == BG_OK ? BG_OK : BG_BUSY, &w);
        free(wait);
    }
    bg_writer_finish(&w);
}

void bg_keyholder_end_waits(struct bg_keyholder *keyholder)
{
    while (keyholder->waits && keyholder->waits->until <= keyholder->now) {
        struct bg_roster_wait *wait = keyholder->waits;
        keyholder->waits = wait->next;
        answer(wait->call, BG_BUSY, NULL);
        free(wait);
    }
}

uint64_t bg_keyholder_next_wait(const struct bg_keyholder *keyholder)
{
    return keyholder->waits ? keyholder->waits->until : UINT64_MAX;
}

void bg_keyholder_drop_waits(struct bg_keyholder *keyholder)
{
    while (keyholder->waits) {
        struct bg_roster_wait *wait = keyholder->waits;
        keyholder->waits = wait->next;
        free(wait);
    }
}
