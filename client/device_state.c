/* SPDX-License-Identifier: Apache-2.0 */
#include "client/device_state.h"

#include "base/file.h"
#include "crypto/digest.h"
#include "crypto/wipe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC_BYTES 4
#define VERSION 1
#define FLAG_OUT 1u
#define FILE_LIMIT (SIZE_MAX / 4) /* nobody else writes it */

enum bg_status bg_device_state_begin(const struct bg_digest *client, const struct bg_trust *trust,
                                     const struct bg_random *random, struct bg_error *error,
                                     struct bg_device_state *ret_state)
{
    struct bg_device_state state = {.client = *client, .trust = *trust};
    enum bg_status status = bg_random_fill(random, state.tie_secret, sizeof state.tie_secret);
    if (status != BG_OK)
        return bg_fail(error, status, "secret of ties: %s", bg_status_text(status));
    *ret_state = state;
    bg_wipe(&state, sizeof state);
    return BG_OK;
}

enum bg_status bg_device_state_check_owner(const struct bg_device_state *state, const struct bg_digest *client,
                                           const struct bg_trust *trust, struct bg_error *error)
{
    if (!bg_digest_equal(&state->client, client))
        return bg_fail(error, BG_REFUSED, "it belongs to another client: give each its own folder");
    if (memcmp(state->trust.key_holder, trust->key_holder, BG_PUBLIC_POINT_BYTES) != 0 ||
        memcmp(state->trust.root, trust->root, BG_PUBLIC_POINT_BYTES) != 0)
        return bg_fail(error, BG_REFUSED, "it was made under another key holder or root");
    if (!bg_population_equal(&state->trust.population, &trust->population))
        return bg_fail(error, BG_WRONG_POPULATION, "it is of population %s, this client is of %s",
                       state->trust.population.name, trust->population.name);
    return BG_OK;
}

void bg_device_state_finish(struct bg_device_state *state)
{
    bg_learner_finish(&state->learner);
    bg_trusted_task_finish(&state->task);
    bg_wipe(state, sizeof *state);
}

/* ---- writing ---- */

static void write_sized(struct bg_writer *w, struct bg_span bytes)
{
    bg_write_u64(w, bytes.size);
    bg_write_bytes(w, bytes.data, bytes.size);
}

static void write_floats(struct bg_writer *w, const float *values, size_t count)
{
    bg_write_u64(w, count);
    for (size_t i = 0; i < count; i++)
        bg_write_f32(w, values[i]);
}

static void write_update(struct bg_writer *w, const struct bg_device_state *state)
{
    const struct bg_sign_bits *bits = &state->learner.codec.bits;
    bg_write_u32(w, state->seat.group);
    bg_write_u32(w, state->seat.member);
    write_sized(w, bg_document_span(&state->task.document));
    bg_write_u64(w, bits->count);
    for (size_t i = 0; i < bg_sign_words(bits->count); i++)
        bg_write_u64(w, bits->words[i]);
}

static void encode(const struct bg_device_state *state, struct bg_writer *w)
{
    size_t coordinates = state->learner.plan.plan.root.layout.coordinates;
    bg_write_bytes(w, BG_DEVICE_STATE_MAGIC, MAGIC_BYTES);
    bg_write_u16(w, VERSION);
    bg_write_u16(w, state->out ? FLAG_OUT : 0);
    bg_write_digest(w, &state->client);
    bg_write_bytes(w, state->trust.key_holder, sizeof state->trust.key_holder);
    bg_write_bytes(w, state->trust.root, sizeof state->trust.root);
    bg_write_bytes(w, state->tie_secret, sizeof state->tie_secret);
    bg_write_u64(w, state->round);
    bg_write_u32(w, state->attempt);
    bg_write_u64(w, state->settlement.round);
    bg_write_digest(w, &state->settlement.receipt);
    write_sized(w, bg_document_span(&state->learner.plan.document));
    write_floats(w, state->learner.codec.sums, coordinates);
    write_floats(w, state->learner.momentum, state->learner.momentum ? coordinates : 0);
    write_floats(w, state->learner.drift, state->learner.drift ? coordinates : 0);
    if (state->out)
        write_update(w, state);
    if (w->status == BG_OK) {
        struct bg_digest digest;
        bg_sha256(bg_writer_span(w), &digest);
        bg_write_digest(w, &digest);
    }
}

enum bg_status bg_device_state_save(const struct bg_device_state *state, const char *path, struct bg_error *error)
{
    struct bg_writer w;
    bg_writer_init(&w);
    encode(state, &w);
    enum bg_status status = w.status == BG_OK ? bg_file_write(path, bg_writer_span(&w), 0600, error)
                                              : bg_fail(error, w.status, "%s: out of memory", path);
    bg_wipe(w.data, w.size);
    bg_writer_finish(&w);
    return status;
}

/* ---- reading ---- */

static struct bg_span read_sized(struct bg_reader *r)
{
    return bg_read_span(r, bg_read_count(r, SIZE_MAX, 1));
}

/* `count` floats after their number; of an array that the plan does not ask for (NULL) the number is 0. */
static void read_floats(struct bg_reader *r, float *ret_values, size_t count)
{
    if (!ret_values)
        count = 0;
    if (bg_read_count(r, count, sizeof(float)) != count)
        bg_reader_fail(r, BG_DECODE);
    for (size_t i = 0; i < count && r->status == BG_OK; i++) {
        ret_values[i] = bg_read_f32(r);
        if (!isfinite(ret_values[i]))
            bg_reader_fail(r, BG_NOT_FINITE);
    }
}

/* The plan, and everything that has its layout. */
static enum bg_status read_learner(struct bg_reader *r, struct bg_device_state *state, struct bg_error *error)
{
    struct bg_frame frame;
    struct bg_trusted_plan plan;
    struct bg_span bytes = read_sized(r);
    enum bg_status status = bg_frame_expect(bytes, BG_FRAME_PLAN, error, &frame);
    if (status != BG_OK)
        return status;
    state->trust.population = frame.population;
    status = bg_trusted_plan_accept(&state->trust, bytes, error, &plan);
    if (status != BG_OK)
        return status;
    size_t coordinates = plan.plan.root.layout.coordinates;
    if (bg_learner_adopt(&state->learner, &plan) != BG_OK) {
        bg_trusted_plan_finish(&plan);
        return bg_fail(error, BG_NO_MEMORY, "out of memory for %zu coordinates", coordinates);
    }
    read_floats(r, state->learner.codec.sums, coordinates);
    read_floats(r, state->learner.momentum, coordinates);
    read_floats(r, state->learner.drift, coordinates);
    return r->status == BG_OK ? BG_OK : bg_fail(error, r->status, "its residual: %s", bg_status_text(r->status));
}

static enum bg_status read_update(struct bg_reader *r, struct bg_device_state *state, struct bg_error *error)
{
    const struct bg_plan *plan = &state->learner.plan.plan;
    struct bg_sign_bits *bits = &state->learner.codec.bits;
    state->seat.group = bg_read_u32(r);
    state->seat.member = bg_read_u32(r);
    struct bg_span bytes = read_sized(r);
    enum bg_status status = bg_trusted_task_accept(&state->trust, bytes, error, &state->task);
    if (status == BG_OK)
        status = bg_task_check(&state->learner.plan, &state->task, &state->seat, error);
    if (status != BG_OK)
        return status;
    const struct bg_task *task = &state->task.task;
    if (task->tensor_count != plan->root.layout.tensor_count || task->round != state->round ||
        task->attempt != state->attempt || state->seat.member >= BG_MAX_GROUP_MEMBERS)
        return bg_fail(error, BG_DECODE, "its task and its plan contradict each other");
    struct bg_codec_round round = bg_task_codec_round(task);
    bool votes = task->stage == BG_STAGE_LEARNING && plan->root.codec.mode != BG_PLAN_CODEC_DENSE;
    bits->count = votes ? bg_codec_votes(&plan->root.layout, &round) : 0;
    if (bg_read_u64(r) != bits->count)
        bg_reader_fail(r, BG_DECODE);
    for (size_t i = 0; i < bg_sign_words(bits->count) && r->status == BG_OK; i++)
        bits->words[i] = bg_read_u64(r);
    if (bits->count % 64 && bits->words[bits->count / 64] >> (bits->count % 64))
        bg_reader_fail(r, BG_DECODE);
    return r->status == BG_OK ? BG_OK : bg_fail(error, r->status, "its votes: %s", bg_status_text(r->status));
}

static void read_point(struct bg_reader *r, uint8_t ret_point[static BG_PUBLIC_POINT_BYTES])
{
    struct bg_span bytes = bg_read_span(r, BG_PUBLIC_POINT_BYTES);
    if (bytes.data)
        memcpy(ret_point, bytes.data, bytes.size);
}

static enum bg_status decode(struct bg_span content, struct bg_device_state *state, struct bg_error *error)
{
    struct bg_reader r;
    bg_reader_init(&r, content);
    (void)bg_read_span(&r, MAGIC_BYTES + 2); /* checked with the digest */
    unsigned flags = bg_read_u16(&r);
    state->client = bg_read_digest(&r);
    read_point(&r, state->trust.key_holder);
    read_point(&r, state->trust.root);
    struct bg_span secret = bg_read_span(&r, sizeof state->tie_secret);
    if (secret.data)
        memcpy(state->tie_secret, secret.data, secret.size);
    state->round = bg_read_u64(&r);
    state->attempt = bg_read_u32(&r);
    state->settlement.round = bg_read_u64(&r);
    state->settlement.receipt = bg_read_digest(&r);
    state->out = flags & FLAG_OUT;
    if (r.status != BG_OK || flags & ~FLAG_OUT)
        return bg_fail(error, BG_DECODE, "malformed");
    enum bg_status status = read_learner(&r, state, error);
    if (status == BG_OK && state->out)
        status = read_update(&r, state, error);
    if (status == BG_OK && bg_reader_end(&r) != BG_OK)
        status = bg_fail(error, BG_DECODE, "bytes are left over");
    return status;
}

static enum bg_status check_envelope(struct bg_span file, struct bg_error *error, struct bg_span *ret_content)
{
    struct bg_digest digest;
    if (file.size < MAGIC_BYTES + 4 + BG_DIGEST_BYTES)
        return bg_fail(error, BG_TRUNCATED, "ends after %zu bytes", file.size);
    if (memcmp(file.data, BG_DEVICE_STATE_MAGIC, MAGIC_BYTES) != 0)
        return bg_fail(error, BG_BAD_MAGIC, "not the state of a burgee client");
    unsigned version = file.data[MAGIC_BYTES] | (unsigned)file.data[MAGIC_BYTES + 1] << 8;
    if (version != VERSION)
        return bg_fail(error, BG_BAD_VERSION, "version %u, only %u is known", version, VERSION);
    struct bg_span content = {file.data, file.size - BG_DIGEST_BYTES};
    bg_sha256(content, &digest);
    if (memcmp(digest.bytes, file.data + content.size, BG_DIGEST_BYTES) != 0)
        return bg_fail(error, BG_BAD_DIGEST, "damaged, its digest does not match");
    *ret_content = content;
    return BG_OK;
}

enum bg_status bg_device_state_load(const char *path, struct bg_error *error, struct bg_device_state *ret_state)
{
    uint8_t *bytes;
    size_t size;
    struct bg_span content;
    struct bg_device_state state = {.out = false};
    enum bg_status status = bg_file_read(path, FILE_LIMIT, error, &bytes, &size);
    if (status != BG_OK)
        return status;
    status = check_envelope((struct bg_span){bytes, size}, error, &content);
    if (status == BG_OK)
        status = decode(content, &state, error);
    bg_wipe(bytes, size);
    free(bytes);
    if (status != BG_OK) {
        bg_device_state_finish(&state);
        return bg_fail_in(error, status, "%s", path);
    }
    *ret_state = state;
    return BG_OK;
}
