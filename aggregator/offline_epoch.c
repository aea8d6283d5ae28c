/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment, and the agreement with the key holder on who is added up with whom. */
#include "aggregator/offline_parts.h"
#include "base/file.h"
#include "crypto/identity_file.h"
#include "wire/epoch.h"

#include <stdlib.h>
#include <string.h>

enum bg_status bg_offline_enrol(struct bg_offline *o, const char *point_file, const char *cell,
                                struct bg_error *error)
{
    struct bg_roster_entry entry = {{{0}}, {{0}}, {0}};
    struct bg_population label; /* cells have the alphabet and size of populations */
    if (bg_population_set(&label, cell) != BG_OK)
        return bg_fail(error, BG_INVALID, "cell \"%s\": give 1 to 31 of a-z 0-9 . _ -", cell);
    memcpy(entry.cell.label, label.name, sizeof entry.cell.label);
    enum bg_status status = bg_point_load(BG_POINT_IDENTITY, point_file, error, entry.public_key);
    if (status != BG_OK)
        return status;
    bg_point_digest(entry.public_key, &entry.client);
    for (size_t i = 0; i < o->state.client_count; i++) {
        const struct bg_roster_entry *other = &o->state.clients[i];
        if (!bg_digest_equal(&other->client, &entry.client))
            continue;
        if (strcmp(other->cell.label, entry.cell.label) == 0)
            return BG_OK;
        return bg_fail(error, BG_DUPLICATE, "%s: enrolled in cell %s already", point_file, other->cell.label);
    }
    if (o->state.client_count == BG_MAX_CLIENTS)
        return bg_fail(error, BG_TOO_LARGE, "%s: the roster is full", point_file);
    status = bg_offline_state_enrol(&o->state, &entry);
    return status == BG_OK ? bg_offline_save(o, error) : bg_fail(error, status, "%s: out of memory", point_file);
}

/* What the key holder has committed to for the epoch after the one agreed on. */
static enum bg_status next_commitment(const struct bg_offline_state *state, struct bg_error *error,
                                      struct bg_digest *ret_commitment)
{
    struct bg_frame frame;
    struct bg_span rest;
    struct bg_epoch_reveal reveal;
    *ret_commitment = state->commitment;
    if (state->stage == BG_EPOCH_NONE)
        return BG_OK;
    enum bg_status status = bg_frame_decode(bg_writer_span(&state->answer), error, &frame, &rest);
    if (status == BG_OK)
        status = bg_epoch_reveal_decode(&frame, error, &reveal);
    if (status == BG_OK)
        *ret_commitment = reveal.next_commitment;
    return status;
}

static enum bg_status begin_epoch(struct bg_offline *o, struct bg_error *error)
{
    struct bg_offline_state *state = &o->state;
    struct bg_digest commitment;
    struct bg_frame frame;
    struct bg_epoch_request request;
    enum bg_status status = next_commitment(state, error, &commitment);
    for (size_t i = state->epoch_clients; status == BG_OK && i < state->client_count; i++)
        status = bg_root_enrol(o->root, &state->clients[i], error);
    if (status == BG_OK)
        status = bg_root_begin_epoch(o->root, error);
    if (status != BG_OK)
        return status;
    const struct bg_errand *errand = bg_courier_find(&o->key_holder, BG_ROUTE_EPOCH);
    if (!errand)
        return bg_fail(error, BG_NO_MEMORY, "epoch: out of memory");
    status = bg_frame_expect((struct bg_span){errand->body, errand->size}, BG_FRAME_EPOCH_REQUEST, error, &frame);
    if (status == BG_OK)
        status = bg_epoch_request_decode(&frame, error, &request);
    if (status != BG_OK)
        return status;
    state->epoch = request.epoch;
    state->nonce = request.nonce;
    state->commitment = commitment;
    state->stage = BG_EPOCH_ASKED;
    state->epoch_clients = state->client_count;
    bg_writer_finish(&state->answer);
    return bg_offline_save(o, error);
}

enum bg_status bg_offline_ask_epoch(struct bg_offline *o, const char *request_file, struct bg_error *error)
{
    enum bg_status status = BG_OK;
    if (o->state.open)
        return bg_fail(error, BG_BUSY, "round %llu is open: end it before the next epoch",
                       (unsigned long long)o->round.round);
    if (o->state.client_count == 0)
        return bg_fail(error, BG_TOO_FEW, "the roster is empty: enrol clients first");
    if (o->state.stage != BG_EPOCH_ASKED)
        status = begin_epoch(o, error);
    if (status != BG_OK)
        return status;
    const struct bg_errand *errand = bg_courier_find(&o->key_holder, BG_ROUTE_EPOCH);
    if (!errand)
        return bg_fail(error, BG_NO_MEMORY, "epoch: out of memory");
    return bg_offline_write(o, request_file, (struct bg_span){errand->body, errand->size}, error);
}

enum bg_status bg_offline_agree(struct bg_offline *o, struct bg_span answer, struct bg_error *error)
{
    struct bg_errand *errand = bg_courier_find(&o->key_holder, BG_ROUTE_EPOCH);
    o->failed = false;
    if (!errand)
        return bg_fail(error, BG_NO_MEMORY, "epoch: out of memory");
    bg_courier_answer(&o->key_holder, errand, BG_OK, answer);
    bg_offline_pump(o);
    o->new_plan = false;
    if (o->failed)
        return bg_fail(error, o->error.status, "%s", o->error.text);
    return bg_root_groups(o->root) ? BG_OK : bg_fail(error, BG_NO_MEMORY, "epoch: out of memory");
}

static enum bg_status document(struct bg_offline *o, enum bg_route route, struct bg_error *error,
                               struct bg_writer *ret_document)
{
    return bg_offline_ask(o, route, bg_identity_digest(o->identity), (struct bg_span){NULL, 0}, error, ret_document);
}

static enum bg_status write_document(struct bg_offline *o, enum bg_route route, const char *name,
                                     struct bg_error *error)
{
    struct bg_writer w;
    struct bg_path path = bg_offline_path(&o->settings, "%s", name);
    bg_writer_init(&w);
    enum bg_status status = document(o, route, error, &w);
    if (status == BG_OK)
        status = bg_offline_write(o, path.text, bg_writer_span(&w), error);
    bg_writer_finish(&w);
    return status;
}

enum bg_status bg_offline_renew_plan(struct bg_offline *o, struct bg_error *error)
{
    return o->new_plan ? write_document(o, BG_ROUTE_PLAN, "plan", error) : BG_OK;
}

enum bg_status bg_offline_check_plan(struct bg_offline *o, struct bg_error *error)
{
    struct bg_writer made;
    struct bg_path path = bg_offline_path(&o->settings, "plan");
    uint8_t *bytes = NULL;
    size_t size = 0;
    bg_writer_init(&made);
    enum bg_status status = document(o, BG_ROUTE_PLAN, error, &made);
    if (status == BG_OK)
        status = bg_file_read(path.text, BG_OFFLINE_FILE_LIMIT, error, &bytes, &size);
    if (status == BG_OK && !bg_span_equal(bg_writer_span(&made), (struct bg_span){bytes, size}))
        status = bg_fail(error, BG_CONFIG, "%s: epoch %llu began under other settings, and these no longer make its "
                                           "plan: restore codec.* and training.*, or begin another epoch",
                         path.text, (unsigned long long)o->state.epoch);
    bg_writer_finish(&made);
    free(bytes);
    return status;
}

enum bg_status bg_offline_accept_epoch(struct bg_offline *o, const char *answer_file, struct bg_error *error)
{
    uint8_t *bytes;
    size_t size;
    if (o->state.stage == BG_EPOCH_NONE)
        return bg_fail(error, BG_INVALID, "%s: no epoch was asked for", answer_file);
    enum bg_status status = bg_file_read(answer_file, BG_OFFLINE_FILE_LIMIT, error, &bytes, &size);
    if (status != BG_OK)
        return status;
    struct bg_span answer = {bytes, size};
    if (o->state.stage == BG_EPOCH_AGREED) {
        status = bg_span_equal(answer, bg_writer_span(&o->state.answer))
                     ? bg_offline_check_plan(o, error)
                     : bg_fail(error, BG_DUPLICATE, "%s: epoch %llu was agreed on with another answer", answer_file,
                               (unsigned long long)o->state.epoch);
        free(bytes);
        return status;
    }
    status = bg_offline_agree(o, answer, error);
    if (status != BG_OK)
        bg_fail_in(error, status, "%s", answer_file);
    bg_write_bytes(&o->state.answer, bytes, size);
    free(bytes);
    if (status == BG_OK && o->state.answer.status != BG_OK)
        status = bg_fail(error, BG_NO_MEMORY, "%s: out of memory", answer_file);
    if (status == BG_OK)
        status = write_document(o, BG_ROUTE_PLAN, "plan", error);
    if (status == BG_OK)
        status = write_document(o, BG_ROUTE_GROUPS, "groups", error);
    if (status == BG_OK)
        status = bg_offline_checkpoint(o, error);
    if (status != BG_OK)
        return status;
    o->state.stage = BG_EPOCH_AGREED;
    return bg_offline_save(o, error);
}
