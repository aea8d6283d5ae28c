/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/offline_state.h"

#include "aggregator/roster_list.h"
#include "base/file.h"
#include "crypto/digest.h"
#include "crypto/identity.h"

#include <stdlib.h>
#include <string.h>

#define VERSION 1
#define HEADER_BYTES 8
#define FILE_LIMIT ((size_t)1 << 30)

void bg_offline_state_init(struct bg_offline_state *state)
{
    *state = (struct bg_offline_state){0};
    bg_writer_init(&state->answer);
    bg_writer_init(&state->checkpoint);
}

void bg_offline_state_finish(struct bg_offline_state *state)
{
    free(state->clients);
    bg_writer_finish(&state->answer);
    bg_writer_finish(&state->checkpoint);
    bg_offline_state_init(state);
}

enum bg_status bg_offline_state_enrol(struct bg_offline_state *state, const struct bg_roster_entry *entry)
{
    struct bg_roster_entry *clients = reallocarray(state->clients, state->client_count + 1, sizeof *clients);
    if (!clients)
        return BG_NO_MEMORY;
    clients[state->client_count++] = *entry;
    state->clients = clients;
    return BG_OK;
}

static void write_sized(struct bg_writer *w, const struct bg_writer *bytes)
{
    bg_write_u64(w, bytes->size);
    bg_write_bytes(w, bytes->data, bytes->size);
}

enum bg_status bg_offline_state_save(const struct bg_offline_state *state, const char *path, struct bg_error *error)
{
    struct bg_writer w;
    struct bg_digest digest;
    bg_writer_init(&w);
    bg_write_bytes(&w, BG_STATE_FILE_MAGIC, 4);
    bg_write_u16(&w, VERSION);
    bg_write_u16(&w, 0);
    bg_roster_entries_write(&w, state->clients, state->client_count);
    bg_write_u64(&w, state->epoch);
    bg_write_u8(&w, (uint8_t)state->stage);
    bg_write_u64(&w, state->epoch_clients);
    bg_write_digest(&w, &state->nonce);
    bg_write_digest(&w, &state->commitment);
    write_sized(&w, &state->answer);
    bg_write_u64(&w, state->model_round);
    bg_write_digest(&w, &state->model);
    bg_write_u8(&w, state->open);
    bg_write_u8(&w, state->closed);
    write_sized(&w, &state->checkpoint);
    bg_sha256(bg_writer_span(&w), &digest);
    bg_write_digest(&w, &digest);
    enum bg_status status = w.status == BG_OK ? bg_file_write(path, bg_writer_span(&w), 0600, error)
                                              : bg_fail(error, w.status, "%s: out of memory", path);
    bg_writer_finish(&w);
    return status;
}

static void read_sized(struct bg_reader *r, struct bg_writer *ret_bytes)
{
    struct bg_span bytes = bg_read_span(r, bg_read_count(r, FILE_LIMIT, 1));
    bg_write_bytes(ret_bytes, bytes.data, bytes.size);
    if (ret_bytes->status != BG_OK)
        bg_reader_fail(r, ret_bytes->status);
}

static bool read_flag(struct bg_reader *r)
{
    uint8_t flag = bg_read_u8(r);
    if (flag > 1)
        bg_reader_fail(r, BG_DECODE);
    return flag == 1;
}

static void read_body(struct bg_reader *r, struct bg_offline_state *state)
{
    bg_roster_entries_read(r, &state->clients, &state->client_count);
    state->epoch = bg_read_u64(r);
    state->stage = (enum bg_epoch_stage)bg_read_u8(r);
    uint64_t epoch_clients = bg_read_u64(r);
    state->nonce = bg_read_digest(r);
    state->commitment = bg_read_digest(r);
    read_sized(r, &state->answer);
    state->model_round = bg_read_u64(r);
    state->model = bg_read_digest(r);
    state->open = read_flag(r);
    state->closed = read_flag(r);
    read_sized(r, &state->checkpoint);
    state->epoch_clients = (size_t)epoch_clients;
    if (epoch_clients > state->client_count || state->stage > BG_EPOCH_AGREED ||
        (state->open && state->stage != BG_EPOCH_AGREED) || (state->epoch == 0) != (state->stage == BG_EPOCH_NONE))
        bg_reader_fail(r, BG_DECODE);
}

static enum bg_status decode(struct bg_span bytes, const char *path, struct bg_error *error,
                             struct bg_offline_state *state)
{
    struct bg_reader r;
    struct bg_digest digest;
    if (bytes.size < HEADER_BYTES + BG_DIGEST_BYTES)
        return bg_fail(error, BG_TRUNCATED, "%s: ends too early to be the state of a root", path);
    struct bg_span body = {bytes.data, bytes.size - BG_DIGEST_BYTES};
    if (memcmp(bytes.data, BG_STATE_FILE_MAGIC, 4) != 0)
        return bg_fail(error, BG_BAD_MAGIC, "%s: not the state of a root", path);
    bg_sha256(body, &digest);
    if (memcmp(digest.bytes, body.data + body.size, BG_DIGEST_BYTES) != 0)
        return bg_fail(error, BG_BAD_DIGEST, "%s: damaged: restore the folder from a backup", path);
    bg_reader_init(&r, body);
    (void)bg_read_u32(&r);
    uint16_t version = bg_read_u16(&r);
    if (version != VERSION || bg_read_u16(&r) != 0)
        return bg_fail(error, BG_BAD_VERSION, "%s: version %u, this program reads %u", path, (unsigned)version,
                       VERSION);
    read_body(&r, state);
    enum bg_status status = bg_reader_end(&r);
    return status == BG_OK ? BG_OK : bg_fail(error, status, "%s: %s", path, bg_status_text(status));
}

enum bg_status bg_offline_state_load(const char *path, struct bg_error *error, struct bg_offline_state *ret_state)
{
    struct bg_offline_state state;
    uint8_t *bytes;
    size_t size;
    enum bg_status status = bg_file_read(path, FILE_LIMIT, error, &bytes, &size);
    if (status != BG_OK)
        return status;
    bg_offline_state_init(&state);
    status = decode((struct bg_span){bytes, size}, path, error, &state);
    free(bytes);
    if (status == BG_OK)
        *ret_state = state;
    else
        bg_offline_state_finish(&state);
    return status;
}
